"""Which lots a sale takes, what it realises, and the tax for each point of the portfolio moved."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning_world import basket, facts, listed

from db.model.policy import Policy
from db.model.record import TaxLot
from services.planning import make_plan
from services.planning.lots import is_long_term, taken
from services.risk.policy import load_policy

TODAY = date(2026, 1, 5)


def lot(qty: str, price: str, acquired: str) -> TaxLot:
    return TaxLot(
        account="main", symbol="AAA", qty=Decimal(qty), price=Decimal(price),
        acquired=date.fromisoformat(acquired),
    )  # fmt: skip


def policy(method: str) -> Policy:
    return load_policy("standard").model_copy(update={"lot_method": method})


OLD, MID, NEW = (
    lot("10", "50", "2023-01-05"),
    lot("10", "90", "2025-06-01"),
    lot("10", "120", "2025-12-01"),
)
CHEAP = lot("10", "40", "2025-11-01")
# method, lots, qty, (price of the lot, shares taken)…; sold at 100
TABLE: list[tuple[str, list[TaxLot], str, list[tuple[str, str]]]] = [
    ("fifo", [NEW, OLD, MID], "10", [("50", "10")]),
    ("fifo", [NEW, OLD, MID], "15", [("50", "10"), ("90", "5")]),
    ("fifo", [NEW, OLD, MID], "30", [("50", "10"), ("90", "10"), ("120", "10")]),
    ("fifo", [NEW, OLD, MID], "31", [("50", "10"), ("90", "10"), ("120", "10")]),  # one is not known
    ("fifo", [OLD], "0.5", [("50", "0.5")]),
    ("fifo", [], "5", []),
    ("highest_cost", [OLD, MID, NEW], "10", [("120", "10")]),
    ("highest_cost", [OLD, MID, NEW], "25", [("120", "10"), ("90", "10"), ("50", "5")]),
    # tax a share at 100: OLD 50 × 15% = 7.50, MID 10 × 35% = 3.50, NEW −20 × 35% = −7.00, CHEAP 60 × 35% = 21
    ("least_gain", [OLD, MID, NEW, CHEAP], "10", [("120", "10")]),
    ("least_gain", [OLD, MID, NEW, CHEAP], "20", [("120", "10"), ("90", "10")]),
    ("least_gain", [OLD, MID, NEW, CHEAP], "35", [("120", "10"), ("90", "10"), ("50", "10"), ("40", "5")]),
    # by cost alone 70 (short, 30 × 35% = 10.50) would go before 50 (long, 7.50)
    ("least_gain", [OLD, lot("10", "70", "2025-12-01")], "10", [("50", "10")]),
    ("highest_cost", [OLD, lot("10", "70", "2025-12-01")], "10", [("70", "10")]),
]  # fmt: skip


@pytest.mark.parametrize(("method", "lots", "qty", "expected"), TABLE)
def test_lots_taken(
    method: str, lots: list[TaxLot], qty: str, expected: list[tuple[str, str]]
) -> None:
    found = taken(lots, Decimal(qty), Decimal(100), TODAY, policy(method))
    assert [(f"{t.price:f}", f"{t.qty:f}") for t in found] == expected
    assert all(t.gain == t.qty * (100 - t.price) for t in found)


@pytest.mark.parametrize(
    ("acquired", "sold", "long_term"),
    [
        ("2025-01-05", "2026-01-05", False),  # a year to the day is not more than a year
        ("2025-01-04", "2026-01-05", True),
        ("2024-02-29", "2025-02-28", False),
        ("2024-02-29", "2025-03-01", True),
    ],
)
def test_more_than_a_year(acquired: str, sold: str, long_term: bool) -> None:
    assert is_long_term(date.fromisoformat(acquired), date.fromisoformat(sold)) is long_term


def sold(lots: list[TaxLot], qty: str, entry: str = "60", held: str = "30", **changed: Any) -> Any:
    """A portfolio of 10,000, with so many shares at 100."""
    cash = str(10_000 - int(held) * 100)
    market = [listed("AAA", "100", "A", spread_bps=0)]
    known = facts((("AAA", held, "60"),), market, cash=cash)
    (position,) = known.portfolio.positions
    position = position.model_copy(update={"avg_entry_price": Decimal(entry)})
    known = replace(known, portfolio=known.portfolio.model_copy(update={"positions": (position,)}))
    policy = Policy.model_validate({**known.policy.model_dump(), **changed})
    known = replace(known, lots={("main", "AAA"): tuple(lots)}, policy=policy)
    plan = make_plan(basket(f"AAA,sell,{qty}"), known, "1", "sim")
    return plan, plan.taxes[0], plan.steps[0].expected_price


def test_the_notice_tells_short_and_long_term_and_the_tax() -> None:
    _, notice, price = sold([OLD, MID, NEW], "25")
    assert notice.long_term == 10 * (price - 50)
    assert notice.short_term == 10 * (price - 90) + 5 * (price - 120)
    cents = notice.long_term * Decimal("0.15") + notice.short_term * Decimal("0.35")
    assert notice.tax == cents.quantize(Decimal("0.01"))
    assert notice.undated_qty == 0


def test_dollars_of_tax_for_each_point_sold() -> None:
    """10 × about 100 of 10,000 are 10 points; the gain of 50 a share at 15% is 75: 7.50 a point."""
    _, notice, price = sold([OLD], "10", held="10")
    points = 10 * price / Decimal(10_000) * 100
    assert notice.tax_per_point == (notice.tax / points).quantize(Decimal("0.01"))
    assert Decimal(7) < notice.tax_per_point < Decimal(8)


def test_the_method_is_the_policys() -> None:
    assert sold([OLD, NEW], "10", held="20")[1].lots[0].price == 50
    assert sold([OLD, NEW], "10", held="20", lot_method="highest_cost")[1].lots[0].price == 120


# lots known of 30 held at 60 on average, method, sold → shares without a day among them, their cost
UNDATED: list[tuple[list[TaxLot], str, str, str, str]] = [
    # (30 × 60 − 10 × 120) ÷ 20 = 30: they were there before the first lot, and go first
    ([NEW], "fifo", "15", "15", "30"),
    ([NEW], "fifo", "25", "20", "30"),  # 20 of them, then 5 of the lot
    ([NEW], "highest_cost", "15", "5", "30"),  # the lot at 120 first
    # tax a share at 100: NEW −20 × 35% = −7; the others 70 × 35% = 24.50, counted as short
    ([NEW], "least_gain", "15", "5", "30"),
    # (1,800 − 10 × 50) ÷ 20 = 65: 35 × 35% = 12.25 a share, the old lot's 50 × 15% is 7.50
    ([OLD], "least_gain", "15", "5", "65"),
    ([OLD], "highest_cost", "15", "15", "65"),  # 65 is dearer than 50
    ([], "fifo", "15", "15", "60"),
    # 10 × 120 + 10 × 90 are more than 1,800: the broker averages otherwise, its 60 stands
    ([MID, NEW], "fifo", "5", "5", "60"),
]


@pytest.mark.parametrize(("lots", "method", "qty", "undated", "cost"), UNDATED)
def test_shares_of_no_known_lot_have_their_own_cost_and_count_as_short_term(
    lots: list[TaxLot], method: str, qty: str, undated: str, cost: str
) -> None:
    _, notice, price = sold(lots, qty, lot_method=method)
    assert notice.undated_qty == Decimal(undated)
    assert notice.undated == Decimal(undated) * (price - Decimal(cost))
    expected = notice.long_term * Decimal("0.15")
    expected += (notice.short_term + notice.undated) * Decimal("0.35")
    assert notice.tax == expected.quantize(Decimal("0.01"))


def test_two_sales_do_not_take_the_same_shares_without_a_day() -> None:
    known = facts((("AAA", "30", "60"),), [listed("AAA", "100", "A")], cash="7000")
    known = replace(known, lots={("main", "AAA"): (NEW,)})
    plan = make_plan(basket("AAA,sell,12", "AAA,sell,11"), known, "1", "sim")
    assert [(n.undated_qty, sum(t.qty for t in n.lots)) for n in plan.taxes] == [(12, 0), (8, 3)]


def test_what_nobody_paid_for_has_no_tax_that_is_known() -> None:
    _, notice, _ = sold([], "5", entry="0")
    assert (notice.undated, notice.tax, notice.tax_per_point) == (None, None, None)


def test_two_sales_of_one_symbol_do_not_take_the_same_lot() -> None:
    known = facts((("AAA", "30", "60"),), [listed("AAA", "100", "A")], cash="7000")
    known = replace(known, lots={("main", "AAA"): (OLD, MID, NEW)})
    plan = make_plan(basket("AAA,sell,12", "AAA,sell,9"), known, "1", "sim")
    assert [[(t.price, t.qty) for t in n.lots] for n in plan.taxes] == [
        [(50, 10), (90, 2)],
        [(90, 8), (120, 1)],
    ]


lots = st.lists(
    st.builds(
        lot,
        st.integers(1, 50).map(str),
        st.integers(1, 200).map(str),
        st.dates(date(2020, 1, 1), TODAY).map(date.isoformat),
    ),
    max_size=6,
)


@given(lots, st.integers(1, 200), st.sampled_from(["fifo", "highest_cost", "least_gain"]))
def test_every_share_is_taken_once_and_the_cheapest_method_is_the_cheapest(
    known: list[TaxLot], qty: int, method: str
) -> None:
    found = taken(known, Decimal(qty), Decimal(100), TODAY, policy(method))
    assert sum(t.qty for t in found) == min(Decimal(qty), sum((k.qty for k in known), Decimal(0)))

    def tax(method: str) -> Decimal:
        took = taken(known, Decimal(qty), Decimal(100), TODAY, policy(method))
        return sum((t.gain * Decimal("0.15" if t.long_term else "0.35") for t in took), Decimal(0))

    assert tax("least_gain") <= tax(method)
