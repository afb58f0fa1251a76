"""An event loop whose time costs nothing, and lives that end as a SIGKILL ends a process.

Whenever nothing is ready the loop's clock jumps to the next timer: every time-out, poll and back-off
of a sequence is exact, takes no real time, and falls in the same order every time. There is no file
descriptor and no thread: what would run in an executor runs at once, on the loop."""

import asyncio
import heapq
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from datetime import datetime, timedelta
from typing import Any

LIFE: "ContextVar[Life | None]" = ContextVar("life", default=None)


class Life:
    """One process: everything that it ever started inherits it by its context."""

    def __init__(self) -> None:
        self.dead = False


class StandstillError(Exception):
    """Everybody waits and nobody has set a timer."""


class _Jump:
    """In the place of a selector: waiting is setting the clock forward."""

    def __init__(self) -> None:
        self.now = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise StandstillError
        self.now += timeout
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Jump()
        self._clock_resolution = 1e-6
        self.slow_callback_duration = float("inf")
        self._over = False

    def time(self) -> float:
        return self._selector.now

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    # -- lives ---------------------------------------------------------------------------------

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:
        if self._over:
            return asyncio.Handle(callback, args, self, context)
        handle = super().call_soon(callback, *args, context=context)
        if _is_dead(handle):
            handle.cancel()
        return handle

    def call_at(
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> Any:
        if self._over:
            return asyncio.TimerHandle(when, callback, args, self, context)
        # A timer so near that adding it leaves the clock as it is would be set again for ever.
        when = max(when, self.time() + self._clock_resolution)
        handle = super().call_at(when, callback, *args, context=context)
        if _is_dead(handle):
            handle.cancel()
        return handle

    def end(self, life: Life) -> None:
        """Nothing that this life started takes another step: no clean-up, no last word."""
        life.dead = True
        for handle in [*self._ready, *self._scheduled]:  # type: ignore[attr-defined]
            if _is_dead(handle):
                handle.cancel()
        self._scheduled = [h for h in self._scheduled if not h.cancelled()]  # type: ignore[has-type]
        heapq.heapify(self._scheduled)
        self._timer_cancelled_count = 0

    def finish(self) -> None:
        """The end of the sequence: whatever is still under way stays where it is."""
        self._over = True
        self._ready.clear()  # type: ignore[attr-defined]
        self._scheduled.clear()
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]

    def run_for(self, seconds: float) -> None:
        self.run_until_complete(asyncio.sleep(seconds))


def _is_dead(handle: asyncio.Handle) -> bool:
    life = handle._context.get(LIFE)  # type: ignore[attr-defined]
    return life is not None and life.dead


def within(life: Life | None) -> Context:
    """The context of a life, or of what no kill touches."""
    context = copy_context()
    context.run(LIFE.set, life)
    return context


class LoopClock:
    """The desk's clock."""

    def __init__(self, start: datetime, loop: asyncio.AbstractEventLoop) -> None:
        self._start, self._loop = start, loop

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
