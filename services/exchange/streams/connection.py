"""One websocket client: messages queue up here so that nobody waits for a slow reader."""

import asyncio
from collections import deque

from aiohttp import web

MOST_WAITING = 20_000
SLOW_CLIENT = 1008


class Connection:
    """Keeps order, never drops: a client that falls too far behind is closed instead."""

    def __init__(self, socket: web.WebSocketResponse, *, binary: bool) -> None:
        self._socket, self._binary = socket, binary
        self._waiting: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._too_slow = False

    def send(self, payload: bytes) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._too_slow = True
        else:
            self._waiting.append(payload)
        self._wake.set()

    async def write(self) -> None:
        """Sends what is queued until the client is gone or too slow; run it as a task."""
        while not self._socket.closed:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting and not self._socket.closed:
                await self.send_now(self._waiting.popleft())
                if self._too_slow:
                    await self._socket.close(code=SLOW_CLIENT, message=b"slow client")

    async def send_now(self, payload: bytes) -> None:
        try:
            if self._binary:
                await self._socket.send_bytes(payload)
            else:
                await self._socket.send_str(payload.decode())
        except ConnectionError:
            self._waiting.clear()  # gone; the reader of this socket ends the connection

    async def flush(self) -> None:
        """Everything queued so far, before a close."""
        while self._waiting:
            await self.send_now(self._waiting.popleft())
