"""Spec 7, Execution report and audit: per plan and per step; what is not known is null, never 0."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from markdown_it import MarkdownIt
from plan_makers import make_escalation

from db.model.alert import Alert, AlertSeverity
from db.model.escalation import Outcome
from db.model.order import Fill, OrderState, OrderType, Side
from db.model.plan import (
    Finding,
    Holding,
    Phase,
    Plan,
    SectorWeight,
    Severity,
    Standing,
    Step,
    Verdict,
)
from db.model.policy import Policy
from db.model.run import Approval, ChildOrder, Mode, PlanRun, PlanState
from services.reports.execution_audit import execution_audit
from services.reports.execution_facts import ExecutionFacts
from services.reports.execution_md import render
from services.reports.execution_report import plan_report

NOON = datetime(2026, 1, 5, 17, 0, tzinfo=UTC)
REQUIRED = {name: None for name, field in Policy.model_fields.items() if field.is_required()}
POLICY = Policy.model_validate(
    REQUIRED
    | {
        "name": "standard",
        "min_cash_weight": "0.05",
        "max_sector_weight": "0.4",
        "max_position_weight": "0.15",
        "limit_band": "0.005",
    }
)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def standing(cash: str, weight: str, **sectors: str) -> Standing:
    return Standing(
        equity=Decimal(100_000), cash=Decimal(cash), cash_weight=Decimal(weight),
        gross_exposure=Decimal(95_000), leverage=Decimal("0.95"), accounts={"main": Decimal(cash)},
        holdings=(
            Holding(symbol="NVDA", sector="Technology", qty=Decimal(10), value=Decimal(1210),
                    weight=Decimal("0.0121")),
        ),
        sectors=tuple(
            SectorWeight(sector=name, value=Decimal(w) * 100_000, weight=Decimal(w))
            for name, w in sectors.items()
        ),
    )  # fmt: skip


SELL = Step(
    n=1, phase=Phase.SELL, account="main", symbol="NEM", side=Side.SELL, qty=Decimal(150),
    type=OrderType.MARKET, reference_price=Decimal(80), expected_price=Decimal(80),
    expected_value=Decimal(12_000), expected_cash_after=Decimal(14_500), sector="Materials",
    reason="Materials above its target",
)  # fmt: skip
BUY = Step(
    n=2, phase=Phase.BUY, account="main", symbol="NVDA", side=Side.BUY, qty=Decimal(10),
    type=OrderType.LIMIT, limit_price=Decimal(121), reference_price=Decimal(120),
    expected_price=Decimal(121), expected_value=Decimal(1210), expected_cash_after=Decimal(13_290),
    sector="Technology", stop_loss_price=Decimal("111.32"), target_price=Decimal("140.36"),
    reason="conviction 74",
)  # fmt: skip
FINDINGS = (
    Finding(
        check="cash_buffer", severity=Severity.WARN, subject="plan", message="Cash ends at 5%."
    ),
    Finding(check="price_collar", severity=Severity.PASS, subject="NVDA", message="Fine.", step=2),
)


def child(step: Step, **given: Any) -> ChildOrder:
    filled = given.pop("filled", None)
    state = OrderState.FILLED if filled else OrderState.ACKNOWLEDGED
    known = {
        "client_order_id": f"qd-p1-s{step.n:02d}-c1-a1", "plan_id": "p1", "step": step.n,
        "account": "main", "symbol": step.symbol, "side": step.side, "qty": step.qty,
        "type": step.type, "state": state, "order_id": f"b{step.n}", "sent_at": at(2),
    }  # fmt: skip
    if filled:
        known |= {"filled_qty": filled[0], "filled_avg_price": filled[1]}
    return ChildOrder.model_validate(known | given)


def fill(step: Step, price: str, minutes: float) -> Fill:
    return Fill(
        execution_id=f"e{step.n}", account="main", order_id=f"b{step.n}",
        client_order_id=f"qd-p1-s{step.n:02d}-c1-a1", symbol=step.symbol, side=step.side,
        qty=step.qty, price=Decimal(price), at=at(minutes),
    )  # fmt: skip


def run(*orders: ChildOrder, **given: Any) -> PlanRun:
    plan = Plan(
        plan_id="p1", created_at=at(-5), source="Portfolio.md", proposal_sha256="ab" * 32,
        policy="standard", policy_hash="cd" * 32, environment="sim", steps=(SELL, BUY),
        findings=FINDINGS, verdict=Verdict.CONDITIONAL,
        before=standing("2500", "0.025", Materials="0.468", Technology="0.067"),
        after=standing("5100", "0.051", Materials="0.25", Technology="0.16"),
    )  # fmt: skip
    approval = Approval(
        plan_hash=plan.hash, approver="ana", mode=Mode.AUTO, approved_at=at(0), expires_at=at(10)
    )
    known: dict[str, Any] = {
        "plan": plan, "state": PlanState.DONE, "approval": approval, "mode": Mode.AUTO,
        "orders": orders, "started_at": at(1), "ended_at": at(6),
    }  # fmt: skip
    return PlanRun(**known | given)


def facts(**given: Any) -> ExecutionFacts:
    """Everything filled, everything known."""
    known: dict[str, Any] = {
        "run": run(child(SELL, filled=(150, "80.5")), child(BUY, filled=(10, "120"))),
        "after": standing("13375", "0.13375", Materials="0.348", Technology="0.079"),
        "fills": (fill(SELL, "80.5", 3), fill(BUY, "120", 4)),
        "generated_at": at(7),
        "version": "0.1.0",
        "policy": POLICY,
        "portfolio_as_of": at(-4),
        "portfolio_written_at": at(6.5),
        "monitored_since": at(4),
        "commissions": {1: Decimal("0.50"), 2: Decimal(0)},
        "alerts": (
            Alert(alert_id="al-1", condition="target_reached", subject="NVDA", raised_at=at(5),
                  severity=AlertSeverity.INFO, sentence="NVDA has reached <its> target."),
        ),
    }  # fmt: skip
    return ExecutionFacts(**known | given)


def report(step: int, **given: Any) -> dict[str, Any]:
    found: dict[str, Any] = plan_report(facts(**given))["steps"][step - 1]["execution_report"]
    return found


PARTS = {
    "meta", "trade_details", "cost_analysis", "price_analysis", "portfolio_impact",
    "risk_management", "constraints_validation", "audit_trail", "next_steps",
}  # fmt: skip


def test_plan_and_steps_have_every_part_and_are_json() -> None:
    whole = plan_report(facts())
    assert set(whole["execution_report"]) == PARTS
    assert [set(step["execution_report"]) for step in whole["steps"]] == [PARTS, PARTS]
    for made in (whole, execution_audit(facts())):
        assert json.loads(json.dumps(made)) == made


def test_a_filled_sell() -> None:
    sell = report(1)
    assert sell["meta"]["execution_status"] == "FILLED"
    assert sell["meta"]["timestamp"] == "2026-01-05T17:03:00Z"
    assert sell["trade_details"] == {
        "ticker": "NEM", "quantity": "150", "ordered_quantity": "150", "fill_price": "80.5",
        "fill_timestamp": "2026-01-05T17:03:00Z", "account": "main", "order_id": "b1",
        "client_order_ids": ["qd-p1-s01-c1-a1"], "execution_type": "sell_market",
    }  # fmt: skip
    assert sell["cost_analysis"] == {
        "gross_cost": "12075", "commission": "0.5", "total_cost_basis": "12074.5",
        "position_percent_of_portfolio": "0", "position_dollars": "0",
    }  # fmt: skip
    assert sell["price_analysis"] == {
        "projected_entry_price": "80", "actual_fill_price": "80.5", "price_delta": "0.5",
        "price_delta_percent": "0.62", "favorable": True,
    }  # fmt: skip
    assert sell["portfolio_impact"] == {
        "cash_before": "2500", "cash_after": "13375", "cash_percent_before": "2.5",
        "cash_percent_after": "13.38", "cash_impact_dollars": "12075",
        "sector_percent_before": "46.8", "sector_percent_after": "34.8", "headroom_before": "-6.8",
        "headroom_after": "5.2", "account_cash_before": "2500", "account_cash_after": "13375",
    }  # fmt: skip
    assert [one["check"] for one in sell["constraints_validation"]] == ["cash_buffer"]
    assert sell["next_steps"]["escalation_required"] is False
    assert sell["next_steps"]["position_review_date"] is None


def test_a_filled_buy() -> None:
    buy = report(2)
    assert buy["cost_analysis"]["total_cost_basis"] == "1200"
    assert buy["cost_analysis"]["position_dollars"] == "1210"
    assert buy["cost_analysis"]["position_percent_of_portfolio"] == "1.21"
    assert buy["portfolio_impact"]["cash_impact_dollars"] == "-1200"
    assert buy["risk_management"] == {
        "ticker": "NVDA", "stop_price": "110.4", "stop_percent": "8", "target_price": "139.2",
        "target_percent": "16", "risk_reward_ratio": "2", "protected_by": "desk",
        "protected_quantity": "0", "protective_orders": [], "watched_because": None,
    }  # fmt: skip
    assert [one["check"] for one in buy["constraints_validation"]] == [
        "cash_buffer",
        "price_collar",
    ]
    assert buy["audit_trail"]["approval_to_execution_minutes"] == "2"
    assert buy["audit_trail"]["portfolio_age_minutes"] == "5"
    assert buy["next_steps"]["position_review_date"] == "2026-01-26"
    assert buy["next_steps"]["monitoring_active"] is True


@pytest.mark.parametrize(
    ("price", "favorable"),
    [("120.39", True), ("120.395", False), ("121", False), ("122", False)],
)
def test_a_buy_is_favorable_only_when_better_by_more_than_half_a_percent(
    price: str, favorable: bool
) -> None:
    orders = run(child(BUY, filled=(10, price)))
    assert report(2, run=orders)["price_analysis"]["favorable"] is favorable


def test_the_plan_as_a_whole() -> None:
    whole = plan_report(facts())["execution_report"]
    assert whole["meta"]["execution_status"] == "DONE"
    assert whole["cost_analysis"] == {
        "gross_sold": "12075", "gross_bought": "1200", "commission": "0.5",
    }  # fmt: skip
    assert whole["price_analysis"] == {"gained_against_projection": "85"}
    assert whole["portfolio_impact"]["cash_impact_dollars"] == "10875"
    assert set(whole["portfolio_impact"]["sectors"]) == {"Materials", "Technology"}


UNKNOWN: dict[str, Any] = {
    "run": run(approval=None, started_at=None, ended_at=None),
    "after": None, "fills": (), "policy": None, "portfolio_as_of": None, "commissions": {},
    "portfolio_written_at": None, "monitored_since": None, "alerts": (),
}  # fmt: skip


def test_what_is_not_known_is_null_never_0() -> None:
    buy = report(2, **UNKNOWN)
    assert set(buy["price_analysis"].values()) == {"121", None}
    assert set(buy["cost_analysis"].values()) == {None}
    assert {k: v for k, v in buy["portfolio_impact"].items() if v is not None} == {
        "cash_before": "2500", "cash_percent_before": "2.5", "sector_percent_before": "6.7",
        "account_cash_before": "2500", "cash_impact_dollars": "0",
    }  # fmt: skip
    assert buy["trade_details"]["fill_price"] is None
    assert buy["audit_trail"]["approval_to_execution_minutes"] is None
    audit = execution_audit(facts(**UNKNOWN))
    assert (audit["rollback_required"], audit["constraints_verification"]) == (None, None)


def test_a_fill_without_its_price_makes_no_figure_of_it() -> None:
    blind = run(child(SELL, filled=(150, None)), child(BUY, filled=(10, "120")))
    sell = report(1, run=blind)
    assert sell["trade_details"]["quantity"] == "150"
    assert sell["cost_analysis"]["gross_cost"] is None
    assert sell["portfolio_impact"]["cash_impact_dollars"] is None
    whole = plan_report(facts(run=blind))["execution_report"]
    assert whole["cost_analysis"]["gross_sold"] is None
    assert whole["cost_analysis"]["gross_bought"] == "1200"
    assert whole["price_analysis"]["gained_against_projection"] is None


def test_a_commission_that_was_not_told_is_not_nothing() -> None:
    assert report(2, commissions={})["cost_analysis"]["commission"] is None
    assert report(2, commissions={})["cost_analysis"]["total_cost_basis"] is None
    whole = plan_report(facts(commissions={1: Decimal(1)}))["execution_report"]
    assert whole["cost_analysis"]["commission"] is None


@pytest.mark.parametrize(
    ("orders", "given_up", "status", "said"),
    [
        ([child(BUY, filled=(4, "120"), state="canceled", reason="time limit")], {},
         "PARTIALLY_FILLED", "buy 10 NVDA: 4 filled, partially filled (time limit)."),
        ([child(BUY, state="rejected", reason="no funds")], {},
         "REJECTED", "buy 10 NVDA: 0 filled, rejected (no funds)."),
        ([], {2: "cash short"}, "NOT_SENT", "buy 10 NVDA: 0 filled, not sent (cash short)."),
        ([child(BUY, filled=(10, "134"))], {},
         "FILLED", "NVDA filled at 134, more than 10% from the projected 121."),
    ],
    ids=["partial", "rejected", "given up", "diverged"],
)  # fmt: skip
def test_what_did_not_go_as_planned_escalates(
    orders: list[ChildOrder], given_up: dict[int, str], status: str, said: str
) -> None:
    odd = run(child(SELL, filled=(150, "80.5")), *orders, given_up=given_up)
    buy = report(2, run=odd)
    assert buy["meta"]["execution_status"] == status
    assert buy["next_steps"]["escalation_required"] is True
    assert buy["next_steps"]["escalation_reason"] == said
    assert (
        plan_report(facts(run=odd))["execution_report"]["next_steps"]["escalation_reason"] == said
    )
    assert execution_audit(facts(run=odd))["escalations_triggered"] == [said]


def test_the_audit_says_who_what_and_when() -> None:
    audit = execution_audit(facts())
    assert audit["execution_id"] == "p1-r1"
    assert (audit["approved_by"], audit["mode"]) == ("ana", "auto")
    assert (audit["approved_at"], audit["duration_minutes"]) == ("2026-01-05T17:00:00Z", "5")
    assert audit["source_report"]["plan_hash"] == run().plan.hash
    assert [one["step"] for one in audit["validation_steps"]] == [
        "received", "portfolio_read", "validated", "executed", "fill_confirmed",
        "portfolio_updated", "monitoring_started",
    ]  # fmt: skip
    assert all(one["at"] for one in audit["validation_steps"])
    assert [len(one["fills"]) for one in audit["execution_details"]] == [1, 1]
    assert audit["compliance"]["checks"] == {"pass": 1, "warn": 1, "block": 0}
    assert audit["compliance"]["cash_warnings"] == ["Cash ends at 5%."]
    assert audit["rollback_required"] is False


def test_the_audit_says_what_was_let_pass_and_what_was_worth_a_word() -> None:
    granted = make_escalation(
        outcome=Outcome.GRANTED, approver="Jane Roe", reason="the mandate changes", number=2, of=2,
        day="2026-01-05", resolved_at=at(1),
    )  # fmt: skip
    refused = make_escalation(outcome=Outcome.REFUSED, approver="Max Poe", reason="no")
    known = run()
    assert known.approval is not None
    approval = known.approval.model_copy(
        update={"caveats": ("90 min old.",), "acknowledged": "I called them"}
    )
    changed = known.model_copy(
        update={
            "escalations": (refused, granted),
            "approval": approval,
            "caveats": ("90 min old.", "BBB moved."),
        }
    )
    audit = execution_audit(facts(run=changed))
    assert audit["caveats"] == ["90 min old.", "BBB moved."]
    assert audit["stale_portfolio_acknowledged"] == "I called them"
    (row,) = audit["exceptions"]
    assert (row["check"], row["subject"], row["covered"]) == (
        "position_cap",
        "CCC",
        "after ≤ 0.161",
    )
    assert (row["approver"], row["exception_of_day"]) == ("Jane Roe", "2 of 2")
    assert [said.rpartition("plan. ")[2] for said in audit["escalations_triggered"][-2:]] == [
        "Refused by Max Poe: no.",
        "Granted by Jane Roe: the mandate changes.",
    ]
    trail = plan_report(facts(run=changed))["execution_report"]["audit_trail"]
    assert "Granted by Jane Roe" in trail["exceptions"]
    assert "Max Poe" not in trail["exceptions"]
    assert "## Exceptions" in render(facts(run=changed))
    assert execution_audit(facts())["exceptions"] == []


@pytest.mark.parametrize(
    ("after", "broken", "rollback"),
    [
        (standing("2000", "0.02", Materials="0.3"), ["cash"], True),
        (standing("3000", "0.03", Materials="0.3"), ["cash"], False),  # inherited, and improved
        (standing("9000", "0.09", Materials="0.5"), ["Materials"], True),
        (standing("9000", "0.09", Materials="0.45"), ["Materials"], False),
    ],
    ids=range(4),
)
def test_a_limit_that_the_plan_made_worse_asks_for_a_rollback(
    after: Standing, broken: list[str], rollback: bool
) -> None:
    audit = execution_audit(facts(after=after))
    limits = audit["constraints_verification"]
    assert [one["subject"] for one in limits if not one["holds"]] == broken
    assert audit["rollback_required"] is rollback


def test_people_get_it_as_markdown_with_dashes_for_what_is_missing() -> None:
    text = render(facts())
    assert "| 1 | NEM | sell\\_market | 150 | 150 | FILLED | 80 | 80.5 | 0.62 | yes |" in text
    assert "None." not in text
    assert "NVDA has reached \\<its\\> target." in text
    assert "<its>" not in text
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert html.count("<table>") == 6
    blind = render(facts(**UNKNOWN))
    assert "- Gained against projection: —" in blind
    assert "| 2 | NVDA | buy\\_limit | 10 | 0 | NOT\\_SENT | 121 | — | — | — |" in blind
