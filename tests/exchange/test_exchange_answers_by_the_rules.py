"""Request → status and body, as in Alpaca's error table."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from services.exchange.engine.accounts import credentials
from services.exchange.engine.rules import Rules

MARKET = {"symbol": "NEM", "qty": "1", "side": "sell", "type": "market", "time_in_force": "day"}
LIMIT = {**MARKET, "side": "buy", "type": "limit", "limit_price": "70.25"}


def without(order: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in order.items() if name not in names}


@pytest.mark.parametrize(
    ("order", "shown"),
    [
        (MARKET, {"qty": "1", "type": "market", "order_type": "market", "limit_price": None}),
        ({**MARKET, "qty": 1}, {"qty": "1"}),
        ({**MARKET, "qty": 1.0}, {"qty": "1"}),
        ({**MARKET, "qty": "2.500"}, {"qty": "2.5"}),
        ({**MARKET, "qty": "0.123456789012"}, {"qty": "0.123456789"}),
        ({**LIMIT, "limit_price": 70.10}, {"limit_price": "70.1", "side": "buy"}),
        ({**LIMIT, "limit_price": "70.00"}, {"limit_price": "70"}),
        ({**LIMIT, "limit_price": "0.1234", "qty": "9"}, {"limit_price": "0.1234"}),
        ({**LIMIT, "time_in_force": "gtc"}, {"time_in_force": "gtc"}),
        ({**LIMIT, "extended_hours": "False"}, {"extended_hours": False}),
        ({**LIMIT, "order_class": "simple"}, {"order_class": ""}),
        ({**LIMIT, "client_order_id": "con-7"}, {"client_order_id": "con-7"}),
        ({**without(MARKET, "qty"), "notional": "25.50"}, {"notional": "25.5", "qty": None}),
        ({**MARKET, "position_intent": "sell_to_close"}, {"position_intent": "sell_to_close"}),
    ],
)
async def test_an_accepted_order_is_shown_exactly(served, order, shown):
    status, answer, _ = await served.call("POST", "/v2/orders", order)
    assert status == 200, answer
    assert {name: answer[name] for name in shown} == shown
    assert answer["status"] == "pending_new"
    assert answer["submitted_at"].endswith("Z")


@pytest.mark.parametrize(
    ("order", "status", "code", "message"),
    [
        (b"{", 400, 40010000, "request body format is invalid"),
        (b"[]", 400, 40010000, "request body format is invalid"),
        (b'{"qty": NaN}', 400, 40010000, "request body format is invalid"),
        (b"[" * 100_000, 400, 40010000, "request body format is invalid"),
        (without(MARKET, "symbol"), 422, 40010001, "symbol is required"),
        ({**MARKET, "qty": "1e999999"}, 422, 40010001, "invalid qty"),
        ({**MARKET, "qty": "1e-999999"}, 422, 40010001, "invalid qty"),
        (
            {**LIMIT, "limit_price": 0.1 + 0.2},
            422,
            42210000,
            "invalid limit_price 0.30000000000000004. sub-penny increment does not fulfill"
            " minimum pricing criteria",
        ),
        ({**MARKET, "symbol": "ZZZZ"}, 422, 42210000, 'asset "ZZZZ" not found'),
        ({**MARKET, "client_order_id": "\ud800"}, 422, 40010001, "invalid client_order_id"),
        (
            {**LIMIT, "limit_price": "0.05"},
            403,
            40310000,
            "cost basis must be >= minimal amount of order 1",
        ),
    ],
)
async def test_a_refused_order_gets_alpacas_code_and_leaves_no_trace(
    served, order, status, code, message
):
    got, answer, _ = await served.call("POST", "/v2/orders", order)
    assert (got, answer) == (status, {"code": code, "message": message})
    assert (await served.call("GET", "/v2/orders?status=all"))[1] == []


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/v2/orders/none", 404, "order not found for none"),
        ("DELETE", "/v2/orders/none", 404, "order not found for none"),
        ("GET", "/v2/orders:by_client_order_id?client_order_id=x", 404, "order not found for x"),
        ("GET", "/v2/orders:by_client_order_id", 422, "client_order_id is missing"),
        ("GET", "/v2/orders?limit=501", 422, "invalid limit, must be between 1 and 500"),
        ("GET", "/v2/orders?status=done", 422, "invalid status"),
        ("GET", "/v2/orders?after=yesterday", 422, "invalid after"),
        ("GET", "/v2/positions/NVDA", 404, "position does not exist"),
        ("DELETE", "/v2/positions/NVDA", 404, "position does not exist"),
        ("GET", "/v2/positions/ZZZZ", 404, "symbol not found: ZZZZ"),
        ("DELETE", "/v2/positions/ZZZZ", 404, "symbol not found: ZZZZ"),
        ("DELETE", "/v2/positions/NEM?percentage=0", 422, "percentage must be between 0 and 100"),
        ("DELETE", "/v2/positions/NEM?qty=0", 422, "qty must be > 0"),
        ("GET", "/v2/assets/ZZZZ", 404, "asset not found for ZZZZ"),
        ("GET", "/v2/nonsense", 404, "endpoint not found"),
        ("PUT", "/v2/orders", 404, "endpoint not found"),
    ],
)
async def test_what_is_not_there_is_said_so(served, method, path, status, message):
    got, answer, _ = await served.call(method, path)
    assert (got, answer["message"]) == (status, message)


@pytest.mark.parametrize("path", ["/v2/account", "/v2/orders/none", "/v2/nonsense", "/v2/clock"])
@pytest.mark.parametrize(
    "keys",
    [{}, {"APCA-API-KEY-ID": "SK", "APCA-API-SECRET-KEY": "no"}, {"Authorization": "Basic !"}],
)
async def test_without_valid_keys_nothing_else_is_looked_at(served, path, keys):
    status, answer, _ = await served.call("GET", path, headers=keys)
    assert (status, answer) == (401, {"message": "unauthorized."})


async def test_a_client_order_id_is_taken_for_ever(served):
    order = {**LIMIT, "client_order_id": "once"}
    _, first, _ = await served.call("POST", "/v2/orders", order)
    refusal = {"code": 40010001, "message": "client_order_id must be unique"}
    assert (await served.call("POST", "/v2/orders", order))[:2] == (422, refusal)
    assert (await served.call("DELETE", f"/v2/orders/{first['id']}"))[0] == 204
    assert (await served.call("POST", "/v2/orders", order))[:2] == (422, refusal)
    by_client = "/v2/orders:by_client_order_id?client_order_id=once"
    assert (await served.call("GET", by_client))[1]["id"] == first["id"]


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (204, None),
        (422, {"code": 42210000, "message": 'order is already in "canceled" state'}),
    ],
)
async def test_how_a_repeated_cancel_is_answered_is_a_setting(serve, code, body):
    served = await serve(rules=Rules(repeated_cancel=code))
    _, order, _ = await served.call("POST", "/v2/orders", LIMIT)
    path = f"/v2/orders/{order['id']}"
    assert (await served.call("DELETE", path))[0] == 204
    assert (await served.call("GET", path))[1]["status"] == "canceled"
    assert (await served.call("DELETE", path))[:2] == (code, body)


async def test_a_filled_order_cannot_be_cancelled(served):
    _, order, _ = await served.call("POST", "/v2/orders", MARKET)
    status, answer, _ = await served.call("DELETE", f"/v2/orders/{order['id']}")
    assert (status, answer) == (
        422,
        {"code": 42210000, "message": 'order is already in "filled" state'},
    )


async def test_shares_behind_an_open_sell_are_held(served):
    resting = {**MARKET, "qty": "150", "type": "limit", "limit_price": "99"}
    _, open_sell, _ = await served.call("POST", "/v2/orders", resting)
    status, answer, _ = await served.call("POST", "/v2/orders", {**MARKET, "qty": "12"})
    assert (status, answer) == (
        403,
        {
            "code": 40310000,
            "message": "insufficient qty available for order (requested: 12, available: 0)",
            "symbol": "NEM",
            "available": "0",
            "existing_qty": "150",
            "held_for_orders": "150",
            "related_orders": [open_sell["id"]],
        },
    )
    status, answer, _ = await served.call("DELETE", "/v2/positions/NEM")
    assert status == 403
    assert "related_orders" not in answer
    position = (await served.call("GET", "/v2/positions/NEM"))[1]
    assert (position["qty"], position["qty_available"]) == ("150", "0")


async def test_buying_power_is_reserved_while_a_buy_is_open_and_refused_beyond(served):
    before = (await served.call("GET", "/v2/account"))[1]
    assert before["buying_power"] == "102500"
    _, order, _ = await served.call("POST", "/v2/orders", {**LIMIT, "limit_price": 50, "qty": 2000})
    account = (await served.call("GET", "/v2/account"))[1]
    assert (account["buying_power"], account["cash"]) == ("2500", "2500")
    status, answer, _ = await served.call(
        "POST", "/v2/orders", {**LIMIT, "limit_price": "50.01", "qty": 50}
    )
    assert (status, answer) == (
        403,
        {
            "code": 40310000,
            "message": "insufficient buying power",
            "buying_power": "2500",
            "cost_basis": "2500.5",
        },
    )
    await served.call("DELETE", f"/v2/orders/{order['id']}")
    assert (await served.call("GET", "/v2/account"))[1]["buying_power"] == "102500"


@pytest.mark.parametrize(
    ("resting", "new", "reason"),
    [
        (
            {"side": "buy", "type": "limit", "limit_price": "70"},
            {"side": "sell", "type": "market"},
            "opposite side market/stop order exists",
        ),
        (
            {"side": "buy", "type": "limit", "limit_price": "70"},
            {"side": "sell", "type": "limit", "limit_price": "70"},
            "opposite side limit order exists. use complex/limit/stop_limit orders",
        ),
        (
            {"side": "sell", "type": "limit", "limit_price": "90"},
            {"side": "buy", "type": "limit", "limit_price": "90.01"},
            "opposite side limit order exists. use complex/limit/stop_limit orders",
        ),
        (
            {"side": "sell", "type": "limit", "limit_price": "90"},
            {"side": "buy", "type": "limit", "limit_price": "70"},
            None,
        ),
    ],
)
async def test_an_order_that_could_meet_our_own_is_a_wash_trade(served, resting, new, reason):
    base = {"symbol": "NEM", "qty": "1", "time_in_force": "day"}
    _, first, _ = await served.call("POST", "/v2/orders", {**base, **resting})
    status, answer, _ = await served.call("POST", "/v2/orders", {**base, **new})
    if reason is None:
        assert status == 200
    else:
        assert (status, answer) == (
            403,
            {
                "code": 40310000,
                "message": "potential wash trade detected. use complex orders",
                "reject_reason": reason,
                "existing_order_id": first["id"],
            },
        )


async def test_a_sell_while_the_opening_buy_is_open_is_named(served):
    await served.call("POST", "/v2/orders", {**LIMIT, "symbol": "NVDA"})
    status, answer, _ = await served.call("POST", "/v2/orders", {**MARKET, "symbol": "NVDA"})
    assert status == 403
    assert answer["message"] == "cannot open a short sell while a long buy order is open"


async def test_the_rate_limit_is_per_minute_and_told_in_headers(serve):
    served = await serve(rate_limit=2)
    _, _, headers = await served.call("GET", "/v2/account")
    assert (headers["X-Ratelimit-Limit"], headers["X-Ratelimit-Remaining"]) == ("2", "1")
    await served.call("DELETE", "/v2/orders")
    status, answer, headers = await served.call("GET", "/v2/account")
    assert (status, answer) == (429, {"code": 42910000, "message": "rate limit exceeded"})
    assert headers["X-Ratelimit-Remaining"] == "0"
    assert (await served.call("GET", "/v2/stocks/quotes/latest?symbols=NEM"))[0] == 200


async def test_orders_are_listed_by_status_time_side_symbol_and_page(served):
    ids = []
    for price in range(10, 15):
        order = {**LIMIT, "symbol": "MSFT", "limit_price": price}
        _, answer, _ = await served.call("POST", "/v2/orders", order)
        ids.append(answer["id"])
    _, sold, _ = await served.call("POST", "/v2/orders", MARKET)
    await served.call("DELETE", f"/v2/orders/{ids[0]}")

    async def listed(query: str) -> list[str]:
        return [order["id"] for order in (await served.call("GET", f"/v2/orders?{query}"))[1]]

    assert await listed("") == ids[:0:-1]
    assert await listed("status=closed&direction=asc") == [ids[0], sold["id"]]
    assert await listed("status=all&direction=asc&limit=2&nested=True") == ids[:2]
    assert await listed("status=all&side=sell") == [sold["id"]]
    assert await listed("status=all&symbols=NEM%2CAA") == [sold["id"]]
    assert await listed(f"status=all&direction=asc&after_order_id={ids[3]}") == [ids[4], sold["id"]]
    third = (await served.call("GET", f"/v2/orders/{ids[2]}"))[1]["submitted_at"]
    assert await listed(f"status=all&direction=asc&after={third}") == [*ids[3:], sold["id"]]
    assert await listed(f"status=all&direction=asc&until={third}") == ids[:2]


async def test_activities_page_by_the_last_id(served):
    for _ in range(5):
        await served.call("POST", "/v2/orders", MARKET)
    _, everything, _ = await served.call("GET", "/v2/account/activities/FILL?direction=asc")
    assert len(everything) == 5
    path = "/v2/account/activities?activity_types=FILL&direction=asc&page_size=2"
    pages, token = [], ""
    while page := (await served.call("GET", f"{path}{token}"))[1]:
        pages += page
        token = f"&page_token={page[-1]['id']}"
    assert pages == everything
    after = everything[2]["transaction_time"]
    late = (await served.call("GET", f"/v2/account/activities/FILL?after={after}"))[1]
    assert late == everything[:2:-1]
    assert (await served.call("GET", "/v2/account/activities/DIV"))[1] == []


async def test_everything_is_cancelled_and_closed_with_207(served):
    resting = {**MARKET, "qty": "150", "type": "limit", "limit_price": "99"}
    await served.call("POST", "/v2/orders", resting)
    status, answers, _ = await served.call("DELETE", "/v2/positions")
    assert status == 207
    refused = [answer for answer in answers if answer["status"] == 403]
    assert [answer["symbol"] for answer in refused] == ["NEM"]
    status, answers, _ = await served.call("DELETE", "/v2/positions?cancel_orders=True")
    assert (status, [answer["symbol"] for answer in answers]) == (207, ["NEM"])
    assert (await served.call("GET", "/v2/positions"))[1] == []
    assert (await served.call("DELETE", "/v2/orders"))[:2] == (207, [])


async def test_the_clock_and_calendar_are_new_yorks(served):
    assert (await served.call("GET", "/v2/clock"))[1] == {
        "timestamp": "2026-03-03T12:00:00-05:00",
        "is_open": True,
        "next_open": "2026-03-04T09:30:00-05:00",
        "next_close": "2026-03-03T16:00:00-05:00",
    }
    served.clock.at = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)  # one o'clock on a half day
    assert (await served.call("GET", "/v2/clock"))[1]["is_open"] is False
    _, days, _ = await served.call("GET", "/v2/calendar?start=2026-11-25&end=2026-11-28")
    assert [(day["date"], day["close"]) for day in days] == [
        ("2026-11-25", "16:00"),
        ("2026-11-27", "13:00"),
    ]


async def test_market_data_are_numbers_and_unknown_symbols_are_absent(served):
    _, answer, _ = await served.call("GET", "/v2/stocks/quotes/latest?symbols=NEM,ZZZ&feed=iex")
    assert list(answer["quotes"]) == ["NEM"]
    assert (answer["quotes"]["NEM"]["bp"], answer["quotes"]["NEM"]["ap"]) == (79.99, 80.01)
    _, answer, _ = await served.call("GET", "/v2/stocks/trades/latest?symbols=NEM")
    assert answer["trades"]["NEM"]["p"] == 80.0
    _, answer, _ = await served.call("GET", "/v2/stocks/bars/latest?symbols=NEM")
    assert answer["bars"]["NEM"]["c"] == 80.0
    _, answer, _ = await served.call("GET", "/v2/stocks/snapshots?symbols=NEM")
    assert answer["NEM"]["latestTrade"]["p"] == 80.0


async def test_after_an_unforeseen_error_half_a_change_is_neither_kept_nor_told(
    serve, tmp_path, monkeypatch
):
    served = await serve(state=tmp_path / "state.db")
    exchange = served.opened.exchange

    def broken(order: object) -> None:
        raise RuntimeError("a defect after the order was put")

    monkeypatch.setattr(exchange.venue._routing, "route", broken)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await served.call("POST", "/v2/orders", MARKET)
    assert isinstance(exchange.failure.exception(), RuntimeError)
    assert exchange.store.orders() == []


async def test_another_accounts_orders_do_not_exist(serve, tmp_path):
    book = tmp_path / "two.json"
    book.write_text(
        '{"accounts": {"main": {"cash": "1000"}, "other": {"cash": "1000"}},'
        ' "market": [{"symbol": "NEM", "price": "80"}]}'
    )
    served = await serve(book=book)
    _, order, _ = await served.call("POST", "/v2/orders", {**LIMIT, "client_order_id": "mine"})
    key, secret = credentials("other")
    keys = {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret}
    assert (await served.call("GET", f"/v2/orders/{order['id']}", headers=keys))[0] == 404
    same = {**LIMIT, "client_order_id": "mine"}
    assert (await served.call("POST", "/v2/orders", same, headers=keys))[0] == 200
    assert (await served.call("GET", "/v2/account", headers=keys))[1][
        "account_number"
    ] == "SIM000002"
