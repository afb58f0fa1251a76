"""The latch files of a home, as the engine's second holder of a halt."""

from datetime import datetime

from db.home import Home
from db.model.trading import TradingState
from services.desk import latch


class HomeLatch:
    """See `services.desk.latch`: every doubt means stopped."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def state(self) -> TradingState:
        if latch.latched(self._home):
            return TradingState.HALTED
        return TradingState.REDUCING if latch.reduced(self._home) else TradingState.ACTIVE

    def set(self, by: str, reason: str, at: datetime) -> None:
        latch.set_latch(self._home, by, reason, at)

    def set_reducing(self, by: str, reason: str, at: datetime) -> None:
        latch.set_reducing(self._home, by, reason, at)

    def unlatch(self) -> None:
        latch.clear_latch(self._home)

    def clear(self) -> None:
        """Both, the stricter last: what fails half-way leaves trading stopped."""
        latch.clear_reducing(self._home)
        latch.clear_latch(self._home)
