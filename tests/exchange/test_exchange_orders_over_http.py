"""Groups, replacements, shorts, options and configurations as a client sees them."""

import json
from typing import Any

import pytest

from services.exchange.engine.rules import Rules

MARKET = {"symbol": "XYZ", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day"}
LIMIT = {**MARKET, "type": "limit", "limit_price": "45"}
SELL = {**MARKET, "side": "sell"}
EXITS = {"take_profit": {"limit_price": 60}, "stop_loss": {"stop_price": 40}}
BRACKET = {**LIMIT, "order_class": "bracket", **EXITS}
BOOK = {
    "accounts": {"main": {"cash": "20000", "multiplier": "2"}},
    "market": [
        {"symbol": "XYZ", "price": "50", "has_options": True},
        {"symbol": "ABC", "price": "50", "has_options": False},
    ],
}


@pytest.fixture
async def flat(serve, tmp_path):
    """20,000 in cash on margin, nothing held, XYZ and ABC at 50."""

    async def start(**options: Any):
        book = tmp_path / "book.json"
        book.write_text(json.dumps(BOOK))
        return await serve(book=book, **options)

    return start


async def placed(served, body):
    status, answer, _ = await served.call("POST", "/v2/orders", body)
    assert status == 200, answer
    return answer


async def test_legs_are_rows_of_their_own_or_nested_under_their_parent(flat):
    served = await flat()
    parent = await placed(served, BRACKET)
    legs = [leg["id"] for leg in parent["legs"]]
    assert [leg["status"] for leg in parent["legs"]] == ["held", "held"]
    rows = (await served.call("GET", "/v2/orders?direction=asc"))[1]
    assert [(row["id"], row["legs"]) for row in rows] == [
        (order_id, None) for order_id in [parent["id"], *legs]
    ]
    assert len((await served.call("GET", "/v2/orders?limit=2"))[1]) == 2
    (nested,) = (await served.call("GET", "/v2/orders?nested=True&limit=1"))[1]
    assert [leg["id"] for leg in nested["legs"]] == legs
    path = f"/v2/orders/{parent['id']}"
    assert (await served.call("GET", path))[1]["legs"] is None
    shown = (await served.call("GET", f"{path}?nested=true"))[1]["legs"]
    assert [leg["id"] for leg in shown] == legs


async def test_a_leg_whose_parent_is_not_listed_is_listed_nested_too(flat):
    served = await flat()
    await placed(served, {**BRACKET, "type": "market", "limit_price": None})
    rows = (await served.call("GET", "/v2/orders?nested=true&direction=asc"))[1]
    assert [(row["type"], row["legs"]) for row in rows] == [("limit", None), ("stop", None)]


async def test_all_members_of_a_group_are_cancelled_together(flat):
    served = await flat()
    await placed(served, BRACKET)
    status, answers, _ = await served.call("DELETE", "/v2/orders")
    assert (status, [answer["status"] for answer in answers]) == (207, [200, 200, 200])
    assert (await served.call("GET", "/v2/orders"))[1] == []


async def test_the_list_is_filtered_by_asset_class(flat):
    served = await flat()
    order = await placed(served, LIMIT)
    for query, ids in (("us_equity", [order["id"]]), ("us_option,crypto", [])):
        rows = (await served.call("GET", f"/v2/orders?asset_class={query}"))[1]
        assert [row["id"] for row in rows] == ids
    status, answer, _ = await served.call("GET", "/v2/orders?asset_class=bonds")
    assert (status, answer["message"]) == (422, "invalid asset_class")


WRONG, AGAINST = 40010001, 42210000


@pytest.mark.parametrize(
    ("order", "change", "code", "message"),
    [
        (LIMIT, {}, AGAINST, "order parameters are not changed"),
        (LIMIT, {"qty": None, "trail": None}, AGAINST, "order parameters are not changed"),
        (LIMIT, {"limit_price": "45.0"}, AGAINST, "order parameters are not changed"),
        (LIMIT, {"qty": 0}, WRONG, "qty must be > 0"),
        (LIMIT, {"qty": 1.5}, AGAINST, "qty must be a whole number to replace an order"),
        (LIMIT, {"stop_price": 40}, AGAINST, "limit orders must not have stop_price"),
        (LIMIT, {"trail": 1}, AGAINST, "limit orders must not have trail_price"),
        (LIMIT, {"notional": 5}, WRONG, "notional cannot be replaced"),
        (LIMIT, {"extended_hours": True}, WRONG, "extended_hours cannot be replaced"),
        (LIMIT, {"time_in_force": "never"}, WRONG, "invalid time_in_force"),
        (LIMIT, {"client_order_id": "x" * 129}, WRONG, None),
        (
            LIMIT,
            {"limit_price": 45.123},
            AGAINST,
            "invalid limit_price 45.123. sub-penny increment does not fulfill minimum pricing"
            " criteria",
        ),
        (
            {**MARKET, "qty": None, "notional": "100", "type": "limit", "limit_price": "45"},
            {"limit_price": 44},
            AGAINST,
            "notional orders cannot be replaced",
        ),
        (
            {**LIMIT, "qty": "1.5"},
            {"time_in_force": "gtc"},
            AGAINST,
            "fractional orders must be DAY orders",
        ),
        (BRACKET, {"qty": 5}, AGAINST, "qty of bracket orders cannot be replaced"),
        (
            {**MARKET, "type": "stop", "stop_price": 55},
            {"stop_price": 50},
            AGAINST,
            "stop price must be greater than current price",
        ),
    ],
)
async def test_a_replacement_that_cannot_be_is_refused(flat, order, change, code, message):
    served = await flat()
    order = await placed(served, {k: v for k, v in order.items() if v is not None})
    path = f"/v2/orders/{order['id']}"
    status, answer, _ = await served.call("PATCH", path, change)
    assert (status, answer["code"]) == (422, code)
    assert message in (None, answer["message"])
    assert (await served.call("GET", path))[1]["status"] == "new"


@pytest.mark.parametrize(
    ("order", "change", "shown"),
    [
        (LIMIT, {"qty": 5, "limit_price": None}, {"qty": "5", "limit_price": "45"}),
        (LIMIT, {"limit_price": 44.5}, {"limit_price": "44.5", "qty": "10"}),
        (LIMIT, {"time_in_force": "gtc"}, {"time_in_force": "gtc"}),
        (LIMIT, {"client_order_id": "again"}, {"client_order_id": "again"}),
        (
            {**MARKET, "type": "stop_limit", "stop_price": 55, "limit_price": 56},
            {"stop_price": "54"},
            {"stop_price": "54", "limit_price": "56"},
        ),
        (
            {**MARKET, "type": "trailing_stop", "trail_percent": 2},
            {"trail": 4},
            {"trail_percent": "4", "stop_price": "52", "hwm": "50"},
        ),
        (
            {**MARKET, "type": "trailing_stop", "trail_price": 2},
            {"trail": "3"},
            {"trail_price": "3", "stop_price": "53"},
        ),
    ],
)
async def test_a_replacement_is_a_new_order(flat, order, change, shown):
    served = await flat()
    old = await placed(served, order)
    status, new, _ = await served.call("PATCH", f"/v2/orders/{old['id']}", change)
    assert status == 200, new
    assert {name: new[name] for name in shown} == shown
    assert new["replaces"] == old["id"] != new["id"]
    assert new["client_order_id"] != old["client_order_id"]
    gone = (await served.call("GET", f"/v2/orders/{old['id']}"))[1]
    assert (gone["status"], gone["replaced_by"]) == ("replaced", new["id"])
    status, answer, _ = await served.call("PATCH", f"/v2/orders/{old['id']}", change)
    assert (status, answer["message"]) == (422, "order already replaced")


async def test_the_price_of_a_leg_may_be_replaced_but_not_its_qty(flat):
    served = await flat()
    parent = await placed(served, BRACKET)
    stop = parent["legs"][1]["id"]
    status, answer, _ = await served.call("PATCH", f"/v2/orders/{stop}", {"qty": 5})
    assert (status, answer["code"]) == (422, AGAINST)
    status, new, _ = await served.call("PATCH", f"/v2/orders/{stop}", {"stop_price": 41})
    assert (status, new["stop_price"], new["order_class"]) == (200, "41", "bracket")
    shown = (await served.call("GET", f"/v2/orders/{parent['id']}?nested=true"))[1]
    assert [leg["id"] for leg in shown["legs"]] == [parent["legs"][0]["id"], new["id"]]


async def test_a_short_is_shown_with_negative_numbers_and_bought_back(flat):
    served = await flat()
    await placed(served, {**SELL, "qty": "40"})
    position = (await served.call("GET", "/v2/positions/XYZ"))[1]
    signed = {name: position[name] for name in ("qty", "qty_available", "side")}
    assert signed == {"qty": "-40", "qty_available": "-40", "side": "short"}
    assert (position["market_value"], position["cost_basis"]) == ("-2000", "-1999.6")
    assert (position["avg_entry_price"], position["unrealized_pl"]) == ("49.99", "-0.4")
    assert position["unrealized_plpc"].startswith("-0.0002")
    account = (await served.call("GET", "/v2/account"))[1]
    assert (account["short_market_value"], account["equity"]) == ("-2000", "19999.6")
    await placed(served, {**LIMIT, "qty": "30"})
    position = (await served.call("GET", "/v2/positions/XYZ"))[1]
    assert position["qty_available"] == "-10"
    status, answer, _ = await served.call("DELETE", "/v2/positions/XYZ?percentage=50")
    assert (status, answer["existing_qty"], answer["available"]) == (403, "40", "10")
    status, answer, _ = await served.call("DELETE", "/v2/positions/XYZ?percentage=25")
    assert (status, answer["side"], answer["qty"]) == (200, "buy", "10")
    _, answers, _ = await served.call("DELETE", "/v2/positions?cancel_orders=True")
    assert [(a["symbol"], a["status"], a["body"]["qty"]) for a in answers] == [("XYZ", 200, "30")]
    assert (await served.call("GET", "/v2/positions/XYZ"))[0] == 404


async def test_the_sign_of_a_shorts_available_qty_is_a_setting(flat):
    served = await flat(rules=Rules(short_qty_available="positive"))
    await placed(served, {**SELL, "qty": "40"})
    assert (await served.call("GET", "/v2/positions/XYZ"))[1]["qty_available"] == "40"


CONFIGURED = {
    "suspend_trade": False,
    "no_shorting": False,
    "fractional_trading": True,
    "max_margin_multiplier": "4",
    "max_options_trading_level": 3,
    "trade_confirm_email": "all",
    "ptp_no_exception_entry": False,
    "disable_overnight_trading": False,
}
PATH = "/v2/account/configurations"


async def test_configurations_change_what_is_given_and_leave_the_rest(flat):
    served = await flat()
    assert (await served.call("GET", PATH))[:2] == (200, CONFIGURED)
    asked = dict.fromkeys([*CONFIGURED, "dtbp_check", "pdt_check"]) | {"suspend_trade": True}
    changed = CONFIGURED | {"suspend_trade": True}
    assert (await served.call("PATCH", PATH, asked))[:2] == (200, changed)
    assert (await served.call("GET", "/v2/account"))[1]["trade_suspended_by_user"] is True
    status, answer, _ = await served.call("POST", "/v2/orders", LIMIT)
    assert (status, answer["message"]) == (403, "new orders are rejected by user request")
    await served.call("PATCH", PATH, {"suspend_trade": False})
    await placed(served, LIMIT)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"suspend_trade": "perhaps"}, "invalid suspend_trade"),
        ({"max_margin_multiplier": "3"}, "invalid max_margin_multiplier"),
        ({"max_options_trading_level": 4}, "invalid max_options_trading_level"),
        ({"trade_confirm_email": "some"}, "invalid trade_confirm_email"),
        ({"leverage": 10}, "leverage cannot be configured"),
    ],
)
async def test_a_configuration_there_is_not_is_refused(flat, body, message):
    served = await flat()
    assert (await served.call("PATCH", PATH, body))[:2] == (
        422,
        {"code": WRONG, "message": message},
    )
    assert (await served.call("GET", PATH))[1] == CONFIGURED


DAY_TRADES = {"pattern_day_trader", "daytrade_count", "daytrading_buying_power"}


async def test_the_fields_of_day_trades_are_there_only_where_they_are_counted(flat):
    served = await flat()
    assert not DAY_TRADES & (await served.call("GET", "/v2/account"))[1].keys()
    served = await flat(rules=Rules(day_trades="legacy_pdt"))
    await placed(served, MARKET)
    await placed(served, SELL)
    account = (await served.call("GET", "/v2/account"))[1]
    counted = {name: account[name] for name in DAY_TRADES}
    assert counted == {
        "pattern_day_trader": False,
        "daytrade_count": 1,
        "daytrading_buying_power": "0",
    }
    shown = (await served.call("GET", PATH))[1]
    assert (shown["pdt_check"], shown["dtbp_check"]) == ("entry", "entry")


CALL, HIGHER = "XYZ260313C00050000", "XYZ260313C00052000"
PUT, LOWER = "XYZ260313P00050000", "XYZ260313P00048000"
OPTION = {"symbol": CALL, "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
WRITTEN = {**OPTION, "side": "sell", "type": "limit", "limit_price": "3"}
LEGS = [
    {"symbol": CALL, "ratio_qty": "1", "side": "buy", "position_intent": "buy_to_open"},
    {"symbol": HIGHER, "ratio_qty": "1", "side": "sell", "position_intent": "sell_to_open"},
]
SPREAD = {
    "qty": "1",
    "type": "limit",
    "limit_price": "0.5",
    "time_in_force": "day",
    "order_class": "mleg",
    "legs": LEGS,
}


async def test_a_contract_is_bought_for_a_hundred_times_its_price_and_sold_again(flat):
    served = await flat()
    before = (await served.call("GET", "/v2/account"))[1]
    order = await placed(served, OPTION)
    assert (order["asset_class"], order["position_intent"]) == ("us_option", "buy_to_open")
    filled = (await served.call("GET", f"/v2/orders/{order['id']}"))[1]
    position = (await served.call("GET", f"/v2/positions/{CALL}"))[1]
    assert (position["asset_class"], position["exchange"]) == ("us_option", "")
    assert position["avg_entry_price"] == filled["filled_avg_price"]
    paid = float(filled["filled_avg_price"]) * 100
    assert float(position["cost_basis"]) == pytest.approx(paid)
    after = (await served.call("GET", "/v2/account"))[1]
    assert float(before["cash"]) - float(after["cash"]) == pytest.approx(paid)
    assert (await served.call("DELETE", f"/v2/positions/{CALL}"))[0] == 200
    assert (await served.call("GET", "/v2/positions"))[1] == []


@pytest.mark.parametrize(
    ("level", "body", "message"),
    [
        (0, WRITTEN, "account not eligible for level1 options trading"),
        (1, OPTION, "account not eligible for level2 options trading"),
        (2, SPREAD, "account not eligible for level3 options trading"),
        (
            1,
            WRITTEN,
            "insufficient underlying qty available for covered call (required: 100, available: 0)",
        ),
    ],
)
async def test_a_level_gates_what_may_be_opened(flat, level, body, message):
    served = await flat()
    await served.call("PATCH", PATH, {"max_options_trading_level": level})
    account = (await served.call("GET", "/v2/account"))[1]
    assert (account["options_trading_level"], account["options_approved_level"]) == (level, 3)
    status, answer, _ = await served.call("POST", "/v2/orders", body)
    assert (status, answer["code"], answer["message"]) == (403, 40310000, message)


async def test_a_covered_call_and_a_secured_put_need_the_first_level_only(flat):
    served = await flat()
    await served.call("PATCH", PATH, {"max_options_trading_level": 1})
    await placed(served, {**MARKET, "qty": "100"})
    await placed(served, WRITTEN)
    power = (await served.call("GET", "/v2/account"))[1]["options_buying_power"]
    await placed(served, {**WRITTEN, "symbol": PUT})
    secured = (await served.call("GET", "/v2/account"))[1]["options_buying_power"]
    assert float(power) - float(secured) == 5000 - 300


async def test_more_options_than_cash_are_refused_with_both_numbers(flat):
    served = await flat()
    body = {**OPTION, "type": "limit", "limit_price": "5", "qty": "41"}
    assert (await served.call("POST", "/v2/orders", body))[:2] == (
        403,
        {
            "code": 40310000,
            "message": "insufficient options buying power",
            "options_buying_power": "20000",
            "cost_basis": "20500",
        },
    )


async def test_a_spread_is_an_order_without_a_symbol_and_costs_its_worst_case(flat):
    served = await flat()
    order = await placed(served, SPREAD)
    assert [order[name] for name in ("symbol", "asset_id", "asset_class", "side")] == [""] * 4
    assert (order["position_intent"], order["order_class"]) == ("", "mleg")
    legs = [(leg["symbol"], leg["type"], leg["ratio_qty"]) for leg in order["legs"]]
    assert legs == [(CALL, "", "1"), (HIGHER, "", "1")]
    assert (await served.call("GET", "/v2/account"))[1]["options_buying_power"] == "19950"
    credit = [{**leg, "symbol": put} for leg, put in zip(LEGS, (LOWER, PUT), strict=True)]
    await placed(served, {**SPREAD, "legs": credit, "limit_price": "-1.75"})
    assert (await served.call("GET", "/v2/account"))[1]["options_buying_power"] == "19925"
    rows = (await served.call("GET", "/v2/orders"))[1]
    assert [len(row["legs"]) for row in rows] == [2, 2]


async def test_the_price_of_a_spread_may_be_replaced_and_its_legs_go_with_it(flat):
    served = await flat()
    order = await placed(served, SPREAD)
    path = f"/v2/orders/{order['id']}"
    assert (await served.call("PATCH", path, {"qty": 2}))[0] == 422
    leg = order["legs"][0]["id"]
    assert (await served.call("PATCH", f"/v2/orders/{leg}", {"limit_price": 2}))[0] == 422
    status, new, _ = await served.call("PATCH", path, {"limit_price": "0.4"})
    assert (status, new["limit_price"], len(new["legs"])) == (200, "0.4", 2)
    assert (await served.call("GET", "/v2/account"))[1]["options_buying_power"] == "19960"
    assert (await served.call("DELETE", f"/v2/orders/{new['id']}"))[0] == 204
    assert (await served.call("GET", "/v2/orders"))[1] == []
    assert (await served.call("GET", "/v2/account"))[1]["options_buying_power"] == "20000"


async def test_with_a_multiplier_of_four_the_day_allows_four_times_the_equity(serve, tmp_path):
    book = tmp_path / "book.json"
    book.write_text(json.dumps(BOOK | {"accounts": {"main": {"cash": "20000", "multiplier": "4"}}}))
    served = await serve(book=book)
    await placed(served, {**LIMIT, "qty": "400"})
    account = (await served.call("GET", "/v2/account"))[1]
    shown = {name: account[name] for name in ("multiplier", "buying_power", "regt_buying_power")}
    assert shown == {"multiplier": "4", "buying_power": "62000", "regt_buying_power": "22000"}


@pytest.mark.parametrize(
    ("hour", "day", "body", "status", "message"),
    [
        (
            22,
            3,
            OPTION,
            422,
            "options market orders are only allowed during market hours",
        ),
        (
            19,
            3,
            {**OPTION, "symbol": "XYZ260227C00050000"},
            422,
            'contract "XYZ260227C00050000" is not active',
        ),
        (
            19,
            3,
            {**OPTION, "symbol": "XYZ260313C00050001"},
            422,
            'asset "XYZ260313C00050001" not found',
        ),
        (
            19,
            3,
            {**OPTION, "symbol": "ABC260313C00050000"},
            422,
            'asset "ABC260313C00050000" not found',
        ),
        (
            19,
            3,
            {**OPTION, "position_intent": "buy_to_close"},
            422,
            "position intent mismatch, inferred: buy_to_open, specified: buy_to_close",
        ),
    ],
)
async def test_contracts_have_hours_and_an_end(flat, hour, day, body, status, message):
    served = await flat()
    served.clock.at = served.clock.at.replace(hour=hour, day=day)
    got, answer, _ = await served.call("POST", "/v2/orders", body)
    assert (got, answer["message"]) == (status, message)


async def test_on_its_last_day_a_contract_is_not_opened_from_half_past_three(flat):
    served = await flat()
    body = {**OPTION, "symbol": "XYZ260306C00050000"}
    served.clock.at = served.clock.at.replace(day=6, hour=20, minute=29)
    await placed(served, body)
    served.clock.at = served.clock.at.replace(minute=30)
    status, answer, _ = await served.call("POST", "/v2/orders", body)
    assert (status, answer["code"]) == (422, AGAINST)
    await placed(served, {**body, "side": "sell"})
