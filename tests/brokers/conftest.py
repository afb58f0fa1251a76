"""A server that answers as it is told, and the broker facing it."""

from collections.abc import AsyncIterator

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
    """AlpacaBroker facing the unruly server, with short time limits."""
    made = facing(unruly, QUICK)
    yield made
    unruly.released.set()
    await made.close()


@pytest.fixture
async def patient(unruly: Unruly) -> AsyncIterator[AlpacaBroker]:
    """The same with time limits that no test reaches."""
    made = facing(unruly, PATIENT)
    yield made
    unruly.released.set()
    await made.close()
