"""What differs between two plans, or two revisions of one, row by row."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from planning_world import basket, facts, listed, nov10, rebalance, rebalance_facts
from test_against_an_exact_oracle import planned, worlds
from test_edits_and_their_undoing import asked_edits, edited, terms

from db.model.comparison import Comparison, Difference
from db.model.plan import Plan, Severity
from db.model.proposal import WeightsProposal
from services.planning import Facts, Move, make_plan, revise
from services.planning.compare import compare, edit_words


def told(found: Comparison, part: str) -> list[tuple[str, ...]]:
    """Rows of a part: about, change, what, both values as shown."""
    return [(d.about, d.change, d.what, *d.shown) for d in found.differences if d.part == part]


def after(**edit: Any) -> tuple[Plan, Comparison]:
    plan = rebalance()
    new = revise(plan, rebalance_facts(), **edit)
    return new, compare(plan, new)


def test_a_plan_differs_from_itself_in_nothing() -> None:
    plan = rebalance()
    assert compare(plan, plan).differences == ()
    again = revise(plan, rebalance_facts())
    assert compare(plan, again).differences == (), "a revision alone is no difference"


def test_a_resized_step() -> None:
    """150 NEM at 79.97 or so become 100: cash after falls by about 50 × 80."""
    _, found = after(resize={1: Decimal(100)})
    assert told(found, "step") == [("1 SELL NEM", "changed", "quantity", "150", "100")]
    cash = next(d for d in found.differences if d.what == "cash after")
    assert cash.was is not None
    assert cash.now is not None
    assert Decimal("3950") < Decimal(cash.was) - Decimal(cash.now) < Decimal("4050")
    # 50 × $80 of $100,000 or so: four percentage points
    moved = next(d for d in found.of("weight") if d.about == "NEM")
    assert moved.was is not None
    assert moved.now is not None
    assert round(Decimal(moved.now) - Decimal(moved.was), 3) == Decimal("0.040")


def test_a_dropped_step_what_it_was_for_and_what_it_brought() -> None:
    _, found = after(drop=[5])
    assert ("5 BUY", "dropped") in [(d.about[:5], d.change) for d in found.of("step")]
    dropped = next(d for d in found.of("step") if d.change == "dropped")
    assert (dropped.shown[0], dropped.shown[1]) == ("6, market, day", "–")
    back = compare(*reversed([rebalance(), after(drop=[5])[0]]))
    assert [d.change for d in back.of("step")] == ["added"]


def test_a_retyped_step_and_its_price() -> None:
    _, found = after(retype={1: terms("stop_limit", limit="74.5", stop="75", time="gtc")})
    rows = told(found, "step")
    assert rows[0] == (
        "1 SELL NEM", "changed", "order", "market, day", "stop $75.00 limit $74.50, gtc",
    )  # fmt: skip
    assert rows[1][2:] == ("expected price", "$79.97", "$74.98")


def test_a_moved_step_is_one_row_and_no_other_moved() -> None:
    _, found = after(move=Move(8, 4, after=False))
    assert told(found, "step") == [
        (f"8 BUY {rebalance().step(8).symbol}", "moved", "place", "8", "4")
    ]


def test_findings_that_came_went_or_grew() -> None:
    """151 of 150 NEM can't be sold; with the step gone the materials' cap is not met any more."""
    plan = rebalance()
    over, found = after(resize={1: Decimal(301)})
    came = [(d.about, d.change, d.was, d.now) for d in found.of("finding")]
    assert ("share_sufficiency NEM", "came", None, "block") in came
    back = [(d.about, d.change, d.was, d.now) for d in compare(over, plan).of("finding")]
    assert ("share_sufficiency NEM", "went", "block", None) in back
    assert all(d.note for d in found.of("finding"))
    _, poorer = after(drop=[1])  # without the $11,995.50 of NEM
    rows = {(d.about, d.change, d.was, d.now) for d in poorer.differences}
    assert ("", "changed", "CONDITIONAL", "BLOCKED") in rows
    assert ("cash_buffer plan", "changed", "warn", "block") in rows
    assert ("leverage plan", "changed", "pass", "block") in rows


def test_two_plans_are_compared_by_account_symbol_and_side() -> None:
    known = facts((("AAA", "90", "90"),), [listed(s, "100", "A") for s in ("AAA", "BBB")], cash="90000")  # fmt: skip
    one = make_plan(basket("AAA,sell,5", "BBB,buy,9"), known, "one", "sim")
    other = make_plan(basket("BBB,buy,12", "AAA,buy,1"), known, "other", "sim")
    found = compare(one, other)
    rows = told(found, "step")
    assert ("1 SELL AAA", "dropped", "order", "5, market, day", "–") in rows
    assert ("1 BUY BBB", "changed", "quantity", "9", "12") in rows
    assert ("2 BUY AAA", "added", "order", "–", "1, market, day") in rows
    assert (found.one.name, found.other.name) == ("one@1", "other@1")


def test_plans_of_different_policies_say_so() -> None:
    found = compare(rebalance(), nov10())
    policy = next(d for d in found.differences if d.what == "policy")
    assert policy.shown[0].startswith("standard (")
    assert policy.shown[1].startswith("swing (")


@settings(max_examples=20)
@given(worlds(), asked_edits())
def test_a_comparison_and_the_one_the_other_way_round_mirror_each_other(
    world: tuple[Facts, WeightsProposal], edits: list[tuple[int, int, str, int]]
) -> None:
    """Nothing is left out: where the hash differs some row says in what, and every check that blocks or
    warns in one only has its row."""
    known, _ = world
    revisions = edited(planned(world), known, edits)
    one, other = revisions[0], revisions[-1]
    there, back = compare(one, other), compare(other, one)
    assert Comparison.model_validate(there.to_json()) == there
    mirrored = {"added": "dropped", "dropped": "added", "came": "went", "went": "came"}

    def key(d: Difference, flip: bool) -> tuple[str | None, ...]:
        change = mirrored.get(d.change, d.change) if flip else d.change
        was, now = (d.now, d.was) if flip else (d.was, d.now)
        return d.part, d.about, change, d.what, was, now

    assert {key(d, False) for d in there.differences if d.change != "moved"} == {
        key(d, True) for d in back.differences if d.change != "moved"
    }
    if edit_words(one, other):
        assert there.of("step")
    bad = [{(f.check, f.subject) for f in p.findings if f.severity is not Severity.PASS} for p in (one, other)]  # fmt: skip
    rows = {d.about for d in there.of("finding")}
    assert all(f"{check} {subject}" in rows for check, subject in bad[0] ^ bad[1])


@pytest.mark.parametrize(
    ("unit", "value", "shown"),
    [("dollars", "-1234.5", "-$1,234.50"), ("fraction", "0.12345", "12.3%"), ("shares", "10.50", "10.5"), ("words", "gtc", "gtc")],
)  # fmt: skip
def test_values_are_shown_as_a_trader_reads_them(unit: str, value: str, shown: str) -> None:
    row = Difference.model_validate(
        {"part": "plan", "about": "", "change": "changed", "what": "x", "unit": unit, "was": value}
    )
    assert row.shown == (shown, "–")
