"""The case that cost real money: what the dry run says before anything is sent."""

from decimal import Decimal

from planning_world import nov10, nov10_facts, of

from db.model.order import Side
from db.model.plan import Phase, Severity, Verdict
from services.planning import revise

SIX = ("CVE", "BANC", "ESI", "BBIO", "BKR", "DBX")


def numbers(*symbols: str) -> list[int]:
    return [step.n for step in nov10().steps if step.symbol in symbols]


def test_all_sells_stand_before_the_first_buy() -> None:
    plan = nov10()
    assert [s.side for s in plan.steps] == [Side.SELL] * 6 + [Side.BUY] * 11
    assert {s.symbol for s in plan.phase_steps(Phase.SELL)} == {
        "CTVA", "DVN", "HAL", "CF", "OVV", "PNW",
    }  # fmt: skip


def test_exactly_lumn_and_mrvl_are_named_and_block() -> None:
    plan = nov10()
    assert plan.verdict is Verdict.BLOCKED
    blocks = of(plan, Severity.BLOCK)
    named = {plan.step(f.step).symbol for f in blocks if f.step is not None}
    assert named == {"LUMN", "MRVL"}
    assert all(f.step is not None for f in blocks)
    found = {(f.check, f.subject) for f in blocks}
    assert found == {
        ("min_position", "LUMN"), ("position_cap", "MRVL"), ("sector_cap", "Technology"),
    }  # fmt: skip


def test_dropping_one_of_the_two_is_not_enough() -> None:
    plan, facts = nov10(), nov10_facts()
    for symbol in ("LUMN", "MRVL"):
        assert revise(plan, facts, drop=numbers(symbol)).verdict is Verdict.BLOCKED


def test_without_both_it_is_conditional_for_cash_and_the_inherited_sector() -> None:
    plan = revise(nov10(), nov10_facts(), drop=numbers("LUMN", "MRVL"))
    assert plan.verdict is Verdict.CONDITIONAL
    warned = [(f.check, f.subject) for f in of(plan, Severity.WARN)]
    assert warned == [("sector_cap", "Technology"), ("cash_buffer", "plan")]
    assert "inherited, not made worse" in of(plan, Severity.WARN)[0].message


def test_each_of_the_six_that_were_refused_passes_the_minimum_position() -> None:
    plan = nov10()
    steps = {s.symbol: s for s in plan.steps}
    complained = {f.subject for f in plan.findings if f.severity is not Severity.PASS}
    for symbol in SIX:
        assert steps[symbol].qty * steps[symbol].reference_price >= 500
        assert symbol not in complained


def test_the_buys_are_paid_by_the_sells_and_never_by_more_margin() -> None:
    plan = revise(nov10(), nov10_facts(), drop=numbers("LUMN", "MRVL"))
    assert all(step.funded_by for step in plan.phase_steps(Phase.BUY))
    after_sells = plan.phase_steps(Phase.SELL)[-1].expected_cash_after
    bought = sum((s.expected_value for s in plan.phase_steps(Phase.BUY)), Decimal(0))
    assert plan.after.cash == after_sells - bought
    assert plan.after.cash > plan.before.cash
    assert plan.after.leverage < plan.before.leverage


def test_a_smaller_addition_still_makes_the_inherited_breach_worse() -> None:
    (mrvl,) = numbers("MRVL")
    plan = revise(nov10(), nov10_facts(), drop=numbers("LUMN"), resize={mrvl: Decimal(10)})
    assert [(f.check, f.subject) for f in of(plan, Severity.BLOCK)] == [
        ("sector_cap", "Technology")
    ]
