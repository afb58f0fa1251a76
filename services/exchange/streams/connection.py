"""One websocket client: messages queue up here so that nobody waits for a slow reader."""

import asyncio
from collections import deque

from aiohttp import web

MOST_WAITING = 16 << 20  # bytes
SLOW_CLIENT = 1008
GOODBYE = 0.5  # seconds a client has to answer a close


class Connection:
    """Keeps order, never drops: a client that falls too far behind is closed instead."""

    def __init__(self, socket: web.WebSocketResponse, *, binary: bool) -> None:
        self._socket, self._binary = socket, binary
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._too_slow = False

    def send(self, payload: bytes) -> None:
        if self._bytes > MOST_WAITING:
            self._too_slow = True
        else:
            self._waiting.append(payload)
            self._bytes += len(payload)
        self._wake.set()

    async def write(self) -> None:
        """Sends what is queued until the client is gone or too slow; run it as a task."""
        while not self._socket.closed:
            await self._wake.wait()
            self._wake.clear()
            await self.flush()
            if self._too_slow:
                await self._socket.close(code=SLOW_CLIENT, message=b"slow client")

    async def flush(self) -> None:
        """Sends everything queued so far."""
        while self._waiting and not self._socket.closed:
            payload = self._waiting.popleft()
            self._bytes -= len(payload)
            await self._send(payload)

    async def _send(self, payload: bytes) -> None:
        try:
            if self._binary:
                await self._socket.send_bytes(payload)
            else:
                await self._socket.send_str(payload.decode())
        except ConnectionError:
            self._waiting.clear()  # gone; the reader of this socket ends the connection
