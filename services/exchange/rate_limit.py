"""Requests a minute and account, and the headers that tell of them (alpaca.md §9)."""

from collections.abc import Callable
from dataclasses import dataclass

MINUTE = 60.0


@dataclass
class _Window:
    began: float
    used: int = 0


class RateLimit:
    """Fixed windows of true time; a limit of 0 is none. `wall` gives seconds since the epoch."""

    def __init__(self, limit: int, wall: Callable[[], float]) -> None:
        self._limit, self._wall = limit, wall
        self._windows: dict[str, _Window] = {}

    def take(self, account: str) -> tuple[bool, dict[str, str]]:
        """Count a request: whether it is let through, and the headers of its answer."""
        if not self._limit:
            return True, {}
        now = self._wall()
        window = self._windows.get(account)
        if window is None or not 0 <= now - window.began < MINUTE:
            window = self._windows[account] = _Window(now)
        window.used += 1
        headers = {
            "X-Ratelimit-Limit": str(self._limit),
            "X-Ratelimit-Remaining": str(max(self._limit - window.used, 0)),
            "X-Ratelimit-Reset": str(int(window.began + MINUTE)),
        }
        return window.used <= self._limit, headers
