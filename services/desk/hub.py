"""Updates to consoles: coalesced, only what changed, never waiting for a slow one.

Quotes and figures at most ten times a second; events (orders, fills, alerts, states) are never
coalesced or dropped. A client that does not take them in time is cut off and takes a new snapshot."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from db.clock import Clock
from db.model.event import Event
from db.model.snapshot import DeskSnapshot, changes
from services.desk.operators import Operators

INTERVAL_SECONDS = 0.1
CONSOLE = "X-Quarterdeck-Console"
"""Header by which an attached console names itself; what comes without it is a command line."""
LONGEST_QUEUE = 10_000
"""Messages that may wait for one client."""

log = logging.getLogger(__name__)


class _Client:
    """One console or follower: what it was last shown, and what waits for it."""

    def __init__(self, events: bool) -> None:
        self.events = events
        self.shown: dict[str, Any] | None = None
        self.queue: asyncio.Queue[str | None] = asyncio.Queue(LONGEST_QUEUE)

    def put(self, message: dict[str, Any]) -> None:
        """Raises asyncio.QueueFull."""
        self.queue.put_nowait(json.dumps(message, ensure_ascii=False, separators=(",", ":")))


class Hub:
    """All attached clients."""

    def __init__(
        self, snapshot: Callable[[], DeskSnapshot], clock: Clock, operators: Operators
    ) -> None:
        self._snapshot = snapshot
        self._operators = operators
        self._clock = clock
        self._clients: set[_Client] = set()
        self._dirty = asyncio.Event()

    @property
    def clients(self) -> int:
        return len(self._clients)

    def touch(self) -> None:
        """Something that the snapshot shows has changed."""
        self._dirty.set()

    def on_events(self, events: tuple[Event, ...]) -> None:
        """Journalled events go out at once, to those who follow them."""
        self.touch()
        for client in tuple(self._clients):
            if client.events:
                for event in events:
                    self._give(client, {"type": "event", "event": event.to_json()})

    async def run(self) -> None:
        """Send what changed, ten times a second at most, until cancelled."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            if self._clients:
                current = self._snapshot().to_json()
                for client in tuple(self._clients):
                    self._show(client, current)
            await self._clock.sleep(INTERVAL_SECONDS)

    def _show(self, client: _Client, current: dict[str, Any]) -> None:
        if client.shown is None:
            self._give(client, {"type": "snapshot", "snapshot": current})
        elif changed := changes(client.shown, current):
            # The clock alone is no news: it is drawn by the client's own.
            if set(changed) <= {"at", "clock"}:
                return
            self._give(client, {"type": "changes", "changes": changed})
        client.shown = current

    def _give(self, client: _Client, message: dict[str, Any]) -> None:
        try:
            client.put(message)
        except asyncio.QueueFull:
            log.warning("a client does not take its updates: cut off")
            self._clients.discard(client)
            client.queue = asyncio.Queue()
            client.queue.put_nowait(None)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """The websocket of one client, until either end closes it."""
        socket = web.WebSocketResponse(heartbeat=20.0)
        await socket.prepare(request)
        client = _Client(events=request.query.get("events") == "1")
        console = request.headers.get(CONSOLE, "")
        self._operators.opened(console)
        self.touch()
        self._show(client, self._snapshot().to_json())
        self._clients.add(client)
        sending = asyncio.create_task(self._send(client, socket))
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            self._clients.discard(client)
            self._operators.closed(console)
            self.touch()
            sending.cancel()
        return socket

    async def _send(self, client: _Client, socket: web.WebSocketResponse) -> None:
        try:
            while (message := await client.queue.get()) is not None:
                await socket.send_str(message)
            await socket.close()
        except ConnectionError:
            log.info("a client went away")

    async def close(self) -> None:
        """Let every client go."""
        for client in tuple(self._clients):
            client.queue.put_nowait(None)
