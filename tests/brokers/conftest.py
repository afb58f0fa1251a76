"""A server that answers as it is told, and the broker facing it."""

from collections.abc import AsyncIterator
from importlib import import_module

import pytest
from aiohttp import web
from pydantic import SecretStr
from unruly_server import AT_ONCE, KEY, PATIENT, QUICK, SECRET, Unruly, answering

from db.clock import SystemClock
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.client import Timeouts


@pytest.fixture
async def unruly() -> AsyncIterator[Unruly]:
    server = Unruly(answering(404, {"code": 40410000, "message": "endpoint not found"}))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    server.released.set()
    await runner.cleanup()


@pytest.fixture(scope="session", autouse=True)
def alpaca_is_imported() -> None:
    """It takes long enough to eat a short time limit of the first test that needs it."""
    for name in ("alpaca.trading.client", "alpaca.data.live.stock", "alpaca.trading.stream"):
        import_module(name)


def facing(unruly: Unruly, timeouts: Timeouts) -> AlpacaBroker:
    return AlpacaBroker(
        "main",
        SecretStr(KEY),
        SecretStr(SECRET),
        unruly.endpoints(),
        SystemClock(),
        timeouts,
        AT_ONCE,
    )


@pytest.fixture
async def broker(unruly: Unruly) -> AsyncIterator[AlpacaBroker]:
    """AlpacaBroker facing the unruly server, with time limits that no test reaches."""
    made = facing(unruly, PATIENT)
    yield made
    unruly.released.set()
    await made.close()


@pytest.fixture
async def hasty(unruly: Unruly) -> AsyncIterator[AlpacaBroker]:
    """The same with time limits that a silent server reaches at once."""
    made = facing(unruly, QUICK)
    yield made
    unruly.released.set()
    await made.close()
