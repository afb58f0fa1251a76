"""A world for the engine's tests, and the whole exchange served in this process."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from exchange_world import HandClock, World

from services.exchange.opening import Opened, open_exchange
from services.exchange.request_log import RequestLog
from services.exchange.server import build_app
from services.exchange.settings import Settings
from services.exchange.store import Store

CONTROL_TOKEN = "the token of this test"


@pytest.fixture
def world() -> World:
    return World()


@dataclass
class Served:
    """The exchange behind real HTTP, in this process; it ticks when `opened.turn()` is called."""

    client: "TestClient[Any, Any]"
    clock: HandClock
    key: str
    secret: str
    opened: Opened

    @property
    def keys(self) -> dict[str, str]:
        return {"APCA-API-KEY-ID": self.key, "APCA-API-SECRET-KEY": self.secret}

    async def call(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, Any]:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        keys = self.keys if headers is None else headers
        async with self.client.request(method, path, data=data, headers=keys) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None, answer.headers


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """A factory: `await serve(rate_limit=5, ...)` with the fields of Settings."""
    async with AsyncExitStack() as stack:

        async def start(clock: HandClock | None = None, **options: Any) -> Served:
            chosen = {"volatility": Decimal(0), "fill_delay": 0.0, "rate_limit": 0, **options}
            settings = Settings(**chosen)
            store, clock = Store(settings.state), clock or HandClock()
            opened = open_exchange(settings, store, RequestLog(settings.requests), clock=clock)
            await store.commit()
            running = asyncio.create_task(store.run())

            async def end() -> None:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
                await store.close()

            stack.push_async_callback(end)
            control = CONTROL_TOKEN if settings.control else None
            server = TestServer(build_app(opened.exchange, settings, control))
            client = await stack.enter_async_context(TestClient(server))
            account = opened.exchange.venue.floor.ledger.accounts["main"]
            return Served(client, clock, account.key, account.secret, opened)

        yield start


@pytest.fixture
async def served(serve: Serve) -> Served:
    """The rebalance book at Tuesday noon, no rate limit."""
    return await serve()
