"""One stream, kept up: a thread and a loop of its own, one connection after another until stopped.

alpaca-py's own loop is not used: it hangs on a mute server, deadlocks when stopped from its own
loop, tells nobody that it is connected and never says that the keys are wrong (alpaca.md §5.4)."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Protocol

from services.brokers.port import BrokerMessage, StreamState

log = logging.getLogger(__name__)

Deliver = Callable[[Sequence[BrokerMessage]], None]

CLOSING = 2.0
"""Seconds that a connection may take to say goodbye."""


@dataclass(frozen=True)
class Backoff:
    """Seconds before the next connection: doubling, capped, between half and all of it."""

    first: float = 1.0
    longest: float = 30.0
    jitter: Callable[[], float] = random.random

    def delay(self, failures: int) -> float:
        """`failures` in a row, counted from the last connection that got to listen."""
        capped = min(self.first * 2.0 ** min(failures - 1, 30), self.longest)
        return capped * (1 + self.jitter()) / 2


class StreamLostError(Exception):
    """A connection ended or never came to be. The text is the reason, for a trader."""


class Connection(Protocol):
    """One connection."""

    async def session(self, connected: Callable[[str], None]) -> None:
        """Until it ends. Calls `connected` (with a remark, perhaps) once subscribed. Returning
        means that nothing was lost; StreamLostError says what was."""
        ...

    async def close(self) -> None: ...


class StreamThread:
    """Keeps connections coming and tells of every change of state, each once."""

    def __init__(
        self,
        stream: str,
        open_connection: Callable[[], Connection],
        deliver: Deliver,
        backoff: Backoff,
    ) -> None:
        self._stream = stream
        self._open_connection = open_connection
        self._deliver = deliver
        self._backoff = backoff
        self._told: StreamState | None = None
        self._failures = 0
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = Thread(target=self._main, name=f"stream-{stream}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, deadline: float = 2 * CLOSING) -> None:
        """Blocks until the thread has ended, at most `deadline` seconds."""
        self._stopping = True
        self.call(self._cancel)
        if self._thread.is_alive():
            self._thread.join(deadline)
        if self._thread.is_alive():
            log.warning("the %s stream's thread did not end in %s s", self._stream, deadline)

    def call(self, action: Callable[[], object]) -> None:
        """Run `action` on the stream's own loop, if there is one."""
        if self._loop is not None:
            with suppress(RuntimeError):  # closed meanwhile: nothing is left to act on
                self._loop.call_soon_threadsafe(action)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _main(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self._supervise())

    async def _supervise(self) -> None:
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        while not self._stopping:
            reason = await self._one_connection()
            self._failures += 1
            if reason is not None:
                self._tell(StreamState(stream=self._stream, connected=False, reason=reason))
            if not self._stopping:
                await asyncio.sleep(self._backoff.delay(self._failures))

    async def _one_connection(self) -> str | None:
        """Why it ended; None when nothing was lost."""
        connection = None
        try:
            connection = self._open_connection()
            await connection.session(self._connected)
        except StreamLostError as error:
            return str(error)
        except Exception as error:
            # Nothing may end the supervision but a stop: an unforeseen end is one more loss.
            log.exception("the %s stream ended unexpectedly", self._stream)
            return f"the stream ended unexpectedly ({type(error).__name__})"
        finally:
            if connection is not None:
                await _close(connection)
        return None

    def _connected(self, remark: str = "") -> None:
        self._failures = 0
        self._tell(StreamState(stream=self._stream, connected=True, reason=remark))

    def _tell(self, state: StreamState) -> None:
        """Every connection is told, since each needs its snapshots; a loss once per reason."""
        if state.connected or state != self._told:
            self._told = state
            self._deliver((state,))


async def _close(connection: Connection) -> None:
    try:
        async with asyncio.timeout(CLOSING):
            await connection.close()
    except Exception as error:
        # The connection is given up either way; a goodbye that fails is no news.
        log.debug("closing a stream: %s", error)
