"""Guidance, conservative prices, sequence and funding ledger, each by its table."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from planning_world import basket, facts, listed, orders

from db.model.market import Quote
from db.model.order import OrderType, Side
from services.planning import Facts, make_plan
from services.planning.guidance import guide
from services.risk.estimate import down, expected_price, slippage, up

MARKET = [
    listed("AAA", "100", "A"),
    listed("BBB", "50", "B"),
    listed("CCC", "20", "C"),
    listed("TQQQ", "80", "Technology"),
    listed("PNY", "0.5", "D"),
]


def book(**more: Any) -> Facts:
    return facts(more.pop("positions", ()), MARKET, **more)


def quoted(known: Facts, symbol: str, bid: str, ask: str, age: int = 0) -> Facts:
    quote = Quote(
        symbol=symbol, bid=Decimal(bid), ask=Decimal(ask), at=known.now - timedelta(seconds=age)
    )
    return replace(known, quotes={**known.quotes, symbol: quote})


def closed(known: Facts) -> Facts:
    assert known.clock is not None
    return replace(known, clock=known.clock.model_copy(update={"is_open": False}))


def without_volume(known: Facts) -> Facts:
    blank = known.instruments["AAA"].model_copy(update={"average_daily_volume": None})
    return replace(known, instruments={**known.instruments, "AAA": blank})


@pytest.mark.parametrize(
    ("known", "symbol", "side", "qty", "kind", "limit", "why"),
    # a touch is 1 cent from the price, the band 0.5%, down for a buy and up for a sale. 80.01 × 1.005 =
    # 80.41005, 100.20 × 1.005 = 100.701, 99.80 × 0.995 = 99.301, 100.01 × 1.005 = 100.51005,
    # 99.99 × 0.995 = 99.49005; 50,001 of 5,000,000 a day are over 1%
    [
        (book(), "AAA", Side.BUY, 10, OrderType.MARKET, None, "small and liquid"),
        (book(), "TQQQ", Side.BUY, 10, OrderType.LIMIT, "80.41", "a leveraged product moves fast"),
        (quoted(book(), "AAA", "99.80", "100.20"), "AAA", Side.BUY, 10, OrderType.LIMIT, "100.70", "the spread is 40 bps"),
        (quoted(book(), "AAA", "99.80", "100.20"), "AAA", Side.SELL, 10, OrderType.LIMIT, "99.31", "the spread is 40 bps"),
        (quoted(book(), "AAA", "99.99", "100.01", 6), "AAA", Side.BUY, 10, OrderType.LIMIT, "100.51", "the price is not fresh"),
        (book(), "AAA", Side.BUY, 50_001, OrderType.LIMIT, "100.51", "it is 1.0% of a day's volume"),
        (closed(book()), "AAA", Side.SELL, 10, OrderType.LIMIT, "99.50", "the market is not open"),
        (without_volume(book()), "AAA", Side.BUY, 10, OrderType.LIMIT, "100.51", "its daily volume is not known"),
        (replace(book(), quotes={}), "AAA", Side.SELL, 10, OrderType.MARKET, None, "there is no touch to limit by"),
    ],
)  # fmt: skip
def test_guidance(
    known: Facts, symbol: str, side: Side, qty: int, kind: OrderType, limit: str | None, why: str
) -> None:
    guidance = guide(known, symbol, side, Decimal(qty))
    assert guidance.type is kind
    assert guidance.limit_price == (None if limit is None else Decimal(limit))
    assert why in guidance.why


@pytest.mark.parametrize(
    ("share", "bps"),
    # 2 + 8 × share ÷ 5%, at most 10
    [("0", 2), ("0.025", 6), ("0.05", 10), ("0.9", 10), (None, 10)],
)
def test_slippage_grows_with_size(share: str | None, bps: int) -> None:
    assert slippage(None if share is None else Decimal(share)) * 10_000 == bps


@pytest.mark.parametrize(
    ("price", "below", "above"),
    [("1.0049", "1.00", "1.01"), ("0.99991", "0.9999", "1.0000"), ("80", "80.00", "80.00")],
)
def test_ticks_are_cents_from_a_dollar_up_and_hundredths_of_them_below(
    price: str, below: str, above: str
) -> None:
    assert str(down(Decimal(price))) == below
    assert str(up(Decimal(price))) == above


@pytest.mark.parametrize(
    ("side", "limit", "stop", "kind", "expected"),
    # 10 of 5,000,000 slip a hair over 2 bps: 99.99 − 2 bps is under 99.97, 100.01 + 2 bps over 100.03;
    # a buy at its limit; 110 + 2 bps over 110.02, 90 − 2 bps under 89.99 from the trigger
    [
        (Side.SELL, None, None, OrderType.MARKET, "99.96"),
        (Side.BUY, None, None, OrderType.MARKET, "100.04"),
        (Side.BUY, "101.50", None, OrderType.LIMIT, "101.50"),
        (Side.SELL, "99.00", None, OrderType.LIMIT, "99.96"),
        (Side.BUY, None, "110.00", OrderType.STOP, "110.03"),
        (Side.SELL, None, "90.00", OrderType.STOP, "89.98"),
    ],
)
def test_expected_prices_are_on_the_costly_side(
    side: Side, limit: str | None, stop: str | None, kind: OrderType, expected: str
) -> None:
    price = expected_price(
        book(), "AAA", side, Decimal(10), kind=kind,
        limit_price=None if limit is None else Decimal(limit),
        stop_price=None if stop is None else Decimal(stop),
    )  # fmt: skip
    assert price == Decimal(expected)


def test_sells_go_leveraged_first_then_liquid_then_large() -> None:
    known = book(
        positions=(("AAA", "10", "90"), ("BBB", "40", "40"), ("CCC", "40000", "10"), ("TQQQ", "5", "50"))
    )  # fmt: skip
    plan = make_plan(
        basket("AAA,sell,10", "CCC,sell,40000", "TQQQ,sell,5", "BBB,sell,40"), known, "1", "sim"
    )
    assert [symbol for _, symbol, _ in orders(plan)] == ["TQQQ", "BBB", "AAA", "CCC"]


def test_buys_go_by_conviction_then_size() -> None:
    known = book(cash="90000", picks=(("CCC", "C", 90), ("BBB", "B", 70)))
    plan = make_plan(
        basket("AAA,buy,90", "PNY,buy,2000", "BBB,buy,20", "CCC,buy,30"), known, "1", "sim"
    )
    assert [symbol for _, symbol, _ in orders(plan)] == ["CCC", "BBB", "AAA", "PNY"]


def test_cash_above_the_buffer_pays_first_and_sells_fill_the_buffer_before_they_pay() -> None:
    known = book(cash="1000", positions=(("AAA", "50", "90"), ("BBB", "80", "40")))
    rich = make_plan(basket("AAA,sell,20", "CCC,buy,20"), known, "1", "sim")
    assert rich.steps[1].funded_by == ()  # 1000 − 5% of 10000 is more than 20 × 20
    poor = book(cash="100", positions=(("AAA", "50", "90"), ("BBB", "98", "40")))
    plan = make_plan(basket("AAA,sell,3", "BBB,sell,50", "CCC,buy,30"), poor, "1", "sim")
    assert [(s.n, s.symbol) for s in plan.steps] == [(1, "BBB"), (2, "AAA"), (3, "CCC")]
    assert plan.step(3).funded_by == (1,)
    assert plan.step(3).needs == (1,)
