"""Time, injected everywhere: tests never wait for the real one."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

LARGEST_STEP_BACK = timedelta(days=1)
"""A machine whose clock is further behind the journal than this was set wrong when that was written."""
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Counts the time too that the machine sleeps, where the system can tell."""


class Clock(Protocol):
    """`now` is aware UTC for records, `monotonic` seconds for ages and time-outs."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


def _steady() -> float:
    return time.clock_gettime(_STEADY)


class SystemClock:
    """The machine's time as it was at the start, run on steadily: somebody who sets the machine's
    clock neither ends nor prolongs an approval or a time limit, and no event is older than the one
    before it."""

    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = _steady
    ) -> None:
        """`wall`: seconds since the epoch by the machine's clock. `steady`: seconds that only grow."""
        self._wall = wall
        self._steady = steady
        self._epoch = self._machine() - timedelta(seconds=steady())

    def now(self) -> datetime:
        return self._epoch + timedelta(seconds=self._steady())

    def monotonic(self) -> float:
        return self._steady()

    def drift(self) -> timedelta:
        """How far the machine's clock is ahead of this one by now."""
        return self._machine() - self.now()

    def not_before(self, moment: datetime) -> None:
        """Go on from what was written down last, if the machine's clock was set back since."""
        behind = moment - self.now()
        if timedelta(0) < behind <= LARGEST_STEP_BACK:
            self._epoch += behind

    def _machine(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
