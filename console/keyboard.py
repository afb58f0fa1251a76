"""Keys one after the other, each when what the one before set off has happened.

A slow line lets many keys go at once. Without this the second would be looked up before the first had opened
its box, and Enter would be heard before the words typed just before it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import TypeAlias

from textual import events
from textual.message_pump import MessagePump

LONGEST_SETTLE = 1.0
"""Seconds that a key is held back at most when something does not come to rest."""

Typed: TypeAlias = events.Key | events.Paste
Handle = Callable[[Typed], Awaitable[None]]
Pumps = Callable[[], Iterator[MessagePump]]


class Keyboard:
    """Queues keys and pastes for `handle`; `pumps` names whose queues must be empty before the next."""

    def __init__(self, handle: Handle, pumps: Pumps) -> None:
        self._handle = handle
        self._pumps = pumps
        self._queue: asyncio.Queue[Typed] = asyncio.Queue()
        self._at_work = False

    @property
    def idle(self) -> bool:
        """Whether everything typed has had its effect."""
        return not self._at_work and self._queue.empty()

    def take(self, event: Typed) -> None:
        """One more."""
        self._queue.put_nowait(event)

    def forget(self) -> None:
        """What was typed ahead counts no more."""
        while not self._queue.empty():
            self._queue.get_nowait()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            event = await self._queue.get()
            self._at_work = True
            try:
                await self._handle(event)
                await self._settle()
            finally:
                self._at_work = False

    async def _settle(self) -> None:
        # A round for what the key set off, and one for what that set off (a box asks for the focus).
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_SETTLE):
                for _ in range(2):
                    for pump in list(self._pumps()):
                        await _reached(pump)


async def _reached(pump: MessagePump) -> None:
    """Returns when the pump has handled all that is in its queue now."""
    passed = asyncio.Event()
    if pump.is_running and pump.call_later(passed.set):
        await passed.wait()
