"""Body → terms, or the refusal with its status, code and message: no account, no market."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.exchange.engine.errors import RefusedError
from services.exchange.engine.order_entry import read_body, read_terms
from services.exchange.engine.order_types import (
    ORDER_CLASSES,
    ORDER_TYPES,
    TIMES_IN_FORCE,
)
from services.exchange.engine.orders import Terms
from services.exchange.engine.rules import DEFAULT_RULES

MARKET = {"symbol": "XYZ", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
LIMIT = {**MARKET, "type": "limit", "limit_price": "45.5"}
STOP = {**MARKET, "type": "stop", "stop_price": "51"}
STOP_LIMIT = {**STOP, "type": "stop_limit", "limit_price": "51.5"}
TRAIL = {**MARKET, "type": "trailing_stop", "trail_percent": "2"}
EXITS = {"take_profit": {"limit_price": 48.6}, "stop_loss": {"stop_price": 44.1}}
BRACKET = {**LIMIT, "order_class": "bracket", **EXITS}
OCO = {
    **MARKET,
    "side": "sell",
    "type": "limit",
    "order_class": "oco",
    **EXITS,
}
OTO = {**LIMIT, "order_class": "oto", "stop_loss": {"stop_price": 44.1}}
CALL, PUT = "XYZ260417C00050000", "XYZ260417P00050000"
HIGHER = "XYZ260417C00055000"
OPTION = {**LIMIT, "symbol": CALL}
LEGS = [
    {"symbol": CALL, "ratio_qty": 1.0, "side": "buy", "position_intent": "buy_to_open"},
    {"symbol": HIGHER, "ratio_qty": "1", "position_intent": "sell_to_open"},
]
MLEG = {
    "qty": 1.0,
    "type": "limit",
    "limit_price": 1.5,
    "time_in_force": "day",
    "order_class": "mleg",
    "legs": LEGS,
}
WRONG, AGAINST = 40010001, 42210000


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def read(body: dict[str, Any], **rules: Any) -> Terms:
    """As it comes over the wire: through JSON, with exact decimals."""
    return read_terms(read_body(json.dumps(body).encode()), replace(DEFAULT_RULES, **rules))


@pytest.mark.parametrize(
    ("body", "terms"),
    [
        ({**MARKET, "qty": 12.0}, {"qty": Decimal(12), "order_class": ""}),
        ({**MARKET, "qty": "1e-09"}, {"qty": Decimal("1e-9")}),
        ({**MARKET, "qty": 1e-09}, {"qty": Decimal("1e-9")}),
        ({**MARKET, "qty": "0.123456789012"}, {"qty": Decimal("0.123456789")}),
        ({**MARKET, "symbol": "xyz"}, {"symbol": "XYZ"}),
        ({**without(MARKET, "qty"), "notional": "25.5"}, {"notional": Decimal("25.5")}),
        (
            {**without(LIMIT, "qty"), "notional": "25.5"},
            {"notional": Decimal("25.5"), "limit_price": Decimal("45.5")},
        ),
        ({**MARKET, "order_class": "simple"}, {"order_class": ""}),
        ({**MARKET, "order_class": None}, {"order_class": ""}),
        ({**MARKET, "client_order_id": ""}, {"client_order_id": ""}),
        ({**LIMIT, "limit_price": 0.1234}, {"limit_price": Decimal("0.1234")}),
        ({**LIMIT, "limit_price": 45.10}, {"limit_price": Decimal("45.1")}),
        (STOP, {"stop_price": Decimal(51), "limit_price": None}),
        ({**STOP, "qty": "1.5"}, {"qty": Decimal("1.5")}),
        (STOP_LIMIT, {"stop_price": Decimal(51), "limit_price": Decimal("51.5")}),
        (TRAIL, {"trail_percent": Decimal(2), "stop_price": None}),
        ({**TRAIL, "trail_percent": 0.1}, {"trail_percent": Decimal("0.1")}),
        (
            {**without(TRAIL, "trail_percent"), "trail_price": 1.5},
            {"trail_price": Decimal("1.5")},
        ),
        ({**LIMIT, "extended_hours": "True"}, {"extended_hours": True}),
        ({**LIMIT, "time_in_force": "gtc", "extended_hours": True}, {"extended_hours": True}),
        ({**LIMIT, "qty": "1.5", "extended_hours": True}, {"extended_hours": True}),
        *(({**MARKET, "time_in_force": tif}, {"time_in_force": tif}) for tif in TIMES_IN_FORCE),
        ({**MARKET, "position_intent": "buy_to_close"}, {"position_intent": "buy_to_close"}),
        (BRACKET, {"order_class": "bracket"}),
        ({**BRACKET, "take_profit": {"limit_price": "48.6", "x": None}}, {}),
        ({**STOP, "order_class": "bracket", **EXITS}, {"type": "stop"}),
        (OCO, {"limit_price": Decimal("48.6")}),
        ({**OCO, "limit_price": "48.60"}, {"limit_price": Decimal("48.6")}),
        (OTO, {"order_class": "oto"}),
        ({**OTO, "take_profit": None}, {"take_profit": None}),
        (OPTION, {"symbol": CALL}),
        (MLEG, {"symbol": "", "limit_price": Decimal("1.5")}),
        ({**MLEG, "limit_price": -0.55}, {"limit_price": Decimal("-0.55")}),
    ],
)
def test_what_alpaca_takes_is_read_exactly(body, terms):
    got = read(body)
    assert {name: getattr(got, name) for name in terms} == terms


def test_the_side_of_a_contract_may_come_from_its_intent():
    assert [leg.side for leg in read(MLEG).option_legs] == ["buy", "sell"]


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (without(MARKET, "symbol"), WRONG, "symbol is required"),
        (without(MARKET, "side"), WRONG, "invalid side"),
        ({**MARKET, "side": "short"}, WRONG, "invalid side"),
        ({**without(MARKET, "side"), "position_intent": "buy_to_open"}, WRONG, "invalid side"),
        ({**MARKET, "type": "iceberg"}, WRONG, "invalid order type"),
        (without(MARKET, "type"), WRONG, "invalid order type"),
        ({**MARKET, "time_in_force": "gtd"}, WRONG, "invalid time_in_force"),
        ({**MARKET, "order_class": "basket"}, WRONG, "invalid order_class"),
        ({**MARKET, "position_intent": "buy"}, WRONG, "invalid position_intent"),
        (
            {**MARKET, "position_intent": "sell_to_close"},
            WRONG,
            "position_intent sell_to_close does not match side buy",
        ),
        ({**MARKET, "extended_hours": "perhaps"}, WRONG, "invalid extended_hours"),
        # quantities
        (without(MARKET, "qty"), WRONG, "qty or notional is required"),
        ({**MARKET, "notional": 5}, WRONG, "only one of qty or notional is accepted"),
        ({**MARKET, "qty": 0}, WRONG, "qty must be > 0"),
        ({**MARKET, "qty": "-3"}, WRONG, "qty must be > 0"),
        ({**MARKET, "qty": "1e-10"}, WRONG, "qty must be > 0"),
        ({**MARKET, "qty": "NaN"}, WRONG, "invalid qty"),
        ({**MARKET, "qty": "1e16"}, WRONG, "invalid qty"),
        ({**MARKET, "qty": True}, WRONG, "invalid qty"),
        ({**MARKET, "qty": [1]}, WRONG, "invalid qty"),
        (
            {**without(MARKET, "qty"), "notional": 0.99},
            AGAINST,
            "notional amount must be >= 1.00",
        ),
        ({**without(MARKET, "qty"), "notional": "x"}, WRONG, "invalid notional"),
        # fractions
        *(
            (
                {**MARKET, "qty": "1.5", "time_in_force": tif},
                AGAINST,
                "fractional orders must be DAY orders",
            )
            for tif in TIMES_IN_FORCE
            if tif != "day"
        ),
        (
            {**without(MARKET, "qty"), "notional": 5, "time_in_force": "gtc"},
            AGAINST,
            "fractional orders must be DAY orders",
        ),
        ({**BRACKET, "qty": 1.5}, AGAINST, "fractional orders must be simple orders"),
        ({**OTO, "qty": 1.5}, AGAINST, "fractional orders must be simple orders"),
        (
            {**TRAIL, "qty": 1.5},
            AGAINST,
            "fractional orders must be market, limit, stop or stop limit orders",
        ),
        # prices of a type
        (without(LIMIT, "limit_price"), WRONG, "limit orders require a limit price"),
        (without(STOP, "stop_price"), WRONG, "stop orders require a stop price"),
        (without(STOP_LIMIT, "stop_price"), WRONG, "stop limit orders require a stop price"),
        (without(STOP_LIMIT, "limit_price"), WRONG, "stop limit orders require a limit price"),
        ({**MARKET, "limit_price": 9}, WRONG, "market orders require no stop or limit price"),
        ({**MARKET, "stop_price": 9}, WRONG, "market orders require no stop or limit price"),
        ({**LIMIT, "stop_price": 9}, AGAINST, "limit orders must not have stop_price"),
        ({**STOP, "limit_price": 9}, AGAINST, "stop orders must not have limit_price"),
        ({**TRAIL, "stop_price": 9}, AGAINST, "trailing stop orders must not have stop_price"),
        ({**LIMIT, "trail_price": 9}, AGAINST, "limit orders must not have trail_price"),
        (
            without(TRAIL, "trail_percent"),
            WRONG,
            "trailing stop orders require one of trail_price and trail_percent",
        ),
        (
            {**TRAIL, "trail_price": 1},
            WRONG,
            "trailing stop orders require one of trail_price and trail_percent",
        ),
        ({**TRAIL, "trail_percent": 0.09}, WRONG, "trail_percent must be >= 0.1"),
        ({**TRAIL, "trail_percent": 0}, WRONG, "trail_percent must be > 0 and < 100"),
        ({**TRAIL, "trail_percent": 100}, WRONG, "trail_percent must be > 0 and < 100"),
        ({**LIMIT, "limit_price": 0}, WRONG, "limit price must be > 0"),
        ({**STOP, "stop_price": -1}, WRONG, "stop price must be > 0"),
        ({**LIMIT, "limit_price": "Infinity"}, WRONG, "invalid limit_price"),
        # what a type, a time in force and a class go with
        ({**STOP, "time_in_force": "ioc"}, AGAINST, "ioc orders must be market or limit orders"),
        ({**STOP, "time_in_force": "fok"}, AGAINST, "fok orders must be market or limit orders"),
        (
            {**STOP_LIMIT, "time_in_force": "opg"},
            AGAINST,
            "opg orders must be market or limit orders",
        ),
        ({**TRAIL, "time_in_force": "cls"}, AGAINST, "cls orders must be market or limit orders"),
        *(
            (
                {**MARKET, **body, "extended_hours": True},
                AGAINST,
                "extended hours order must be DAY or GTC limit orders",
            )
            for body in (MARKET, STOP, TRAIL, {**LIMIT, "time_in_force": "ioc"}, BRACKET, OTO)
        ),
        (
            {**OPTION, "extended_hours": True},
            AGAINST,
            "extended hours order must be DAY or GTC limit orders",
        ),
        ({**LIMIT, **EXITS}, AGAINST, "simple orders must not have take_profit"),
        (
            {**LIMIT, "stop_loss": {"stop_price": 9}},
            AGAINST,
            "simple orders must not have stop_loss",
        ),
        ({**LIMIT, "legs": LEGS}, AGAINST, "simple orders must not have legs"),
        (without(BRACKET, "take_profit"), AGAINST, "bracket orders require take_profit"),
        (without(BRACKET, "stop_loss"), AGAINST, "bracket orders require stop_loss"),
        ({**BRACKET, "take_profit": {}}, AGAINST, "bracket orders require take_profit"),
        ({**BRACKET, "take_profit": {"x": 1}}, WRONG, "take_profit.limit_price is required"),
        (
            {**BRACKET, "stop_loss": {"limit_price": 44}},
            WRONG,
            "stop_loss.stop_price is required",
        ),
        ({**BRACKET, "stop_loss": 44}, WRONG, "invalid stop_loss"),
        (
            {**BRACKET, "time_in_force": "ioc"},
            AGAINST,
            "bracket orders must be DAY or GTC orders",
        ),
        (
            {**TRAIL, "order_class": "bracket", **EXITS},
            AGAINST,
            "bracket orders must be market, limit, stop or stop limit orders",
        ),
        ({**OCO, "type": "market"}, AGAINST, "oco orders must be limit orders"),
        (without(OCO, "take_profit"), AGAINST, "oco orders require take_profit"),
        (
            {**OCO, "limit_price": 49},
            AGAINST,
            "oco limit_price must be take_profit.limit_price",
        ),
        ({**OTO, **EXITS}, AGAINST, "oto orders require one of take_profit and stop_loss"),
        (
            without(OTO, "stop_loss"),
            AGAINST,
            "oto orders require one of take_profit and stop_loss",
        ),
        *(
            (
                {**body, "take_profit": {"limit_price": price}},
                AGAINST,
                "take_profit.limit_price must be > stop_loss.stop_price",
            )
            for body in (BRACKET, OCO)
            for price in (44.1, 40)
        ),
        *(
            (
                {**body, "side": side},
                AGAINST,
                "take_profit.limit_price must be < stop_loss.stop_price",
            )
            for body, side in ((BRACKET, "sell"), (OCO, "buy"))
        ),
        # options
        (
            {**OPTION, "type": "stop", "stop_price": 9, "limit_price": None},
            AGAINST,
            "options orders must be market or limit orders",
        ),
        ({**OPTION, "qty": 1.5}, AGAINST, "options orders must be for whole contracts"),
        (
            {**without(OPTION, "qty"), "notional": 500},
            AGAINST,
            "options orders must be for whole contracts",
        ),
        ({**OPTION, "time_in_force": "gtc"}, AGAINST, "options orders must be DAY orders"),
        ({**OPTION, "time_in_force": "ioc"}, AGAINST, "options orders must be DAY orders"),
        (
            {**OPTION, "order_class": "bracket", **EXITS},
            AGAINST,
            "options orders must be simple or mleg orders",
        ),
        (without(MLEG, "legs"), AGAINST, "mleg orders require legs"),
        ({**MLEG, "legs": LEGS[:1]}, AGAINST, "mleg orders must have 2 to 4 legs"),
        (
            {**MLEG, "legs": [LEGS[0], LEGS[0]]},
            AGAINST,
            "mleg orders must have legs in different contracts",
        ),
        (
            {**MLEG, "legs": [LEGS[0], {**LEGS[1], "symbol": "XYZ"}]},
            AGAINST,
            "mleg orders must have legs in options",
        ),
        (
            {**MLEG, "legs": [LEGS[0], {**LEGS[1], "symbol": "ABC260417C00055000"}]},
            AGAINST,
            "mleg orders must have legs in one underlying",
        ),
        (
            {**MLEG, "legs": [{**leg, "ratio_qty": 2} for leg in LEGS]},
            AGAINST,
            "mleg orders must have leg ratios in simplest form",
        ),
        (
            {**MLEG, "legs": [{**LEGS[0], "ratio_qty": 0.5}, LEGS[1]]},
            WRONG,
            "ratio_qty must be a whole number > 0",
        ),
        (
            {**MLEG, "legs": [without(LEGS[0], "side", "position_intent"), LEGS[1]]},
            WRONG,
            "side or position_intent is required for legs",
        ),
        (
            {**MLEG, "type": "stop", "stop_price": 9, "limit_price": None},
            AGAINST,
            "mleg orders must be market or limit orders",
        ),
        ({**MLEG, "qty": 1.5}, AGAINST, "fractional orders must be simple orders"),
        # names
        (
            {**MARKET, "client_order_id": "x" * 129},
            WRONG,
            "client_order_id must be no more than 128 characters",
        ),
        ({**MARKET, "client_order_id": 7}, WRONG, "invalid client_order_id"),
    ],
)
def test_what_alpaca_refuses_is_refused_in_its_words(body, code, message):
    with pytest.raises(RefusedError) as refused:
        read(body)
    assert refused.value.status == 422
    assert refused.value.body == {"code": code, "message": message}


SUB_PENNY = "invalid {} {}. sub-penny increment does not fulfill minimum pricing criteria"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({**LIMIT, "limit_price": "{}"}, "limit_price"),
        ({**STOP, "stop_price": "{}"}, "stop_price"),
        ({**STOP_LIMIT, "limit_price": "{}"}, "limit_price"),
        ({**without(TRAIL, "trail_percent"), "trail_price": "{}"}, "trail_price"),
        ({**BRACKET, "take_profit": {"limit_price": "{}"}}, "take_profit.limit_price"),
        ({**BRACKET, "stop_loss": {"stop_price": "{}"}}, "stop_loss.stop_price"),
        (
            {**BRACKET, "stop_loss": {"stop_price": "44.1", "limit_price": "{}"}},
            "stop_loss.limit_price",
        ),
        ({**MLEG, "limit_price": "{}"}, "limit_price"),
    ],
)
@pytest.mark.parametrize("price", ["45.123", "1.0001", "0.30000000000000004"])
def test_a_sub_penny_price_is_refused_by_its_name(body, name, price):
    sent = json.loads(json.dumps(body).replace('"{}"', json.dumps(price)))
    with pytest.raises(RefusedError) as refused:
        read(sent)
    assert refused.value.body == {"code": AGAINST, "message": SUB_PENNY.format(name, price)}


def test_gtc_options_are_a_setting():
    gtc = {**OPTION, "time_in_force": "gtc"}
    assert read(gtc, option_gtc=True).time_in_force == "gtc"
    with pytest.raises(RefusedError, match="options orders must be DAY orders"):
        read({**without(gtc, "limit_price"), "type": "market"}, option_gtc=True)


FIELDS = {
    "qty": st.sampled_from(["1", "1.5", 7, "x"]),
    "notional": st.sampled_from(["5", 0.5]),
    "limit_price": st.sampled_from(["45.5", 44, "0.00001"]),
    "stop_price": st.sampled_from(["45", 46]),
    "trail_price": st.sampled_from(["1"]),
    "trail_percent": st.sampled_from(["1", 0]),
    "extended_hours": st.booleans(),
    "take_profit": st.sampled_from([EXITS["take_profit"], {}]),
    "stop_loss": st.sampled_from([EXITS["stop_loss"], {}]),
    "legs": st.sampled_from([LEGS, []]),
}


@given(
    st.fixed_dictionaries(
        {
            "symbol": st.sampled_from(["XYZ", CALL]),
            "side": st.sampled_from(["buy", "sell"]),
            "type": st.sampled_from(list(ORDER_TYPES)),
            "time_in_force": st.sampled_from(list(TIMES_IN_FORCE)),
            "order_class": st.sampled_from(list(ORDER_CLASSES)),
        },
        optional=FIELDS,
    )
)
def test_what_is_taken_obeys_the_tables(body):
    """Whatever comes: refused with 422, or each field is one its type and class ask for."""
    try:
        terms = read(body)
    except RefusedError as refused:
        assert refused.status == 422
        return
    kind, order_class = ORDER_TYPES[terms.type], ORDER_CLASSES[terms.order_class]
    tif = TIMES_IN_FORCE[terms.time_in_force]
    assert (terms.limit_price is not None) == kind.limit_price
    assert (terms.stop_price is not None) == kind.stop_price
    trails = [terms.trail_price is not None, terms.trail_percent is not None]
    assert sum(trails) == (1 if kind.trail else 0)
    assert terms.type in tif.types
    assert terms.type in order_class.types
    assert terms.time_in_force in order_class.times_in_force
    assert not terms.fractional or (tif.fractional and kind.fractional and order_class.single)
    assert not terms.extended_hours or (terms.type == "limit" and order_class.single)
    exits = [terms.take_profit is not None, terms.stop_loss is not None]
    assert sum(exits) == {"bracket": 2, "oco": 2, "oto": 1}.get(terms.order_class, 0)
    assert bool(terms.option_legs) == (terms.order_class == "mleg")
