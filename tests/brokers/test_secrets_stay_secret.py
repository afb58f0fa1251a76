"""Neither key nor secret in a repr, a log of any level, an exception or a message (design.md)."""

import logging
import traceback
from decimal import Decimal

import pytest
from aiohttp import web
from pydantic import SecretStr
from unruly_server import KEY, QUICK, SECRET, Unruly, answering, until

from db.clock import SystemClock
from db.model.order import OrderRequest, Side
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.client import Rest
from services.brokers.port import BrokerUnavailableError, StreamState

ORDER = OrderRequest(
    client_order_id="qd-1", account="main", symbol="XYZ", side=Side.BUY, qty=Decimal(1)
)


async def echo(request: web.Request) -> web.StreamResponse:
    """What no server should do."""
    message = f"bad request with headers {dict(request.headers)}"
    return web.json_response({"code": 40010001, "message": message}, status=422)


def hidden(text: str) -> bool:
    return KEY not in text and SECRET not in text


async def test_nothing_that_can_be_printed_holds_them(
    unruly: Unruly, hasty: AlpacaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.handler.setLevel(logging.DEBUG)
    shown = [repr(hasty), str(vars(hasty)), repr(Rest(unruly.endpoints(), *_keys(), QUICK))]
    for handler in (echo, unruly.drop, unruly.hang, answering(500, "<html>")):
        unruly.handler = handler
        shown.append(str(await hasty.submit(ORDER, permit=lambda: None)))
        try:
            await hasty.account()
        except BrokerUnavailableError as error:
            shown += traceback.format_exception(error)
    assert len(unruly.requests) >= 8
    assert "•••" in "".join(shown), "the echo was seen, and struck out"
    assert "alpaca.client" in caplog.text, "the requests were logged"
    assert all(hidden(text) for text in [*shown, caplog.text])


async def test_the_streams_frames_are_in_no_log(
    unruly: Unruly, broker: AlpacaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    frames: list[str] = []

    async def refuse_repeating_the_keys(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        frames.append((await socket.receive()).data)
        await socket.send_str(frames[0])
        async for _ in socket:
            pass
        return socket

    unruly.handler = refuse_repeating_the_keys
    state = await until(broker.messages(), lambda message: isinstance(message, StreamState))
    await broker.close()
    assert SECRET in frames[0]
    assert hidden(str(state))
    assert hidden(caplog.text)


def _keys() -> tuple[SecretStr, SecretStr]:
    return SecretStr(KEY), SecretStr(SECRET)


async def test_the_keys_go_to_the_broker_alone_not_to_a_proxy_of_the_environment(
    unruly: Unruly, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    seen: list[tuple[str | None, str | None]] = []

    async def look(request: web.Request) -> web.StreamResponse:
        headers = request.headers
        seen.append((headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY")))
        return web.json_response([])

    unruly.handler = look
    broker = AlpacaBroker("main", *_keys(), unruly.endpoints(), SystemClock(), QUICK)
    assert await broker.positions() == ()
    await broker.close()
    assert seen == [(KEY, SECRET)]
