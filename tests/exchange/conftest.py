"""A world for the engine's tests, and the whole exchange served in this process."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
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


@asynccontextmanager
async def serving(clock: HandClock | None = None, **options: Any) -> AsyncIterator[Served]:
    """An exchange with the fields of Settings, until its context ends."""
    chosen = {"volatility": Decimal(0), "fill_delay": 0.0, "rate_limit": 0, **options}
    settings = Settings(**chosen)
    store, clock = Store(settings.state), clock or HandClock()
    opened = open_exchange(settings, store, RequestLog(settings.requests), clock=clock)
    await store.commit()
    running = asyncio.create_task(store.run())
    control = CONTROL_TOKEN if settings.control else None
    try:
        async with TestClient(TestServer(build_app(opened.exchange, settings, control))) as client:
            account = opened.exchange.venue.floor.ledger.accounts["main"]
            yield Served(client, clock, account.key, account.secret, opened)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await store.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """A factory: `await serve(rate_limit=5, ...)` with the fields of Settings."""
    async with AsyncExitStack() as stack:

        async def start(clock: HandClock | None = None, **options: Any) -> Served:
            return await stack.enter_async_context(serving(clock, **options))

        yield start


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def asked() -> AsyncIterator[Served]:
    """As `served`, but one for all tests that leave it as it was; they are marked `only_asks`."""
    async with serving() as served:
        venue = served.opened.exchange.venue
        before = (served.clock.at, dict(venue.floor.ledger.accounts), served.opened.walk.step)
        yield served
        assert not venue.floor.ledger.orders
        after = (served.clock.at, dict(venue.floor.ledger.accounts), served.opened.walk.step)
        assert after == before


@pytest.fixture
async def served(serve: Serve) -> Served:
    """The rebalance book at Tuesday noon, no rate limit."""
    return await serve()
