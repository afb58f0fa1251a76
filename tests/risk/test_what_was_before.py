"""Wash sales over all accounts, unsettled money, and what sixty daily bars tell."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from risk_world import ACTIVE, NOW, findings, with_limits, world, worst

from db.model.market import Bar
from db.model.order import Side
from db.model.plan import Severity
from db.model.record import PastTrade, TradeRecord

PASS, WARN, BLOCK = Severity.PASS, Severity.WARN, Severity.BLOCK
LONG_SINCE = NOW - timedelta(days=90)


def traded(text: str, days: int, gain: str | None = None, account: str = "main") -> PastTrade:
    """`sell 10 AAA` so many days ago, at 100."""
    side, qty, symbol = text.split()
    return PastTrade(
        account=account, symbol=symbol, side=Side(side), qty=Decimal(qty), price=Decimal(100),
        at=NOW - timedelta(days=days), gain=None if gain is None else Decimal(gain),
    )  # fmt: skip


def record(*trades: PastTrade, since: datetime = LONG_SINCE) -> dict[str, Any]:
    return {"record": TradeRecord(since=since, trades=trades)}


HELD = {"held": {"AAA": "9"}}  # bought at 80
LOSING = {**HELD, "prices": {"AAA": "70"}}
# different, orders, expected, first clear day. Today is 2026-01-05; 30 days: 2025-12-06 to today
WASH: list[tuple[dict[str, Any], tuple[str, ...], Severity, str]] = [
    ({}, ("buy 9 AAA",), PASS, ""),
    # sold 30 days ago, 2025-12-06: + 31 days is 2026-01-06
    (record(traded("sell 5 AAA", 30, "-1")), ("buy 9 AAA",), WARN, "2026-01-06"),
    (record(traded("sell 5 AAA", 31, "-1")), ("buy 9 AAA",), PASS, ""),
    (record(traded("sell 5 AAA", 0, "-1")), ("buy 9 AAA",), WARN, "2026-02-05"),
    (record(traded("sell 5 AAA", 9, "1")), ("buy 9 AAA",), PASS, ""),
    (record(traded("sell 5 AAA", 9, "0")), ("buy 9 AAA",), PASS, ""),
    (record(traded("sell 5 AAA", 9, None)), ("buy 9 AAA",), WARN, ""),  # gain not known
    (record(traded("sell 5 BBB", 9, "-1")), ("buy 9 AAA",), PASS, ""),
    (record(traded("sell 5 AAA", 9, "-1", "ira")), ("buy 9 AAA",), WARN, "2026-01-27"),
    (record(traded("buy 5 AAA", 9)), ("buy 9 AAA",), PASS, ""),
    # selling at a loss what was bought lately: only if shares of it stay
    ({**LOSING, **record(traded("buy 5 AAA", 9))}, ("sell 4 AAA",), WARN, "2026-01-27"),
    ({**LOSING, **record(traded("buy 5 AAA", 9))}, ("sell 9 AAA",), PASS, ""),
    ({**LOSING, **record(traded("buy 5 AAA", 9, account="ira"))}, ("sell 9 AAA",), WARN, "2026-01-27"),
    ({**LOSING, **record(traded("buy 5 AAA", 31))}, ("sell 4 AAA",), PASS, ""),
    ({**HELD, **record(traded("buy 5 AAA", 9))}, ("sell 4 AAA",), PASS, ""),  # at a gain
    # sold at a loss and bought again by one plan
    (LOSING, ("sell 9 AAA", "buy 8 AAA"), WARN, "2026-02-05"),
    # nobody knows, or not far enough back: no pass, but only where it matters
    ({"record": None}, ("buy 9 AAA",), WARN, ""),
    ({**HELD, "record": None}, ("sell 9 AAA",), PASS, ""),
    ({**LOSING, "record": None}, ("sell 9 AAA",), WARN, ""),
    (record(since=NOW - timedelta(days=29)), ("buy 9 AAA",), WARN, ""),
    (record(since=NOW - timedelta(days=30)), ("buy 9 AAA",), PASS, ""),
    (record(traded("sell 5 AAA", 9, "-1", "manual/main")), ("buy 9 AAA",), WARN, "2026-01-27"),
    ({"policy": with_limits(wash_sale_days=9), **record(traded("sell 5 AAA", 10, "-1"))}, ("buy 9 AAA",), PASS, ""),
]  # fmt: skip


@pytest.mark.parametrize(("different", "orders", "expected", "clear"), WASH)
def test_wash_sale(
    different: dict[str, Any], orders: tuple[str, ...], expected: Severity, clear: str
) -> None:
    found = findings("wash_sale", world(**different), *orders)
    assert worst(found) is expected, found
    assert [f.values["clear"] for f in found if "clear" in f.values] == ([clear] if clear else [])


def bars(*daily: float, days: int = 61) -> list[Bar]:
    """Closes from 100, the moves given over and over."""
    close, found = 100.0, []
    for day in range(days):
        found.append(
            Bar(date=date(2025, 10, 1) + timedelta(days=day), high=Decimal(0), low=Decimal(0),
                close=Decimal(f"{close:.6f}"))
        )  # fmt: skip
        close *= 1 + daily[day % len(daily)]
    return found


UP, DOWN = (0.01, -0.01), (-0.01, 0.01)
FALLS = (-0.10, *[0.001] * 9)  # one day in ten falls by a tenth: the 5% quantile is −10%
# bars, held, order, expected
LIMITED: dict[str, Any] = {"policy": ACTIVE, "cash": "30000"}  # VaR 4%, correlation 0.85
MOVES: list[tuple[str, dict[str, list[Bar]], dict[str, str], Severity]] = [
    ("correlation", {"AAA": bars(*UP), "BBB": bars(*UP)}, {"BBB": "9"}, WARN),  # 1
    ("correlation", {"AAA": bars(*UP), "BBB": bars(*DOWN)}, {"BBB": "9"}, PASS),  # −1
    ("correlation", {"AAA": bars(*UP), "BBB": bars(*DOWN)}, {"BBB": "-9"}, WARN),  # a short of it
    ("correlation", {"AAA": bars(*UP), "BBB": bars(0.01, 0.01, -0.01, -0.01)}, {"BBB": "9"}, PASS),
    ("correlation", {"AAA": bars(*UP)}, {}, PASS),
    ("correlation", {"AAA": bars(*UP), "BBB": bars(0.0)}, {"BBB": "9"}, PASS),  # never moves
    ("correlation", {"AAA": bars(*UP)}, {"BBB": "9"}, BLOCK),  # no bars of BBB
    ("correlation", {"BBB": bars(*UP)}, {"BBB": "9"}, BLOCK),
    ("correlation", {"AAA": bars(*UP, days=40)}, {}, BLOCK),  # 39 returns are too few
    ("correlation", {"AAA": bars(*UP, days=41)}, {}, PASS),
    # 9 × 100 of 30,000 falls by 10%: 0.3%
    ("value_at_risk", {"AAA": bars(*FALLS)}, {}, PASS),
    # 9 × 100 + 120 × 100 = 12,900 of 42,000: 30.7% of it falls by 10%: 3.07%
    ("value_at_risk", {"AAA": bars(*FALLS), "BBB": bars(*FALLS)}, {"BBB": "120"}, PASS),
    # 900 + 25,000 of 55,000 = 47.1%: 4.7%, and it was 4.5% before
    ("value_at_risk", {"AAA": bars(*FALLS), "BBB": bars(*FALLS)}, {"BBB": "250"}, BLOCK),
    ("value_at_risk", {"AAA": bars(0.0), "BBB": bars(*FALLS)}, {"BBB": "250"}, WARN),  # inherited
    ("value_at_risk", {"AAA": bars(*FALLS)}, {"BBB": "9"}, BLOCK),  # no bars of BBB
    ("value_at_risk", {}, {}, BLOCK),
]


@pytest.mark.parametrize(("name", "told", "held", "expected"), MOVES)
def test_what_daily_bars_tell(
    name: str, told: dict[str, list[Bar]], held: dict[str, str], expected: Severity
) -> None:
    found = findings(name, world(**LIMITED, held=held, bars=told), "buy 9 AAA")
    assert worst(found) is expected, found


def test_selling_is_never_blocked_by_what_the_bars_tell() -> None:
    for name in ("correlation", "value_at_risk"):
        facts = world(**LIMITED, held={"BBB": "250"}, bars={"BBB": bars(*FALLS)})
        assert worst(findings(name, facts, "sell 9 BBB")) is not BLOCK
        assert worst(findings(name, world(**LIMITED, held={"BBB": "9"}), "sell 9 BBB")) is not BLOCK


def test_value_at_risk_is_the_third_worst_of_sixty_days_by_exact_arithmetic() -> None:
    """The 5% quantile of 60 returns, its worse neighbour: index floor(0.05 × 59) = 2."""
    moves = [Fraction((7 * day) % 60 - 30, 1000) for day in range(60)]
    close, told = Fraction(100), []
    for day in range(61):
        told.append(
            Bar(date=date(2025, 10, 1) + timedelta(days=day), high=Decimal(0), low=Decimal(0),
                close=Decimal(close.numerator) / Decimal(close.denominator))
        )  # fmt: skip
        close *= 1 + moves[day % 60]
    found = findings("value_at_risk", world(**LIMITED, bars={"AAA": told}), "buy 100 AAA")
    # 10,000 of 30,000 less the four cents a share of spread and slippage
    weight = Fraction(10_000, 1) / (30_000 - Fraction(100) * Fraction("0.04"))
    expected = -sorted(moves)[2] * weight
    assert abs(Fraction(found[0].values["after"]) - expected) <= Fraction(1, 10_000)
