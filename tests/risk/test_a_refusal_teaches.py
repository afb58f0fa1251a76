"""What blocks says its numbers and the nearest size that would pass; that size passes, and one share
further does not."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from risk_world import ACTIVE, STANDARD, SWING, steps, with_limits, world

from db.model.plan import Finding, Severity
from db.model.policy import Policy
from services.risk.case import case_of
from services.risk.nearest import UPWARD, taught
from services.risk.run import RULES, check

# check, world, order, nearest. Prices 100, ask 100.01, worst price 100.04 for large orders.
TABLE: list[tuple[str, dict[str, Any], str, str]] = [
    # 50,000 ÷ 100.05 = 499.75
    ("order_value", {"cash": "900000"}, "buy 600 AAA", "499"),
    ("adv_share", {"cash": "9e8"}, "buy 60000 AAA", "50000"),  # 5% of 1,000,000
    # 15% of (20,000 − 0.04 × qty): 2,998.8 → 29
    ("position_cap", {}, "buy 40 AAA", "29"),
    ("position_cap", {"held": {"AAA": "20"}, "cash": "18000"}, "buy 40 AAA", "9"),  # 29 − 20
    ("sector_cap", {}, "buy 100 AAA", "79"),  # 40%: 8,000 − costs
    ("cash_buffer", {}, "buy 195 AAA", "189"),  # 95%: 19,000 ÷ 100.04 = 189.9
    ("cash_path", {}, "buy 195 AAA", "189"),
    ("buying_power", {}, "buy 300 AAA", "199"),  # 20,000 ÷ 100.04 = 199.9
    ("account_cash", {}, "buy 300 AAA", "199"),
    ("leverage", {"multiplier": "2"}, "buy 300 AAA", "199"),
    ("leveraged_cap", {"factors": {"AAA": "3"}}, "buy 99 AAA", "59"),  # 30%: 6,000 − costs
    ("sector_increase", {"policy": with_limits(max_sector_increase="0.1")}, "buy 99 AAA", "19"),
    ("share_sufficiency", {"held": {"AAA": "10"}}, "sell 11 AAA", "10"),
    ("share_sufficiency", {"held": {"AAA": "10"}, "free": {"AAA": "4"}}, "sell 9 AAA", "4"),
    ("share_sufficiency", {}, "sell 9 AAA", "0"),
    ("tradable", {}, "buy 9.5 AAA", "9"),
    ("min_position", {}, "buy 2 AAA", "5"),  # 500 ÷ 100
    ("min_position", {"held": {"AAA": "2"}}, "buy 1 AAA", "3"),  # 2 are there
    ("min_position", {"prices": {"AAA": "0.73"}}, "buy 2 AAA", "685"),  # 500 ÷ 0.73 = 684.9
    ("min_trade", {"policy": SWING, "held": {"AAA": "9"}}, "buy 1 AAA", "5"),
    ("risk_per_trade", {"policy": with_limits(stop_loss=None)}, "buy 99 AAA", "9"),  # 1,000 in all
    ("portfolio_at_risk", {"policy": with_limits(SWING, stop_loss=None)}, "buy 99 AAA", "29"),
]


@pytest.mark.parametrize(("name", "different", "order", "nearest"), TABLE)
def test_the_nearest_size(name: str, different: dict[str, Any], order: str, nearest: str) -> None:
    facts = world(**different)
    case = case_of(facts, steps(facts, order))
    (told,) = [f for f in taught(case, list(RULES[name](case)), RULES) if f.severity == "block"]
    assert told.values["nearest"] == nearest, told.message
    expected = (
        f"{nearest} AAA would pass." if nearest != "0" else "no size of step 1 alone would pass."
    )
    assert told.message.endswith(expected)


def test_what_no_size_cures_says_none() -> None:
    facts = world(policy=with_limits(restricted={"AAA": "audit"}))
    case = case_of(facts, steps(facts, "buy 9 AAA"))
    (told,) = [f for f in taught(case, check(case), RULES) if f.severity == "block"]
    assert told.check == "restricted"
    assert "nearest" not in told.values


@given(
    qty=st.integers(2, 5000),
    held=st.integers(0, 300),
    price=st.integers(60, 30_000).map(lambda cents: str(Decimal(cents) / 100)),
    cash=st.integers(0, 90_000).map(str),
    policy=st.sampled_from([STANDARD, SWING, ACTIVE]),
)
def test_the_nearest_size_passes_and_one_share_further_does_not(
    qty: int, held: int, price: str, cash: str, policy: Policy
) -> None:
    facts = world(
        cash=cash, held={"AAA": str(held)} if held else {}, prices={"AAA": price}, policy=policy
    )
    case = case_of(facts, steps(facts, f"buy {qty} AAA"))

    def blocked(told: Finding, size: Decimal) -> bool:
        (step,) = case.steps
        value = size * step.expected_price
        moved = step.model_copy(update={"qty": size, "expected_value": value})
        again = RULES[told.check](case_of(facts, (moved,)))
        return any(f.severity is Severity.BLOCK and f.subject == told.subject for f in again)

    for told in taught(case, check(case), RULES):
        if "nearest" not in told.values:
            continue
        size, toward = Decimal(told.values["nearest"]), -1 if told.check in UPWARD else 1
        assert not size or not blocked(told, size), told.message
        assert blocked(told, size + toward) or not size + toward, told.message
