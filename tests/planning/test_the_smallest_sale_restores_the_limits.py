"""Trims and rollbacks: after the sale the same checks hold, with one share less they would not, and
nothing else is broken (spec 5, Confirming and comparing)."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from risk_world import SWING, SYMBOLS, with_limits, world

from db.model.order import Side
from db.model.plan import Standing, Verdict
from db.model.post_trade import BreachSeverity
from services.planning.trim import Bought, Trim, after, least, trim, trim_plan
from services.risk.breaches import breaches, held
from services.risk.case import case_of
from services.risk.facts import Facts

LIMITS = with_limits(max_position_weight="0.30", max_sector_weight="0.45", min_cash_weight="0.05")


def book(
    cash: int, held_: Mapping[str, int], free: Mapping[str, int] | None = None, **more: object
) -> Facts:
    more.setdefault("policy", LIMITS)
    return world(
        cash=str(cash),
        held={s: str(q) for s, q in held_.items() if q},
        free={s: str(q) for s, q in (free or held_).items()},
        **more,  # type: ignore[arg-type]
    )


def left_after(
    facts: Facts, sales: Mapping[tuple[str, str], Decimal]
) -> frozenset[tuple[str, str]]:
    return held(after(facts, sales))


@st.composite
def books(draw: st.DrawFn) -> tuple[Facts, list[Bought]]:
    shares = {s: draw(st.integers(0, 400)) for s in SYMBOLS}
    free = {s: draw(st.integers(0, q)) if draw(st.booleans()) else q for s, q in shares.items()}
    prices = {s: str(draw(st.integers(2, 900))) for s in SYMBOLS}
    sectors = {s: draw(st.sampled_from(["Energy", "Technology", "Utilities"])) for s in SYMBOLS}
    facts = book(draw(st.integers(-5000, 60_000)), shares, free, prices=prices, sectors=sectors)
    bought = [
        Bought("main", s, Decimal(draw(st.integers(1, max(shares[s], 1)))))
        for s in draw(st.lists(st.sampled_from(SYMBOLS), unique=True, max_size=3))
    ]
    return facts, bought


@given(books())
def test_the_smallest_sale_after_which_the_limits_hold(made: tuple[Facts, list[Bought]]) -> None:
    facts, bought = made
    before = held(case_of(facts, ()))
    found = trim(facts, bought)
    left = left_after(facts, found.sales)
    assert left == {(b.check, b.subject) for b in found.hopeless}
    assert left <= before
    for key, qty in found.sales.items():
        position = facts.position(*key)
        assert position is not None
        assert 0 < qty <= min(position.sellable, position.qty)
        assert qty == qty.to_integral_value()
        one_less = {**found.sales, key: qty - 1}
        if not one_less[key]:
            del one_less[key]
        assert not left_after(facts, one_less) <= left


@given(books())
def test_a_limit_that_holds_sells_nothing(made: tuple[Facts, list[Bought]]) -> None:
    facts, bought = made
    found = trim(facts, bought)
    if not held(case_of(facts, ())):
        assert found == Trim({}, {}, ())


def test_what_was_bought_last_goes_first() -> None:
    facts = book(1000, {"AAA": 80, "BBB": 80, "CCC": 80, "DDD": 80, "EEE": 70})
    bought = [Bought("main", "AAA", Decimal(30)), Bought("main", "CCC", Decimal(4))]
    assert trim(facts, bought).sales == {("main", "CCC"): 4, ("main", "AAA"): 7}
    assert trim(facts, bought[:1]).sales == {("main", "AAA"): 11}  # ten are ten cents short of it


def test_a_plan_of_the_sale_is_dry_run_and_says_why() -> None:
    facts = book(60_000, {"AAA": 400})
    plan = trim_plan(facts, [], plan_id="7c1d", source="trim of 3f9a", environment="sim")
    assert {step.urgency for step in plan.steps} == {"high"}
    (step,) = plan.steps
    assert (step.side, step.symbol) == (Side.SELL, "AAA")
    assert "over the position cap of 30.0%" in step.reason
    assert plan.before.weight_of("AAA") == Decimal("0.4")
    assert Decimal("0.299") < plan.after.weight_of("AAA") <= Decimal("0.3")
    assert plan.verdict is Verdict.SAFE


def test_shares_that_are_not_free_are_not_sold_and_it_is_said() -> None:
    facts = book(60_000, {"AAA": 400}, {"AAA": 5})
    plan = trim_plan(facts, [], plan_id="7c1d", source="trim of 3f9a", environment="sim")
    assert plan.steps == ()
    assert "no sale of free shares restores it" in plan.skipped[0].reason


@pytest.mark.parametrize(
    ("cap", "severity"),
    [
        ("0.398", BreachSeverity.MINOR),
        ("0.390", BreachSeverity.MAJOR),
        ("0.300", BreachSeverity.CRITICAL),
    ],
)
def test_how_bad_a_breach_is_by_how_far_it_is_over(cap: str, severity: BreachSeverity) -> None:
    facts = book(60_000, {"AAA": 400}, policy=with_limits(SWING, max_position_weight=cap))
    case = case_of(facts, ())
    assert [b.severity for b in breaches(case) if b.check == "position_cap"] == [severity]
    worse: Standing = case.after
    (inherited,) = (b for b in breaches(case, worse) if b.check == "position_cap")
    assert (inherited.inherited, inherited.severity) == (True, BreachSeverity.MINOR)


@given(st.integers(1, 500), st.integers(1, 500))
def test_least_finds_the_smallest(boundary: int, top: int) -> None:
    top = max(boundary, top)
    assert least(Decimal(0), Decimal(top), lambda q: q >= boundary) == boundary
