"""What may be spent by the broker's own figures, and what remains of a plan on fresh facts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from risk_world import CLOSED, STANDARD, SWING, steps, with_limits, world, worst

from db.model.order import OrderType
from db.model.plan import Finding, Plan, Severity, Verdict
from db.model.policy import Policy
from db.model.portfolio import Account
from services.risk.case import case_of
from services.risk.cash import spendable_cash
from services.risk.facts import Facts
from services.risk.run import check, recheck, still_to_send

STRICT_LOAN = with_limits(SWING, min_cash_weight="0.05")


@pytest.mark.parametrize(
    ("policy", "cash", "buying_power", "spendable"),
    [
        (STANDARD, "20000", "200000", "15000"),  # 20,000 − 5% of 100,000
        (STANDARD, "4000", "200000", "-1000"),  # 4,000 − 5,000
        (STANDARD, "20000", "12000", "12000"),  # the broker allows less than 15,000
        (SWING, "-42000", "58000", "58000"),  # −42,000 + (2 − 1) × 100,000
        (SWING, "-42000", "30000", "30000"),  # the broker allows less than 58,000
        (SWING, "-90000", "58000", "10000"),  # −90,000 + 100,000
        (STRICT_LOAN, "-90000", "58000", "5000"),  # and 5% of 100,000 stay
    ],
)
def test_spendable_cash(policy: Policy, cash: str, buying_power: str, spendable: str) -> None:
    account = Account(
        name="main", number="1", cash=Decimal(cash), equity=Decimal(100_000),
        buying_power=Decimal(buying_power),
    )  # fmt: skip
    assert spendable_cash(account, policy) == Decimal(spendable)


def test_an_account_without_equity_lends_nothing() -> None:
    account = Account(
        name="main", number="1", cash=Decimal(-10), equity=Decimal(-5), buying_power=Decimal(0)
    )
    assert spendable_cash(account, SWING) == -10


def plan_of(facts: Facts, *orders: str) -> Plan:
    case = case_of(facts, steps(facts, *orders))
    return Plan(
        plan_id="3f9a", created_at=datetime(2026, 1, 5, tzinfo=UTC), source="t", proposal_sha256="",
        policy="standard", policy_hash="", environment="sim", steps=case.steps,
        findings=check(case), before=case.before, after=case.after, verdict=Verdict.SAFE,
    )  # fmt: skip


def checked(
    plan: Plan, facts: Facts, steps: Sequence[int], left: Mapping[int, Decimal] | None = None
) -> tuple[Finding, ...]:
    """These steps of the plan again, whole or what is `left` of them."""
    return recheck(plan, still_to_send(plan, facts, left or {n: plan.step(n).qty for n in steps}))


def test_nothing_has_changed_nothing_is_found() -> None:
    facts = world(cash="5000", held={"AAA": "20", "BBB": "20"}, policy=STANDARD)
    plan = plan_of(facts, "sell 10 AAA", "buy 8 CCC")
    assert checked(plan, facts, [1, 2]) == plan.findings


def test_the_buys_that_remain_are_checked_against_the_cash_that_came() -> None:
    plan = plan_of(world(cash="1000", held={"AAA": "90", "BBB": "9"}), "sell 20 AAA", "buy 15 CCC")
    came = world(cash="3000", held={"AAA": "70", "BBB": "9"})
    short = world(cash="1600", held={"AAA": "84", "BBB": "9"})
    assert severity(checked(plan, came, [2]), "cash_path") is Severity.PASS
    assert severity(checked(plan, short, [2]), "cash_path") is Severity.BLOCK


def test_a_step_done_in_part_is_checked_for_the_rest_only() -> None:
    plan = plan_of(world(held={"AAA": "20"}), "sell 20 AAA")
    half = world(held={"AAA": "8"})
    assert severity(checked(plan, half, [1]), "share_sufficiency") is Severity.BLOCK
    rest = checked(plan, half, [1], {1: Decimal(8)})
    assert severity(rest, "share_sufficiency") is Severity.PASS


def test_the_rest_of_a_step_is_not_too_small_for_being_a_rest() -> None:
    plan = plan_of(world(held={"AAA": "9"}, policy=SWING), "buy 6 AAA")
    rest = checked(plan, world(held={"AAA": "14"}, policy=SWING), [1], {1: Decimal(1)})
    assert "min_trade" not in {f.check for f in rest if f.severity is not Severity.PASS}


def test_a_market_that_closed_blocks_what_remains() -> None:
    plan = plan_of(world(), "buy 10 AAA")
    assert severity(checked(plan, world(clock=CLOSED), [1]), "market_hours") is Severity.BLOCK


def test_prices_that_rose_are_seen() -> None:
    plan = plan_of(world(), "buy 29 AAA")
    assert severity(checked(plan, world(), [1]), "position_cap") is Severity.PASS
    dearer = world(prices={"AAA": "120"})
    assert severity(checked(plan, dearer, [1]), "position_cap") is Severity.BLOCK


def test_nothing_remaining_blocks_nothing() -> None:
    plan = plan_of(world(), "buy 10 AAA")
    assert worst(checked(plan, world(), [])) is Severity.PASS
    assert plan.steps[0].type is OrderType.MARKET


def severity(found: tuple[Finding, ...], check_id: str) -> Severity:
    return worst([finding for finding in found if finding.check == check_id])
