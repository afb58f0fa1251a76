"""A server that answers as it is told, over real sockets: for what a good exchange never does."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from services.brokers.alpaca.client import Timeouts
from services.brokers.alpaca.endpoints import Endpoints
from services.brokers.alpaca.supervision import Backoff
from services.brokers.port import BrokerMessage

KEY = "KEYwithABCDEF0123"
SECRET = "secretWITHzyxw9876"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Unruly:
    """Each request goes to `handler`; its method, path, query and text are kept."""

    handler: Handler
    url: str = ""
    requests: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def sent(self, method: str) -> list[str]:
        return [path for sent, path, _, _ in self.requests if sent == method]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(
            (request.method, request.path, dict(request.query), await request.text())
        )
        self.news.set()
        return await self.handler(request)

    async def arrived(self, count: int) -> None:
        """Until `count` requests have come in."""
        async with asyncio.timeout(20):
            while len(self.requests) < count:
                self.news.clear()
                await self.news.wait()

    async def hang(self, request: web.Request) -> web.StreamResponse:
        await self.released.wait()
        return web.Response()

    async def drop(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    def endpoints(self) -> Endpoints:
        stream = self.url.replace("http", "ws") + "/stream"
        data = self.url.replace("http", "ws") + "/v2/iex"
        return Endpoints(
            trading_url=self.url,
            trading_stream_url=stream,
            data_url=self.url,
            data_stream_url=data,
        )


QUICK = Timeouts(connect=1.0, read=0.2, total=0.8, tries=3, pause=0.01, listen=0.3, silence=0.3)
PATIENT = Timeouts(connect=60, read=60, total=60, pause=0.01, listen=60, silence=60)
AT_ONCE = Backoff(first=0.01, longest=0.02, jitter=lambda: 1.0)


def answering(status: int, body: object = None, **options: Any) -> Handler:
    """A handler that always answers this: text as it is, anything else as JSON."""

    async def answer(request: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text="" if body is None else text, **options)

    return answer


async def until(
    messages: AsyncIterator[BrokerMessage],
    wanted: Callable[[BrokerMessage], bool],
    deadline: float = 20.0,
) -> BrokerMessage:
    """The next message that is wanted; what comes before it is passed over."""
    async with asyncio.timeout(deadline):
        async for message in messages:
            if wanted(message):
                return message
    raise AssertionError("the messages ended")
