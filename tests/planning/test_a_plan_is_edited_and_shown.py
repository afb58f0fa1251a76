"""Revisions, the report and the JSON contract."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from planning_world import basket, facts, listed, nov10, rebalance, rebalance_facts

from db.model.order import OrderState
from db.model.run import ChildOrder, PlanRun, PlanState
from services.desk.document import plan_document
from services.planning import PlanEditError, make_plan, revise
from services.planning.report import markdown


def test_a_revision_keeps_id_and_numbers_and_changes_the_hash() -> None:
    plan, known = rebalance(), rebalance_facts()
    edited = revise(plan, known, drop=[5], resize={4: Decimal(10)})
    assert (edited.plan_id, edited.revision) == (plan.plan_id, 2)
    assert [s.n for s in edited.steps] == [1, 2, 3, 4, 6, 7, 8]
    assert edited.step(4).qty == 10
    assert edited.hash != plan.hash
    assert edited.skipped[-1].reason == "step 5 (buy 6) dropped"
    assert edited.after.cash > plan.after.cash


def test_a_revision_without_an_edit_is_the_dry_run_again() -> None:
    plan, known = rebalance(), rebalance_facts()
    again = revise(plan, known)
    assert again.hash == plan.hash
    assert (again.findings, again.after) == (plan.findings, plan.after)


def test_a_revision_uses_the_facts_of_its_moment() -> None:
    plan, known = rebalance(), rebalance_facts()
    later = replace(known, now=known.now + timedelta(seconds=30))
    stale = {f.check for f in revise(plan, later).findings if f.severity == "block"}
    assert stale == {"quote_fresh"}


@pytest.mark.parametrize(
    ("drop", "resize", "said"),
    [
        ([9], {}, "Plan 3f9a has no step 9."),
        ([], {0: Decimal(1)}, "Plan 3f9a has no step 0."),
        ([], {1: Decimal(0)}, "Step 1 can't be 0 shares: expected more than zero."),
        ([], {1: Decimal("NaN")}, "Step 1 can't be NaN shares"),
    ],
)
def test_an_edit_that_makes_no_sense_is_refused(
    drop: list[int], resize: dict[int, Decimal], said: str
) -> None:
    with pytest.raises(PlanEditError) as refused:
        revise(rebalance(), rebalance_facts(), drop=drop, resize=resize)
    assert said in str(refused.value)


def test_selling_more_than_is_held_is_found_after_an_edit() -> None:
    plan = revise(rebalance(), rebalance_facts(), resize={1: Decimal(151)})
    assert [f.check for f in plan.findings if f.severity == "block"] == ["share_sufficiency"]


def test_the_report_begins_with_its_verdict() -> None:
    for plan, word in ((rebalance(), "CONDITIONAL"), (nov10(), "BLOCKED")):
        lines = markdown(plan).splitlines()
        assert lines[0].startswith(f"# {word} ")


def test_the_report_shows_everything_that_is_decided() -> None:
    plan = rebalance()
    text = markdown(plan)
    for heading in ("Before and after", "Findings", "Sequence", "Skipped", "Costs"):
        assert f"## {heading}" in text
    for finding in plan.findings:
        assert finding.check in text
    assert "| Materials | 46.8% | 25.0% |" in text
    assert "| UNH | conviction 60 is under the minimum of 65 |" in text
    assert "| 3 | SELL | FCX | 120 | market | $39.98 |" in text
    assert text.index("| warn | cash_buffer |") < text.index("| pass | sector_cap |")


def test_outside_text_is_never_markup_in_the_report() -> None:
    known = facts((), [listed("AAA", "100", "A|B\n# <b>x</b>")])
    plan = make_plan(basket("AAA,buy,9"), known, "1", "sim")
    evil = plan.model_copy(update={"source": "a|b\n# [x](http://y)"})
    text = markdown(evil)
    assert "\n# [x]" not in text
    assert "<b>" not in text.replace("\\<b\\>", "")
    assert all(
        line.count("|") - line.count("\\|") in (0, 4, 5, 6, 11) for line in text.splitlines()
    )


def test_a_plan_with_nothing_to_do_is_safe_and_says_so() -> None:
    known = facts((("AAA", "10", "90"),), [listed("AAA", "100", "A")])
    plan = revise(make_plan(basket("AAA,sell,1"), known, "1", "sim"), known, drop=[1])
    assert plan.verdict == "SAFE"
    assert "Nothing to do." in markdown(plan)


CONTRACT = {
    "plan_id",
    "verdict",
    "policy",
    "hash",
    "steps",
    "findings",
    "skipped",
    "before",
    "after",
}
STEP = {
    "n", "phase", "symbol", "side", "qty", "type", "limit_price", "expected_price",
    "expected_cash_after", "reason",
}  # fmt: skip


def test_the_document_keeps_its_contract() -> None:
    document = json.loads(json.dumps(plan_document(rebalance())))
    assert set(document) >= CONTRACT
    for step in document["steps"]:
        assert set(step) >= STEP
        assert isinstance(step["qty"], str)
        assert isinstance(step["expected_price"], str)
        assert step["limit_price"] is None
    for finding in document["findings"]:
        assert set(finding) >= {"check", "severity", "subject", "message", "values"}
        assert all(isinstance(value, str) for value in finding["values"].values())
    assert document["skipped"] == [
        {"symbol": "UNH", "reason": "conviction 60 is under the minimum of 65"}
    ]
    assert document["before"]["cash"] == "2500"
    assert "state" not in document


def test_the_document_of_a_run_tells_how_it_went() -> None:
    plan = rebalance()
    step = plan.step(1)
    order = ChildOrder(
        client_order_id="qd-3f9a-1-1-1", plan_id="3f9a", step=1, account="main", symbol="NEM",
        side=step.side, qty=step.qty, type=step.type, state=OrderState.FILLED,
        filled_qty=step.qty, filled_avg_price=Decimal("79.99"),
    )  # fmt: skip
    run = PlanRun(plan=plan, state=PlanState.SELLING, orders=(order,), given_up={8: "dropped"})
    document = plan_document(plan, run)
    assert document["state"] == "selling"
    assert document["progress"] == {"done": 2, "of": 8}
    first, second, last = (document["steps"][i] for i in (0, 1, 7))
    assert (first["state"], first["filled_qty"], first["filled_avg_price"]) == (
        "filled",
        "150",
        "79.99",
    )
    assert first["orders"][0]["client_order_id"] == "qd-3f9a-1-1-1"
    assert (second["state"], second["filled_avg_price"], second["orders"]) == ("planned", None, [])
    assert last["state"] == "given_up"
    json.dumps(document)
