"""The latch file of a home, as the engine's second holder of a halt."""

from datetime import datetime

from db.home import Home
from services.desk.latch import clear_latch, latched, set_latch


class HomeLatch:
    """See `services.desk.latch`: every doubt means halted."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def is_set(self) -> bool:
        return latched(self._home)

    def set(self, by: str, reason: str, at: datetime) -> None:
        set_latch(self._home, by, reason, at)

    def clear(self) -> None:
        clear_latch(self._home)
