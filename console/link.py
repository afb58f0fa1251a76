"""The console's end of the line to the desk: attach, follow, and attach again when it is lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from console.halting import terminal, who
from services.desk.client import DeskClient, DeskError, DeskUnreachableError

if TYPE_CHECKING:
    from db.model.snapshot import DeskSnapshot

HEAVY = ("aiohttp", "console.snapshots", "services.desk.latch")
"""Imported in a thread after the first frame, so that drawing and keys never wait for them."""
LONGEST_PAUSE = 15.0
"""Seconds between two attempts to attach, at most."""

Attach = Callable[[], Awaitable[DeskClient]]
"""Gives a client of a desk that runs, starting one when needed. Raises DeskError."""


class Listener(Protocol):
    """Who is told how the line is. Called on the event loop."""

    def on_attached(self, console: str) -> None:
        """The public id under which the desk knows this console."""
        ...

    def on_snapshot_came(self, snapshot: "DeskSnapshot") -> None: ...
    def on_desk_lost(self, sentence: str) -> None: ...


class Link:
    """Keeps one client attached as long as `follow` runs."""

    def __init__(
        self,
        attach: Attach,
        listener: Listener,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._attach = attach
        self._listener = listener
        self._pause = pause
        self._client: DeskClient | None = None
        self._token = ""
        """By which the desk knows this console again after a loss."""

    @property
    def desk(self) -> DeskClient:
        """The desk, attached. Raises DeskUnreachableError when it is not."""
        if self._client is None:
            raise DeskUnreachableError(
                "The desk is not attached; nothing was asked of it.", absent=True
            )
        return self._client

    async def follow(self) -> None:
        """Attach, tell the listener every snapshot, and do so again after a loss, until cancelled."""
        for module in HEAVY:
            await asyncio.to_thread(import_module, module)
        failures = 0
        while True:
            try:
                async for _ in self._snapshots():
                    failures = 0
            except (DeskError, OSError, ValueError) as error:
                # ValueError: a message that can't be read. A fresh snapshot may be readable.
                self._listener.on_desk_lost(_sentence(error))
            await self._pause(min(LONGEST_PAUSE, 0.25 * 2 ** min(failures, 10)))
            failures += 1

    async def _snapshots(self) -> AsyncIterator[None]:
        from console.snapshots import Snapshots

        client = await self._attach()
        fold = Snapshots()
        try:
            client.console = self._token
            known = await client.attach(f"{who()} ({terminal()})")
            self._token = client.console
            self._listener.on_attached(str(known["console"]))
            self._client = client
            async for message in client.updates():
                snapshot = fold.take(message)
                if snapshot is not None:
                    self._listener.on_snapshot_came(snapshot)
                    yield
        finally:
            self._client = None
            await client.close()


def _sentence(error: Exception) -> str:
    if isinstance(error, DeskError):
        return error.sentence
    if isinstance(error, OSError):
        return f"The desk can't be reached ({error.strerror or error})."
    return "The desk speaks another version than this console: stop it and start it again."
