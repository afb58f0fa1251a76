"""Random portfolios, computed again in exact fractions by an oracle that shares no code: the orders
of target weights, the after-state, the cash path, the caps and the verdict of each."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from exact_oracle import Book, after, weight_orders
from hypothesis import given, settings
from hypothesis import strategies as st
from planning_world import facts, listed

from db.model.base import canonical_json
from db.model.order import Side
from db.model.plan import Plan, Severity
from db.model.proposal import WeightsProposal
from services.planning import Facts, make_plan, revise

SYMBOLS = tuple(f"S{n}" for n in range(8))
SECTORS = ("Technology", "Energy", "Materials")
POINT = Fraction(1, 1_000_000)
"""Weights are told to a millionth."""


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Facts, WeightsProposal]:
    market = [
        listed(
            symbol,
            str(Decimal(draw(st.integers(3_000, 40_000))) / 100),
            draw(st.sampled_from(SECTORS)),
            spread_bps=draw(st.integers(0, 5)),
            adv=draw(st.sampled_from([300_000, 50_000_000])),
        )
        for symbol in SYMBOLS
    ]
    held = draw(st.lists(st.sampled_from(SYMBOLS), unique=True, max_size=6))
    known = facts(
        tuple((symbol, str(draw(st.integers(1, 400))), "50") for symbol in held),
        market,
        cash=str(draw(st.integers(100, 80_000))),
        policy=draw(st.sampled_from(["standard", "swing", "leveraged"])),
    )
    known = replace(known, policy=known.policy.model_copy(update={"max_leverage": Decimal(1)}))
    named = draw(st.lists(st.sampled_from(SYMBOLS), unique=True, min_size=1, max_size=6))
    now = Book(known).weights()
    weights = {}
    for symbol in named:
        if symbol in now and draw(st.booleans()):  # about its band
            target = now[symbol] * Fraction(draw(st.integers(85, 118)), 100)
            weights[symbol] = f"{float(target):.6f}"
        else:
            weights[symbol] = str(Decimal(draw(st.integers(0, 30))) / 100)
    asked = {"source": "w", "sha256": "0", "weights": weights}
    return known, WeightsProposal.model_validate(asked)


def planned(world: tuple[Facts, WeightsProposal]) -> Plan:
    known, asked = world
    return make_plan(asked, known, "3f9a", "sim")


@settings(max_examples=25)
@given(worlds())
def test_the_orders_are_those_of_the_oracle(world: tuple[Facts, WeightsProposal]) -> None:
    known, asked = world
    expected = weight_orders(known, {s: Fraction(w) for s, w in asked.weights.items()})
    plan = planned(world)
    found = {s.symbol: Fraction(s.qty) * (1 if s.side is Side.BUY else -1) for s in plan.steps}
    assert found == expected


@settings(max_examples=25)
@given(worlds())
def test_the_after_state_is_that_of_the_oracle(world: tuple[Facts, WeightsProposal]) -> None:
    known, _ = world
    plan = planned(world)
    book, path = after(known, plan.steps)
    assert Fraction(plan.after.cash) == book.cash
    assert Fraction(plan.after.equity) == book.equity
    assert [Fraction(step.expected_cash_after) for step in plan.steps] == path
    if book.equity > 0:
        for symbol, weight in book.weights().items():
            assert abs(Fraction(plan.after.weight_of(symbol)) - weight) <= POINT
        for sector, weight in book.sectors().items():
            assert abs(Fraction(plan.after.sector_weight_of(sector)) - weight) <= POINT


@settings(max_examples=25)
@given(worlds())
def test_the_promises_of_every_plan(world: tuple[Facts, WeightsProposal]) -> None:
    """Sells before buys; nothing oversold; cash never under its floor while buying; buys cost no more
    than cash and proceeds; a weight over its cap has its finding; the same input, the same bytes."""
    known, _ = world
    plan = planned(world)
    assert canonical_json(plan.to_json()) == canonical_json(planned(world).to_json())
    sides = [step.side for step in plan.steps]
    assert sides == sorted(sides, key=lambda side: side is Side.BUY)
    sold: dict[str, Fraction] = {}
    for step in plan.steps:
        if step.side is Side.SELL:
            sold[step.symbol] = sold.get(step.symbol, Fraction(0)) + Fraction(step.qty)
    begun = Book(known)
    assert all(qty <= begun.shares[symbol] for symbol, qty in sold.items())
    book, path = after(known, plan.steps)
    proceeds = sum(
        (Fraction(s.expected_value) for s in plan.steps if s.side is Side.SELL), Fraction(0)
    )
    bought = sum(
        (Fraction(s.expected_value) for s in plan.steps if s.side is Side.BUY), Fraction(0)
    )
    assert bought <= max(begun.cash + proceeds, Fraction(0))
    least = Fraction(known.policy.min_cash_weight or 0) * begun.equity
    lows = [cash for step, cash in zip(plan.steps, path, strict=True) if step.side is Side.BUY]
    assert all(cash >= least for cash in lows)
    cap, sector_cap = known.policy.max_position_weight, known.policy.max_sector_weight
    said = {(f.check, f.subject) for f in plan.findings if f.severity is not Severity.PASS}
    if book.equity > 0:
        over = [
            s for s, w in book.weights().items() if cap is not None and w > Fraction(cap) + POINT
        ]
        assert all(("position_cap", symbol) in said for symbol in over)
        over = [
            s
            for s, w in book.sectors().items()
            if sector_cap is not None and w > Fraction(sector_cap) + POINT
        ]
        assert all(("sector_cap", sector) in said for sector in over)


@settings(max_examples=20)
@given(worlds(), st.integers(0, 7))
def test_dropping_a_step_never_lets_another_check_pass_silently(
    world: tuple[Facts, WeightsProposal], place: int
) -> None:
    """The plan without the step says of what is left what the oracle's book says."""
    known, _ = world
    plan = planned(world)
    if not plan.steps:
        return
    gone = plan.steps[place % len(plan.steps)]
    less = revise(plan, known, drop=[gone.n])
    assert {f.check for f in less.findings} == {f.check for f in plan.findings}
    book, path = after(known, less.steps)
    blocked = {f.check for f in less.findings if f.severity is Severity.BLOCK}
    least = Fraction(known.policy.min_cash_weight or 0) * Book(known).equity
    lows = [cash for step, cash in zip(less.steps, path, strict=True) if step.side is Side.BUY]
    assert ("cash_path" in blocked) is any(cash < max(least, Fraction(0)) for cash in lows)
    again = revise(less, known)
    assert again.hash == less.hash
    assert Fraction(less.after.cash) == book.cash
