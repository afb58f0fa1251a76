"""Requests a minute, under the broker's limit, with a share kept for what must never wait.

Pure but for the injected clock: `take` either counts a request as sent or says how long to wait."""

from collections import deque
from collections.abc import Callable
from enum import IntEnum
from threading import Lock

from services.brokers.port import RequestBudget

WINDOW = 60.0
"""Seconds that a request counts against the limit."""


class Lane(IntEnum):
    """What a request is for. The value is how many reserved shares it leaves to the lanes below."""

    READ = 2
    """Lists, accounts, prices: wait first."""
    ORDER = 1
    """New orders: wait only for the reserve of cancels."""
    URGENT = 0
    """Cancels and look-ups by id: counted, never held back (spec 5, Submitting, step 6)."""


class RequestLimiter:
    """A sliding minute of requests. Safe to use from several threads."""

    def __init__(
        self, monotonic: Callable[[], float], *, limit: int = 200, reserve: int = 20
    ) -> None:
        if not 0 <= 2 * reserve < limit:
            raise ValueError("the reserve must leave room for ordinary requests")
        self._monotonic = monotonic
        self._limit = limit
        self._reserve = reserve
        self._sent: deque[float] = deque()
        self._lock = Lock()

    def take(self, lane: Lane) -> float:
        """0 when the request may go now (it is counted), else the seconds to wait and ask again."""
        with self._lock:
            now = self._forget_old()
            over = len(self._sent) - (self._limit - lane * self._reserve)
            if lane is not Lane.URGENT and over >= 0:
                return self._sent[over] + WINDOW - now
            self._sent.append(now)
            return 0.0

    def budget(self) -> RequestBudget:
        with self._lock:
            self._forget_old()
            return RequestBudget(used=len(self._sent), limit=self._limit)

    def _forget_old(self) -> float:
        now = self._monotonic()
        while self._sent and self._sent[0] + WINDOW <= now:
            self._sent.popleft()
        return now
