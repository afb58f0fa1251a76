"""Every way a POST can end: its class, and that it was sent exactly once (alpaca.md §0, §2; invariants
8, 26)."""

import asyncio
import dataclasses
import json
import socket
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr
from unruly_server import KEY, PATIENT, QUICK, SECRET, Handler, Unruly, answering
from wire_rows import account_row, order_row

from db.clock import SystemClock
from db.model.order import OrderRequest, OrderState, OrderType, Side
from services.brokers.alpaca import courier
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.endpoints import Endpoints
from services.brokers.limiter import Lane
from services.brokers.port import (
    BrokerUnavailableError,
    CancelOutcome,
    Confirmed,
    Denied,
    Rejected,
    RejectionClass,
    Unresolved,
)

CLIENT_ID = "qd-3f9a-s02-c1-a1"

AT_ONCE = courier.AT_ONCE[Lane.ORDER]
"""Orders that can be on their way side by side."""


def request(**changes: object) -> OrderRequest:
    known: dict[str, object] = {
        "client_order_id": CLIENT_ID,
        "account": "main",
        "symbol": "XYZ",
        "side": Side.BUY,
        "qty": Decimal(12),
        "type": OrderType.LIMIT,
        "limit_price": Decimal("45.50"),
    }
    return OrderRequest.model_validate({**known, **changes})


def permitted() -> None:
    return None


def hang(server: Unruly) -> Handler:
    return server.hang


def drop(server: Unruly) -> Handler:
    return server.drop


def drip(server: Unruly) -> Handler:
    """A byte now and then, each within the read time limit, and never an end."""

    async def drop_by_drop(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while not server.released.is_set():
            await response.write(b" ")
            try:
                async with asyncio.timeout(0.1):
                    await server.released.wait()
            except TimeoutError:
                pass
        return response

    return drop_by_drop


def always(status: int, body: object = None, **options: object) -> Callable[[Unruly], Handler]:
    return lambda _: answering(status, body, **options)


UNRESOLVED = {
    "no answer": hang,
    "connection dropped after reading": drop,
    "504": always(504, {"code": 50410000, "message": "upstream timed out"}),
    "503 with a page": always(503, "<html>busy</html>", content_type="text/html"),
    "500 with a page": always(500, "<html>sorry</html>", content_type="text/html"),
    "200 that is not JSON": always(200, "<html>login</html>"),
    "200 without a body": always(200),
    "200 with another order": always(200, order_row(client_order_id="somebody-else")),
    "200 without a status": always(200, order_row(status=None)),
    "200 with NaN": always(200, '{"id": NaN}'),
    "204": always(204),
    "302": always(302, headers={"Location": "/elsewhere"}),
    "404 of a gateway": always(404, "<html>not here</html>"),
    "403 of a gateway": always(403, "<html>who are you</html>"),
    "408": always(408, {"message": "request timeout"}),
    "409": always(409, {"code": 40910000, "message": "conflict"}),
}


@pytest.mark.parametrize("fault", UNRESOLVED.values(), ids=UNRESOLVED.keys())
async def test_what_nobody_knows_is_unresolved_and_was_sent_once(
    fault: Callable[[Unruly], Handler], unruly: Unruly, hasty: AlpacaBroker
) -> None:
    unruly.handler = fault(unruly)
    outcome = await hasty.submit(request(), permit=permitted)
    assert isinstance(outcome, Unresolved), outcome
    assert outcome.reason
    assert unruly.sent("POST") == ["/v2/orders"]


REFUSED = {
    "429": (429, {"code": 42910000, "message": "too many requests."}, RejectionClass.RATE_LIMIT),
    "429 with a page": (429, "<html>slow down</html>", RejectionClass.RATE_LIMIT),
    "401": (401, {"message": "unauthorized."}, RejectionClass.RESTRICTED),
    "403 without a code": (403, {"message": "forbidden."}, RejectionClass.RESTRICTED),
    "id known": (
        422,
        {"code": 40010001, "message": "client_order_id must be unique"},
        RejectionClass.DUPLICATE_ID,
    ),
    "funds": (
        403,
        {"code": 40310000, "message": "insufficient buying power", "buying_power": "1825.95"},
        RejectionClass.FUNDS,
    ),
}


@pytest.mark.parametrize(("status", "body", "expected"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_definite_refusal_is_classified_and_was_sent_once(
    status: int, body: object, expected: RejectionClass, unruly: Unruly, broker: AlpacaBroker
) -> None:
    unruly.handler = answering(status, body)
    outcome = await broker.submit(request(), permit=permitted)
    assert isinstance(outcome, Rejected), outcome
    assert (outcome.category, outcome.status) == (expected, status)
    assert unruly.sent("POST") == ["/v2/orders"]


@pytest.mark.parametrize(
    ("status", "state"), [("new", OrderState.ACKNOWLEDGED), ("from_the_future", None)]
)
async def test_an_order_in_the_answer_confirms_even_with_an_unknown_status(
    status: str, state: OrderState | None, unruly: Unruly, broker: AlpacaBroker
) -> None:
    unruly.handler = answering(200, order_row(status=status))
    outcome = await broker.submit(request(), permit=permitted)
    assert isinstance(outcome, Confirmed)
    assert outcome.order.state is state
    assert outcome.order.status == status


async def test_what_never_left_is_denied(unruly: Unruly) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        endpoints = Endpoints(
            trading_url=url,
            trading_stream_url=url.replace("http", "ws"),
            data_url=url,
            data_stream_url=url.replace("http", "ws"),
        )
        broker = AlpacaBroker(
            "main", SecretStr(KEY), SecretStr(SECRET), endpoints, SystemClock(), QUICK
        )
        outcome = await broker.submit(request(), permit=permitted)
        await broker.close()
    assert isinstance(outcome, Denied)
    assert "never left" in outcome.reason


async def test_a_permit_refused_in_the_last_moment_sends_nothing(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    outcome = await broker.submit(request(), permit=lambda: "trading is halted")
    assert outcome == Denied(reason="trading is halted")
    assert unruly.requests == []


async def test_an_order_refused_in_the_last_moment_leaves_its_connection_to_the_next(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    callers = set[object]()

    async def answer(asked: web.Request) -> web.StreamResponse:
        assert asked.transport is not None
        callers.add(asked.transport.get_extra_info("peername"))
        return web.json_response(account_row())

    unruly.handler = answer
    await broker.account()
    await broker.submit(request(), permit=lambda: "trading is halted")
    await broker.account()
    assert len(callers) == 1


async def test_a_permit_that_cannot_answer_sends_nothing(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    def broken() -> str | None:
        raise OSError("the latch can't be read")

    outcome = await broker.submit(request(), permit=broken)
    assert isinstance(outcome, Denied)
    assert unruly.requests == []


async def test_an_order_waiting_behind_hung_ones_never_leaves_late(
    unruly: Unruly, hasty: AlpacaBroker
) -> None:
    """Past its time limit and still without its turn, it is withdrawn, not sent afterwards."""
    asked: list[str] = []
    unruly.handler = drip(unruly)
    orders = [request(client_order_id=f"qd-{n}") for n in range(AT_ONCE + 2)]
    outcomes = await asyncio.gather(
        *(hasty.submit(order, permit=lambda: asked.append("x")) for order in orders)
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert len(unruly.sent("POST")) <= kinds.count(Unresolved) == len(asked)
    assert kinds.count(Denied) == len(orders) - len(asked) > 0


def by_name(unruly: Unruly, **limits: float) -> AlpacaBroker:
    named = unruly.url.replace("127.0.0.1", "localhost")
    endpoints = unruly.endpoints().model_copy(update={"trading_url": named})
    times = dataclasses.replace(PATIENT, **limits)
    return AlpacaBroker("main", SecretStr(KEY), SecretStr(SECRET), endpoints, SystemClock(), times)


class Names:
    """A resolver that answers when it is told to."""

    def __init__(self) -> None:
        self.asked, self.answered = threading.Event(), threading.Event()
        self._resolve = socket.getaddrinfo

    def __call__(self, *what: Any, **how: Any) -> Any:
        self.asked.set()
        self.answered.wait()
        return self._resolve(*what, **how)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    made = Names()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    return made


async def test_a_name_that_nobody_resolves_in_time_proves_that_nothing_left(
    unruly: Unruly, names: Names
) -> None:
    broker = by_name(unruly, connect=0.1)
    outcome = await broker.submit(request(), permit=permitted)
    names.answered.set()  # else the end of the loop would wait for the thread
    await broker.close()
    assert outcome == Denied(reason="never left: the broker can't be reached")
    assert unruly.requests == []


async def test_a_halt_while_the_connection_is_made_is_heard_before_the_first_byte(
    unruly: Unruly, names: Names
) -> None:
    """To find a name, to connect and to prove who it is takes seconds on a bad day."""
    broker, halted = by_name(unruly), list[str]()
    order = asyncio.ensure_future(
        broker.submit(request(), permit=lambda: "trading is HALTED" if halted else None)
    )
    await asyncio.to_thread(names.asked.wait)
    halted.append("now")
    names.answered.set()
    assert await order == Denied(reason="trading is HALTED")
    await broker.close()
    assert unruly.requests == []


async def test_a_cancel_is_sent_once_though_its_kept_connection_breaks(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    """HTTP clients send what is idempotent again by themselves."""
    unruly.handler = answering(204)
    assert await broker.cancel("b-1") is CancelOutcome.ACCEPTED
    unruly.handler = unruly.drop
    assert await broker.cancel("b-2") is CancelOutcome.UNRESOLVED
    assert unruly.sent("DELETE") == ["/v2/orders/b-1", "/v2/orders/b-2"]


@pytest.mark.parametrize(
    "changes",
    [{"account": "another"}, {"qty": None}, {"notional": Decimal(5)}],
    ids=["another account", "no amount", "two amounts"],
)
async def test_what_is_not_an_order_for_this_broker_is_denied(
    changes: dict[str, object], unruly: Unruly, broker: AlpacaBroker
) -> None:
    outcome = await broker.submit(request(**changes), permit=permitted)
    assert isinstance(outcome, Denied)
    assert unruly.requests == []


async def test_numbers_leave_as_exact_decimal_text(unruly: Unruly, broker: AlpacaBroker) -> None:
    unruly.handler = answering(200, order_row())
    exact = request(
        qty=Decimal("0.1") + Decimal("0.2"), limit_price=Decimal("1234567890.123456789")
    )
    await broker.submit(exact, permit=permitted)
    body = json.loads(unruly.requests[0][3])
    assert body == {
        "client_order_id": CLIENT_ID,
        "symbol": "XYZ",
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "extended_hours": False,
        "qty": "0.3",
        "limit_price": "1234567890.123456789",
    }


async def test_nothing_is_sent_after_close(unruly: Unruly, broker: AlpacaBroker) -> None:
    await broker.close()
    outcome = await broker.submit(request(), permit=permitted)
    assert isinstance(outcome, Denied)
    assert unruly.requests == []


async def test_closing_in_the_midst_of_the_first_connection_leaves_nothing_open(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    order = asyncio.ensure_future(broker.submit(request(), permit=permitted))
    looked = asyncio.ensure_future(broker.account())
    await asyncio.sleep(0)  # their session is being made, in a thread
    await broker.close()
    assert isinstance(await order, Denied)
    with pytest.raises(BrokerUnavailableError, match="connection is closed"):
        await looked
    assert unruly.requests == []


async def test_orders_still_queued_at_close_are_denied_and_never_leave(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    unruly.handler = unruly.hang
    orders = [
        asyncio.ensure_future(broker.submit(request(client_order_id=f"qd-{n}"), permit=permitted))
        for n in range(AT_ONCE + 2)
    ]
    await unruly.arrived(AT_ONCE)
    await broker.close()
    unruly.released.set()
    outcomes = await asyncio.gather(*orders)
    assert [type(outcome) for outcome in outcomes] == [Unresolved] * AT_ONCE + [Denied] * 2
    assert len(unruly.sent("POST")) == AT_ONCE


async def test_an_order_whose_sender_was_cancelled_before_its_turn_never_leaves(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    unruly.handler = unruly.hang
    orders = [
        asyncio.ensure_future(broker.submit(request(client_order_id=f"qd-{n}"), permit=permitted))
        for n in range(AT_ONCE + 1)
    ]
    await unruly.arrived(AT_ONCE)
    orders[AT_ONCE].cancel()
    with pytest.raises(asyncio.CancelledError):
        await orders[AT_ONCE]
    unruly.released.set()
    await asyncio.gather(*orders[:AT_ONCE])
    assert len(unruly.sent("POST")) == AT_ONCE


async def test_the_silence_of_the_socket_itself_has_a_limit(unruly: Unruly) -> None:
    """Not only the wait for it: else a place in the lane would be lost with every silent answer."""
    unruly.handler = unruly.hang
    limits = dataclasses.replace(PATIENT, read=0.1)
    broker = AlpacaBroker(
        "main", SecretStr(KEY), SecretStr(SECRET), unruly.endpoints(), SystemClock(), limits
    )
    outcome = await broker.submit(request(), permit=permitted)
    await broker.close()
    assert outcome == Unresolved(reason="the broker did not answer in time")
