"""`execution_audit` of spec 7: who let what happen, when, and whether the rules still hold. Pure."""

from decimal import Decimal
from typing import Any

from db.model.alert import AlertSeverity
from db.model.escalation import Escalation
from db.model.plan import Finding, Severity, Standing
from db.model.policy import Policy
from services.reports.execution_facts import (
    ExecutionFacts,
    minutes_text,
    percent_text,
    time_text,
)

Json = dict[str, Any]
CONCENTRATION = frozenset({"position_cap", "sector_cap", "sector_increase", "leveraged_cap"})
CASH = frozenset({"cash_buffer", "cash_path", "account_cash", "buying_power"})


def execution_audit(facts: ExecutionFacts) -> Json:
    """The audit of the plan, with a part for each of its steps."""
    run = facts.run
    last_fill = max((fill.at for fill in facts.fills), default=None)
    limits = verified(run.plan.before, facts.after, facts.policy)
    approval = run.approval
    concerns = [concern for step in run.plan.steps if (concern := facts.concern(step))]
    return {
        "execution_id": f"{run.plan.plan_id}-r{run.plan.revision}",
        "approved_at": time_text(facts.approved_at),
        "executed_at": time_text(facts.first_sent_at),
        "ended_at": time_text(run.ended_at),
        "duration_minutes": minutes_text(run.started_at, run.ended_at),
        "approved_by": run.approval.approver if run.approval else None,
        "mode": run.mode.value if run.mode else None,
        "source_report": {
            "source": run.plan.source,
            "sha256": run.plan.proposal_sha256,
            "plan_hash": run.plan.hash,
            "policy": run.plan.policy,
            "policy_hash": run.plan.policy_hash,
            "verdict": run.plan.verdict.value,
        },
        "execution_details": [
            {
                "execution_id": f"{run.plan.plan_id}-r{run.plan.revision}-s{step.n:02d}",
                "step": step.n,
                "ticker": step.symbol,
                "status": facts.status(step),
                "orders": [order.to_json() for order in facts.orders(step)],
                "fills": [fill.to_json() for fill in facts.fills_of(step)],
            }
            for step in run.plan.steps
        ],
        "validation_steps": [
            {"step": "received", "at": time_text(run.plan.created_at)},
            {
                "step": "portfolio_read",
                "at": time_text(facts.portfolio_as_of),
                "age_minutes": minutes_text(facts.portfolio_as_of, run.started_at),
            },
            {"step": "validated", "at": time_text(facts.approved_at)},
            {"step": "executed", "at": time_text(facts.first_sent_at)},
            {"step": "fill_confirmed", "at": time_text(last_fill)},
            {"step": "portfolio_updated", "at": time_text(facts.portfolio_written_at)},
            {"step": "monitoring_started", "at": time_text(facts.monitored_since)},
        ],
        "constraints_verification": limits,
        "compliance": _compliance(run.plan.findings),
        "rollback_required": None if limits is None else any(one["made_worse"] for one in limits),
        "caveats": list(dict.fromkeys((*(approval.caveats if approval else ()), *run.caveats))),
        "stale_portfolio_acknowledged": (approval.acknowledged or None) if approval else None,
        "exceptions": [row for asked in run.escalations for row in _exceptions(asked)],
        "escalations_triggered": [*concerns, *(asked.story for asked in run.escalations)],
        "alerts_generated": [
            {
                "alert_id": alert.alert_id,
                "severity": alert.severity.value,
                "sentence": alert.sentence,
            }
            for alert in facts.alerts
        ],
        "critical_alerts": sum(a.severity is AlertSeverity.CRITICAL for a in facts.alerts),
    }


def _exceptions(asked: Escalation) -> list[Json]:
    """What was let pass: a row a finding, of how many exceptions that its trading day had."""
    if asked.number is None:
        return []
    return [
        {
            "check": one.check,
            "subject": one.subject,
            "covered": one.covered or None,
            "approver": asked.approver,
            "reason": asked.reason,
            "granted_at": time_text(asked.resolved_at),
            "exception_of_day": f"{asked.number} of {asked.of}",
        }
        for one in asked.violations
    ]


def verified(before: Standing, after: Standing | None, policy: Policy | None) -> list[Json] | None:
    """The policy's limits on the portfolio as it came out. `made_worse`: broken, and further from
    holding than before the plan. None when the portfolio after is not known."""
    if after is None or policy is None:
        return None
    found = []
    if (least := policy.min_cash_weight) is not None:
        found.append(_limit("cash_buffer", "cash", least, before.cash_weight, after.cash_weight))
    if (most := policy.max_sector_weight) is not None:
        for one in after.sectors:
            was = before.sector_weight_of(one.sector)
            found.append(_limit("sector_cap", one.sector, most, was, one.weight, least=False))
    if (most := policy.max_position_weight) is not None:
        for holding in after.holdings:
            was = before.weight_of(holding.symbol)
            found.append(
                _limit("position_cap", holding.symbol, most, was, holding.weight, least=False)
            )
    return found


def _limit(
    check: str, subject: str, limit: Decimal, before: Decimal, after: Decimal, *, least: bool = True
) -> Json:
    holds = after >= limit if least else after <= limit
    worse = after < before if least else after > before
    return {
        "check": check,
        "subject": subject,
        "limit_percent": percent_text(limit),
        "before_percent": percent_text(before),
        "after_percent": percent_text(after),
        "holds": holds,
        "made_worse": not holds and worse,
    }


def _compliance(findings: tuple[Finding, ...]) -> Json:
    warned = [finding for finding in findings if finding.severity is not Severity.PASS]
    return {
        "checks": {s.value: sum(f.severity is s for f in findings) for s in Severity},
        "concentration_warnings": [f.message for f in warned if f.check in CONCENTRATION],
        "cash_warnings": [f.message for f in warned if f.check in CASH],
    }
