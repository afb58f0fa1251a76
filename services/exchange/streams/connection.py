"""One websocket client: messages queue up here so that nobody waits for a slow reader."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count

from aiohttp import web

from services.exchange.engine.trade_updates import TradeUpdate
from services.exchange.streams.limits import BACKLOG
from services.exchange.streams.tap import Close, Frame, Step, Tap

SLOW_CLIENT = Close(1008, "slow client")
GOODBYE = 0.5  # seconds a client has to answer a close


class Connections:
    """Those that are open, and the tap their frames pass."""

    def __init__(self) -> None:
        self.tap = Tap()
        self._open: set[Connection] = set()
        self._numbers = count(1)

    def __iter__(self) -> "Iterator[Connection]":
        return iter(tuple(self._open))

    def number(self) -> int:
        """A new connection's number."""
        return next(self._numbers)

    def add(self, connection: "Connection") -> None:
        self._open.add(connection)

    def discard(self, connection: "Connection") -> None:
        self._open.discard(connection)


@dataclass(frozen=True)
class Wording:
    """How a connection's frames look: binary or text; `last_word` is for a client too slow."""

    binary: bool
    last_word: bytes | None = None
    most_waiting: int = BACKLOG


class Connection:
    """Keeps order, never drops: a client that falls too far behind is closed instead."""

    def __init__(
        self, among: Connections, socket: web.WebSocketResponse, stream: str, wording: Wording
    ) -> None:
        self.stream, self.number = stream, among.number()
        self.account: str | None = None
        self._among, self._socket, self._wording = among, socket, wording
        self._waiting: deque[bytes | Close] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._farewell = False
        self._dismissal: asyncio.Task[None] | None = None

    def send(self, payload: bytes, event: str, update: TradeUpdate | None = None) -> None:
        for step in self._among.tap.passes(
            Frame(self.stream, self.account, event, payload, update, self.number)
        ):
            if step.after > 0:
                asyncio.get_running_loop().call_later(step.after, self._queue, step)
            else:
                self._queue(step)

    def close(self, code: int, reason: str = "") -> None:
        """Close once everything queued so far is sent."""
        self._queue(Close(code, reason))

    def dismiss(self) -> None:
        """Send the client away as too slow, whatever it still waits for."""
        self._waiting.clear()
        self._dismissal = asyncio.get_running_loop().create_task(self._dismiss())
        self._wake.set()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """What is sent meanwhile goes out; at the end the rest does, and the socket is closed."""
        self._among.add(self)
        writer = asyncio.create_task(self._write())
        try:
            yield
        finally:
            self._among.discard(self)
            if not self._farewell:
                writer.cancel()
            await asyncio.gather(writer, *filter(None, [self._dismissal]), return_exceptions=True)
            await self._flush()
            await self._socket.close()

    async def _write(self) -> None:
        while not self._socket.closed:
            await self._wake.wait()
            self._wake.clear()
            await self._flush()

    async def _flush(self) -> None:
        while self._waiting and not self._socket.closed:
            item = self._waiting.popleft()
            if isinstance(item, Close):
                self._farewell = True
                await self._socket.close(code=item.code, message=item.reason.encode())
            else:
                self._bytes -= len(item)
                await self._send(item)

    def _queue(self, step: Step) -> None:
        if self._dismissal is not None:
            return
        if isinstance(step, Close):
            self._waiting.append(step)
        elif self._bytes > self._wording.most_waiting:
            self.dismiss()
        else:
            self._waiting.append(step.payload)
            self._bytes += len(step.payload)
        self._wake.set()

    async def _dismiss(self) -> None:
        """A slow client's last word and close go past what waited for it; it reads them last."""
        if self._wording.last_word is not None:
            with suppress(TimeoutError):  # written at once: only the wait for room is given up
                async with asyncio.timeout(GOODBYE):
                    await self._send(self._wording.last_word)
        farewell = SLOW_CLIENT.reason.encode()
        await self._socket.close(code=SLOW_CLIENT.code, message=farewell, drain=False)

    async def _send(self, payload: bytes) -> None:
        try:
            if self._wording.binary:
                await self._socket.send_bytes(payload)
            else:
                await self._socket.send_str(payload.decode())
        except ConnectionError:
            self._waiting.clear()  # gone; the reader of this socket ends the connection
