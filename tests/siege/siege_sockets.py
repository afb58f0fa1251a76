"""What stands for the network between a desk and its exchange, in one process and in virtual time.

A REST request is the dozen facts that the exchange's handlers read of an aiohttp request; a websocket
is two queues. Both halves keep their own words: alpaca-py's stream classes talk to one end, the
exchange's stream handlers to the other."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from aiohttp import WSMsgType, web
from multidict import CIMultiDict, MultiDict
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close
from yarl import URL


class Transport:
    """Of a request; the exchange closes it instead of answering."""

    def __init__(self) -> None:
        self.cut = False

    def close(self) -> None:
        self.cut = True


class Request:
    """One request as the exchange's handlers see it."""

    def __init__(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        self.method, self.path, self._body = method, path, body
        self.rel_url = _url(path)
        self.headers = CIMultiDict(headers)
        self.query = MultiDict(query or {})
        self.match_info: Mapping[str, str] = {}
        self.transport = Transport()
        self.pipe: Pipe | None = None

    async def read(self) -> bytes:
        return self._body


@lru_cache(maxsize=4096)
def _url(path: str) -> URL:
    return URL(path)


class Message(NamedTuple):
    type: WSMsgType
    data: Any


class Pipe:
    """One websocket between two ends that each hear the other after `latency` seconds, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, latency: Callable[[], float]) -> None:
        self.to_server = _Lane(loop, latency)
        self.to_client = _Lane(loop, latency)
        self.code: int | None = None
        """Once closed by either side."""


class _Lane:
    """What one end says, as the other hears it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, latency: Callable[[], float]) -> None:
        self._loop, self._latency = loop, latency
        self._said: deque[tuple[float, Any]] = deque()
        self._last = 0.0
        self._news = asyncio.Event()

    def say(self, word: Any) -> None:
        self._last = max(self._last, self._loop.time() + self._latency())
        self._said.append((self._last, word))
        self._news.set()

    async def hear(self) -> Any:
        while not self._said:
            self._news.clear()
            await self._news.wait()
        if (due := self._said[0][0]) > self._loop.time():
            await asyncio.sleep(due - self._loop.time())
        return self._said.popleft()[1]


END = object()


class ServerSocket:
    """In the place of aiohttp's `WebSocketResponse`."""

    def __init__(self, **_: Any) -> None:
        self._pipe: Pipe | None = None
        self.status = 101

    async def prepare(self, request: Request) -> None:
        self._pipe = request.pipe

    @property
    def closed(self) -> bool:
        return self._pipe is None or self._pipe.code is not None

    async def send_bytes(self, payload: bytes) -> None:
        assert self._pipe is not None
        self._pipe.to_client.say(payload)

    async def send_str(self, text: str) -> None:
        assert self._pipe is not None
        self._pipe.to_client.say(text)

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        if self._pipe is not None and self._pipe.code is None:
            self._pipe.code = code
            self._pipe.to_client.say(END)
            self._pipe.to_server.say(END)
        return True

    async def receive(self) -> Message:
        assert self._pipe is not None
        word = await self._pipe.to_server.hear()
        if word is END:
            return Message(WSMsgType.CLOSED, None)
        return Message(WSMsgType.TEXT if isinstance(word, str) else WSMsgType.BINARY, word)

    def __aiter__(self) -> AsyncIterator[Message]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[Message]:
        while (message := await self.receive()).type is not WSMsgType.CLOSED:
            yield message


class ClientSocket:
    """In the place of websockets' client: what alpaca-py's streams use of it."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    async def send(self, data: str | bytes | Iterable[bytes]) -> None:
        if self._pipe.code is not None:
            raise self._ended()
        self._pipe.to_server.say(data if isinstance(data, str | bytes) else b"".join(data))

    async def recv(self) -> Any:
        word = await self._pipe.to_client.hear()
        if word is END:
            self._pipe.to_client.say(END)
            raise self._ended()
        return word

    async def close(self, *_: Any) -> None:
        self.abandon()

    def abandon(self) -> None:
        """As the kernel closes the sockets of a process that was killed."""
        if self._pipe.code is None:
            self._pipe.code = 1006
            self._pipe.to_server.say(END)

    def cut(self) -> None:
        """The line breaks: both ends notice."""
        if self._pipe.code is None:
            self.abandon()
            self._pipe.to_client.say(END)

    def _ended(self) -> ConnectionClosedError:
        return ConnectionClosedError(Close(self._pipe.code or 1006, ""), None)


class ServerWeb:
    """`aiohttp.web` as the exchange's stream handlers use it, with our socket."""

    WebSocketResponse = ServerSocket
    Response = web.Response
