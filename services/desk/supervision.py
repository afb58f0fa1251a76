"""The desk's workers: each is started again when it fails, and all end with the desk."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from db.clock import Clock
from db.errors import JournalError
from services.brokers.port import BrokerUnavailableError

RESTART_SECONDS = 1.0
LONGEST_RESTART_SECONDS = 10.0
"""A broker that is away is asked less and less often: its limit of requests is ours."""

log = logging.getLogger(__name__)


class Supervisor:
    """One worker's failure never takes the desk down; a journal that fails is told at once."""

    def __init__(self, clock: Clock, journal_failed: Callable[[str], Awaitable[None]]) -> None:
        self._clock = clock
        self._journal_failed = journal_failed
        self._tasks: set[asyncio.Task[object]] = set()

    def watch(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        """Run something that should not end, again and again when it does."""
        self._start(name, self._again_and_again(name, run))

    def keep(self, name: str, act: Callable[[], Awaitable[object]], seconds: float) -> None:
        """Do something every so many seconds."""

        async def repeat() -> None:
            while True:
                await act()
                await self._clock.sleep(seconds)

        self.watch(name, repeat)

    def once(self, name: str, act: Callable[[], Awaitable[object]]) -> None:
        """Do something now, beside whoever asks for it."""
        self._start(name, self._safely(name, act))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _again_and_again(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        rest = RESTART_SECONDS
        while True:
            began = self._clock.monotonic()
            reached = await self._safely(name, run)
            lasted = self._clock.monotonic() - began
            if reached or lasted > 2 * LONGEST_RESTART_SECONDS:
                rest = RESTART_SECONDS
            else:
                rest = min(2 * rest, LONGEST_RESTART_SECONDS)
            await self._clock.sleep(rest)

    async def _safely(self, name: str, act: Callable[[], Awaitable[object]]) -> bool:
        """False when the broker could not be reached."""
        try:
            await act()
        except JournalError as error:
            self.once("journal", partial(self._journal_failed, str(error)))
        except BrokerUnavailableError as error:
            log.warning("%s: %s", name, error)
            return False
        except Exception:  # one worker's failure must not take the desk down
            log.exception("%s failed", name)
        return True
