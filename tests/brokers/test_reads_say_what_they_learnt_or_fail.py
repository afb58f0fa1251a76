"""A failed read is never "flat" or "gone" (invariant 30); lists come whole or not at all."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from unruly_server import Handler, Unruly, answering
from wire_rows import account_row, activity_row, order_row, position_row

from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.port import (
    BrokerUnavailableError,
    CancelOutcome,
    WrongCredentialsError,
)

THEN = datetime(2026, 3, 3, tzinfo=UTC)

READS: dict[str, Callable[[AlpacaBroker], Awaitable[Any]]] = {
    "account": lambda broker: broker.account(),
    "positions": lambda broker: broker.positions(),
    "open orders": lambda broker: broker.open_orders(),
    "orders since": lambda broker: broker.orders_since(THEN),
    "order": lambda broker: broker.order("qd-1"),
    "fills": lambda broker: broker.fills_since(THEN),
    "activities": lambda broker: broker.activities_since(THEN),
    "clock": lambda broker: broker.clock(),
    "instruments": lambda broker: broker.instruments(),
    "quotes": lambda broker: broker.quotes(["XYZ"]),
}

FAULTS: dict[str, Callable[[Unruly], Handler]] = {
    "hang": lambda server: server.hang,
    "drop": lambda server: server.drop,
    "429": lambda _: answering(429, {"code": 42910000, "message": "slow down"}),
    "500 page": lambda _: answering(500, "<html>"),
    "200 page": lambda _: answering(200, "<html>"),
    "200 cut off": lambda _: answering(200, '[{"id": "3f0c'),
    "200 empty": lambda _: answering(200),
    "200 null": lambda _: answering(200, "null"),
    "200 error body": lambda _: answering(200, '"oops"'),
    "302": lambda _: answering(302, headers={"Location": "/v2/elsewhere"}),
    "404 page": lambda _: answering(404, "<html>"),
    "404 path": lambda _: answering(404, {"code": 40410000, "message": "endpoint not found"}),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_failed_read_raises_in_one_sentence(
    fault: Callable[[Unruly], Handler],
    read: Callable[[AlpacaBroker], Awaitable[Any]],
    unruly: Unruly,
    hasty: AlpacaBroker,
) -> None:
    unruly.handler = fault(unruly)
    with pytest.raises(BrokerUnavailableError) as caught:
        await read(hasty)
    assert "\n" not in str(caught.value)
    assert unruly.sent("POST") == unruly.sent("DELETE") == []


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
@pytest.mark.parametrize("status", [401, 403])
async def test_refused_keys_are_named_and_not_tried_again(
    status: int,
    read: Callable[[AlpacaBroker], Awaitable[Any]],
    unruly: Unruly,
    broker: AlpacaBroker,
) -> None:
    unruly.handler = answering(status, {"message": "unauthorized."})
    with pytest.raises(WrongCredentialsError):
        await read(broker)
    assert len(unruly.requests) == 1


@pytest.mark.parametrize("fault", ["drop", "429", "500 page", "200 cut off"])
async def test_a_read_that_fails_fast_is_tried_again(
    fault: str, unruly: Unruly, broker: AlpacaBroker
) -> None:
    async def second_time(request: web.Request) -> web.StreamResponse:
        handler = FAULTS[fault](unruly) if len(unruly.requests) == 1 else answering(200, [])
        return await handler(request)

    unruly.handler = second_time
    assert await broker.positions() == ()
    assert len(unruly.requests) == 2


async def test_a_read_that_hangs_is_not_tried_again(unruly: Unruly, hasty: AlpacaBroker) -> None:
    unruly.handler = unruly.hang
    with pytest.raises(BrokerUnavailableError, match="in time"):
        await hasty.positions()
    assert len(unruly.requests) == 1


async def test_only_the_brokers_own_not_found_is_no_order(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    unruly.handler = answering(404, {"code": 40410000, "message": "order not found for qd-1"})
    assert await broker.order("qd-1") is None


async def test_another_order_than_the_one_asked_for_is_no_answer(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    unruly.handler = answering(200, order_row(client_order_id="qd-2"))
    with pytest.raises(BrokerUnavailableError, match="another order"):
        await broker.order("qd-1")


BAD_ROWS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "positions": ("positions", position_row(), position_row(qty=None)),
    "open orders": ("open orders", order_row(), order_row(id=None)),
    "fills": ("fills", activity_row(), activity_row(price="NaN")),
}


@pytest.mark.parametrize(("name", "good", "bad"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
async def test_one_row_that_cannot_be_read_fails_the_whole_list(
    name: str, good: dict[str, Any], bad: dict[str, Any], unruly: Unruly, broker: AlpacaBroker
) -> None:
    unruly.handler = answering(200, [good])
    assert len(await READS[name](broker)) == 1
    unruly.handler = answering(200, [good, bad])
    with pytest.raises(BrokerUnavailableError, match="can't be read"):
        await READS[name](broker)


async def test_an_unreadable_instrument_or_quote_is_reported_and_left_out(
    unruly: Unruly, broker: AlpacaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    unruly.handler = answering(200, [{"symbol": "XYZ", "tradable": True}, {"symbol": None}])
    assert [instrument.symbol for instrument in await broker.instruments()] == ["XYZ"]
    assert "left out" in caplog.text
    caplog.clear()
    fine = {"bp": 45.47, "ap": 45.49, "t": "2026-03-03T14:31:02Z"}
    unruly.handler = answering(200, {"quotes": {"XYZ": fine, "BAD": {**fine, "t": None}, "N": 1}})
    assert list(await broker.quotes(["XYZ", "BAD", "N"])) == ["XYZ"]
    assert caplog.text.count("left out") == 2


async def test_an_unknown_status_never_loses_the_list(unruly: Unruly, broker: AlpacaBroker) -> None:
    rows = [order_row(id="a"), order_row(id="b", status="from_the_future")]
    unruly.handler = answering(200, rows)
    assert [order.state is None for order in await broker.open_orders()] == [False, True]


async def test_open_orders_are_those_still_open_with_legs_of_closed_parents(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    leg = order_row(id="stop", type="stop", status="held")
    unruly.handler = answering(200, [order_row(id="parent", status="filled", legs=[leg])])
    assert [order.order_id for order in await broker.open_orders()] == ["stop"]
    assert unruly.requests[0][2]["nested"] == "true"


def paged_orders(unruly: Unruly, rows: list[dict[str, Any]]) -> Handler:
    """GET /v2/orders as documented: newest first, `until` and `after` exclusive, `limit`."""

    async def page(request: web.Request) -> web.StreamResponse:
        until = request.query.get("until")
        before = datetime.fromisoformat(until) if until else None
        found = [
            row
            for row in rows
            if before is None or datetime.fromisoformat(row["submitted_at"]) < before
        ]
        return web.json_response(found[: int(request.query["limit"])])

    return page


@pytest.mark.parametrize("together", [1, 7, 400])
async def test_orders_of_all_pages_come_once_even_when_sent_in_one_instant(
    together: int, unruly: Unruly, broker: AlpacaBroker
) -> None:
    rows = [
        order_row(
            id=f"o-{n}",
            submitted_at=(THEN + timedelta(seconds=(1300 - n) // together)).isoformat(),
        )
        for n in range(1300)
    ]
    unruly.handler = paged_orders(unruly, rows)
    found = await broker.orders_since(THEN)
    assert sorted(order.order_id for order in found) == sorted(row["id"] for row in rows)


async def test_pages_that_do_not_end_are_no_list(unruly: Unruly, broker: AlpacaBroker) -> None:
    unruly.handler = answering(200, [order_row(id=f"o-{n}") for n in range(500)])
    with pytest.raises(BrokerUnavailableError, match="do not end"):
        await broker.open_orders()
    unruly.handler = answering(200, [activity_row(n) for n in range(100)])
    with pytest.raises(BrokerUnavailableError, match="do not end"):
        await broker.fills_since(THEN)


async def test_fills_of_all_pages_come_once_oldest_first(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    rows = [
        activity_row(n, transaction_time=(THEN + timedelta(seconds=n)).isoformat())
        for n in range(250)
    ]

    async def page(request: web.Request) -> web.StreamResponse:
        token = request.query.get("page_token")
        start = 0 if token is None else [row["id"] for row in rows].index(token) + 1
        return web.json_response(rows[start : start + int(request.query["page_size"])])

    unruly.handler = page
    fills = await broker.fills_since(THEN)
    assert len({fill.execution_id for fill in fills}) == len(fills) == 250
    assert [fill.at for fill in fills] == sorted(fill.at for fill in fills)


async def test_an_activity_needs_only_its_id_and_its_kind(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    rows = [
        {"id": "a1", "activity_type": "FEE", "net_amount": "-0.02", "date": "2026-03-03",
         "description": "TAF", "status": "executed"},
        {"id": "a2", "activity_type": "NEWKIND", "qty": 3, "symbol": "XYZ", "net_amount": None},
        {"id": "a3", "activity_type": "DIV", "net_amount": 1.1, "status": "canceled"},
        {"id": "a4", "activity_type": "FILL"},
    ]  # fmt: skip
    unruly.handler = answering(200, rows)
    fee, new, void = await broker.activities_since(THEN)
    assert (fee.kind, fee.net_amount, fee.at) == ("FEE", Decimal("-0.02"), None)
    assert (new.qty, new.symbol, new.net_amount) == (Decimal(3), "XYZ", None)
    assert void.void
    unruly.handler = answering(200, [{"activity_type": "FEE", "net_amount": "1"}])
    with pytest.raises(BrokerUnavailableError, match="id"):
        await broker.activities_since(THEN)


async def test_market_prices_sent_as_json_numbers_stay_exact(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    unruly.handler = answering(
        200, '{"quotes": {"XYZ": {"bp": 0.1234567890123456789, "t": "2026-03-03T14:31:02Z"}}}'
    )
    assert str((await broker.quotes(["XYZ"]))["XYZ"].bid) == "0.1234567890123456789"


async def test_a_bulk_cancel_that_is_refused_goes_on_one_by_one(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    async def refusing(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response([order_row(id=name) for name in "abc"])
        if request.path == "/v2/orders":
            return web.json_response({"code": 40310000, "message": "not allowed"}, status=403)
        if request.path.endswith("/b"):
            return web.Response(status=500)
        return web.Response(status=204)

    unruly.handler = refusing
    assert await broker.cancel_all() == {
        "a": CancelOutcome.ACCEPTED,
        "b": CancelOutcome.UNRESOLVED,
        "c": CancelOutcome.ACCEPTED,
    }


@pytest.mark.parametrize("fault", ["hang", "drop", "500 page", "200 page", "302"])
async def test_a_bulk_cancel_of_unknown_outcome_raises(
    fault: str, unruly: Unruly, hasty: AlpacaBroker
) -> None:
    unruly.handler = FAULTS[fault](unruly)
    with pytest.raises(BrokerUnavailableError):
        await hasty.cancel_all()
    assert unruly.sent("DELETE") == ["/v2/orders"]


@pytest.mark.parametrize("fault", ["hang", "drop", "429", "500 page", "302"])
async def test_a_cancel_never_raises(fault: str, unruly: Unruly, hasty: AlpacaBroker) -> None:
    unruly.handler = FAULTS[fault](unruly)
    assert await hasty.cancel("a") is CancelOutcome.UNRESOLVED
    assert len(unruly.requests) == 1


async def test_hung_reads_never_hold_up_a_cancel(unruly: Unruly, broker: AlpacaBroker) -> None:
    async def only_cancels(request: web.Request) -> web.StreamResponse:
        if request.method == "DELETE":
            return web.Response(status=204)
        return await unruly.hang(request)

    unruly.handler = only_cancels
    reads = [asyncio.ensure_future(broker.positions()) for _ in range(10)]
    await unruly.arrived(4)
    assert await broker.cancel("a") is CancelOutcome.ACCEPTED
    assert not any(read.done() for read in reads)
    unruly.released.set()
    await asyncio.gather(*reads, return_exceptions=True)


async def test_the_account_is_read_exactly(unruly: Unruly, broker: AlpacaBroker) -> None:
    unruly.handler = answering(200, json.dumps(account_row(cash="0.10")))
    account = await broker.account()
    assert (account.name, str(account.cash), str(account.multiplier)) == ("main", "0.10", "2")
    assert broker.budget().used == 1
