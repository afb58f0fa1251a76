"""The exchange's own time. Everything that needs the time is given a Clock."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Protocol, runtime_checkable

from services.exchange.sessions import NEW_YORK, Session, session_of, sessions_from

MICROSECOND = timedelta(microseconds=1)
START_AFTER_OPEN = timedelta(minutes=30)
ROLL_BEFORE_CLOSE = timedelta(hours=1)


class Clock(Protocol):
    def now(self) -> datetime:
        """Exchange time, aware UTC, never going back."""


@runtime_checkable
class Movable(Clock, Protocol):
    """A clock that can be set forward; the true one cannot."""

    def forward(self, to: datetime) -> None:
        """Go on from `to`; a time that has passed changes nothing."""


class WallClock:
    """True time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class StartedClock:
    """Begins at a chosen instant and runs `speed` times as fast as true time."""

    def __init__(
        self, start: datetime, speed: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._start, self._speed, self._monotonic = start, speed, monotonic
        self._begun = monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(self._monotonic() - self._begun) * self._speed)

    def forward(self, to: datetime) -> None:
        self._start += max(to - self.now(), timedelta(0))


class OpenClock:
    """Always inside a regular session: an hour before a close it goes on in the next session.

    Each session counts from half an hour after its open, so the next close is hours ahead
    when a newcomer starts.
    """

    def __init__(
        self, start: datetime, speed: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._steady = StartedClock(start, speed, monotonic)
        self._skipped = timedelta(0)
        self._session = self._next_session(start)
        self._rolls = self._session.closes - ROLL_BEFORE_CLOSE

    def now(self) -> datetime:
        now = self._steady.now() + self._skipped
        while now >= self._rolls:
            over = now - self._rolls
            self._session = next(sessions_from(self._session.day + timedelta(days=1)))
            self._rolls = self._session.closes - ROLL_BEFORE_CLOSE
            resumed = self._session.opens + START_AFTER_OPEN + over
            self._skipped += resumed - now
            now = resumed
        return now

    def forward(self, to: datetime) -> None:
        self._skipped += max(to - self.now(), timedelta(0))

    def _next_session(self, start: datetime) -> Session:
        session = next(sessions_from(start.astimezone(NEW_YORK).date()))
        begin = session.opens + START_AFTER_OPEN
        if start < begin:
            self._skipped = begin - start
        return session


def open_start(today: date) -> datetime:
    """Where the always-open clock starts: half an hour into the last session up to `today`."""
    session = None
    while session is None:
        session = session_of(today)
        today -= timedelta(days=1)
    return session.opens + START_AFTER_OPEN


class Stamps:
    """Strictly increasing times for records, so that no two orders share one (`after=` paging)."""

    def __init__(self, clock: Clock, last: datetime | None = None) -> None:
        self._clock = clock
        self._last = last

    def __call__(self) -> datetime:
        now = self._clock.now()
        if self._last is not None and now <= self._last:
            now = self._last + MICROSECOND
        self._last = now
        return now
