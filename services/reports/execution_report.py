"""`execution_report` of spec 7, for a plan and for each of its steps: JSON values, pure."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from db.model.base import plain
from db.model.order import Side
from db.model.plan import Finding, Step
from db.model.run import PlanRun
from services.execution.protection import covers, parts_of
from services.reports.execution_facts import (
    ExecutionFacts,
    minutes_text,
    money_text,
    percent_text,
    price_text,
    time_text,
    total,
)

Json = dict[str, Any]
FAVORABLE = Decimal("0.005")
"""Better than projected by more than this fraction."""
REVIEW_AFTER = timedelta(weeks=3)
"""Of a new position (spec 6, Scheduled)."""


def plan_report(facts: ExecutionFacts) -> Json:
    """The plan as a whole, and under `steps` each step's own report."""
    steps = facts.run.plan.steps
    concerns = [concern for step in steps if (concern := facts.concern(step))]
    report = {
        "meta": _meta(facts, facts.run.state.value.upper(), facts.run.ended_at),
        "trade_details": [_trade(facts, step) for step in steps],
        "cost_analysis": _plan_costs(facts),
        "price_analysis": _plan_prices(facts),
        "portfolio_impact": _impact(facts, None, _cash_impact(facts, steps)),
        "risk_management": [_risk(facts, step) for step in steps if step.side is Side.BUY],
        "constraints_validation": [_finding(one) for one in facts.run.plan.findings],
        "audit_trail": _audit_trail(facts),
        "next_steps": _next_steps(facts, " ".join(concerns), _review(facts, steps)),
    }
    return {"execution_report": report, "steps": [step_report(facts, step) for step in steps]}


def step_report(facts: ExecutionFacts, step: Step) -> Json:
    """One step of the plan."""
    findings = (one for one in facts.run.plan.findings if one.step in (None, step.n))
    report = {
        "meta": _meta(facts, facts.status(step), facts.last_fill_at(step)),
        "trade_details": _trade(facts, step),
        "cost_analysis": _costs(facts, step),
        "price_analysis": _prices(facts, step),
        "portfolio_impact": _impact(facts, step, _cash_impact(facts, (step,))),
        "risk_management": _risk(facts, step),
        "constraints_validation": [_finding(one) for one in findings],
        "audit_trail": _audit_trail(facts),
        "next_steps": _next_steps(facts, facts.concern(step) or "", _review(facts, (step,))),
    }
    return {"step": step.n, "execution_report": report}


def _meta(facts: ExecutionFacts, status: str, at: Any) -> Json:
    return {
        "timestamp": time_text(at),
        "report_generated": time_text(facts.generated_at),
        "execution_status": status,
        "orchestrator_version": facts.version,
        "plan_id": facts.run.plan.plan_id,
    }


def _trade(facts: ExecutionFacts, step: Step) -> Json:
    ids = [order.order_id for order in facts.orders(step) if order.order_id]
    return {
        "ticker": step.symbol,
        "quantity": plain(facts.run.filled_qty(step.n)),
        "ordered_quantity": plain(step.qty),
        "fill_price": price_text(facts.fill_price(step)),
        "fill_timestamp": time_text(facts.last_fill_at(step)),
        "account": step.account,
        "order_id": ", ".join(ids) or None,
        "client_order_ids": [order.client_order_id for order in facts.orders(step)],
        "execution_type": f"{step.side.value}_{step.type.value}",
    }


def _costs(facts: ExecutionFacts, step: Step) -> Json:
    gross, commission = facts.gross(step), facts.commissions.get(step.n)
    known = gross is not None and commission is not None
    after = facts.after
    holding = next((h for h in after.holdings if h.symbol == step.symbol), None) if after else None
    return {
        "gross_cost": money_text(gross),
        "commission": money_text(commission),
        "total_cost_basis": money_text(_basis(step, gross, commission)) if known else None,
        "position_percent_of_portfolio": (
            percent_text(after.weight_of(step.symbol)) if after else None
        ),
        "position_dollars": money_text(holding.value if holding else Decimal(0)) if after else None,
    }


def _basis(step: Step, gross: Decimal | None, commission: Decimal | None) -> Decimal | None:
    """Paid with fees for a buy, received after fees for a sell."""
    if gross is None or commission is None:
        return None
    return gross + commission if step.side is Side.BUY else gross - commission


def _plan_costs(facts: ExecutionFacts) -> Json:
    steps = facts.run.plan.steps
    filled = [step for step in steps if facts.run.filled_qty(step.n)]
    told = [facts.commissions.get(step.n) for step in filled]
    whole = all(fee is not None for fee in told)
    return {
        "gross_sold": money_text(_gross(facts, steps, Side.SELL)),
        "gross_bought": money_text(_gross(facts, steps, Side.BUY)),
        "commission": money_text(total(fee for fee in told if fee is not None)) if whole else None,
    }


def _gross(facts: ExecutionFacts, steps: tuple[Step, ...], side: Side) -> Decimal | None:
    """Dollars of one side; 0 when nothing of it filled, None when a fill's price is not known."""
    amounts = [
        facts.gross(step) for step in steps if step.side is side and facts.run.filled_qty(step.n)
    ]
    if any(amount is None for amount in amounts):
        return None
    return total(amount for amount in amounts if amount is not None)


def _cash_impact(facts: ExecutionFacts, steps: tuple[Step, ...]) -> Decimal | None:
    sold, bought = _gross(facts, steps, Side.SELL), _gross(facts, steps, Side.BUY)
    return None if sold is None or bought is None else sold - bought


def _prices(facts: ExecutionFacts, step: Step) -> Json:
    price, projected = facts.fill_price(step), step.expected_price
    delta = None if price is None else price - projected
    moved = delta / projected if delta is not None and projected else None
    better = None if moved is None else (moved if step.side is Side.SELL else -moved)
    return {
        "projected_entry_price": price_text(projected),
        "actual_fill_price": price_text(price),
        "price_delta": price_text(delta),
        "price_delta_percent": percent_text(moved),
        "favorable": None if better is None else better > FAVORABLE,
    }


def _plan_prices(facts: ExecutionFacts) -> Json:
    """Gained (positive) or lost in dollars against the projected prices, over all that filled."""
    gained: list[Decimal | None] = []
    for step in facts.run.plan.steps:
        if qty := facts.run.filled_qty(step.n):
            gross = facts.gross(step)
            sign = 1 if step.side is Side.SELL else -1
            gained.append(None if gross is None else sign * (gross - qty * step.expected_price))
    known = bool(gained) and all(amount is not None for amount in gained)
    amount = total(one for one in gained if one is not None) if known else None
    return {"gained_against_projection": money_text(amount)}


def _impact(facts: ExecutionFacts, step: Step | None, cash_impact: Decimal | None) -> Json:
    before, after = facts.run.plan.before, facts.after
    cap = facts.policy.max_sector_weight if facts.policy else None
    impact: Json = {
        "cash_before": money_text(before.cash),
        "cash_after": money_text(after.cash) if after else None,
        "cash_percent_before": percent_text(before.cash_weight),
        "cash_percent_after": percent_text(after.cash_weight) if after else None,
        "cash_impact_dollars": money_text(cash_impact),
    }
    if step is None:
        names = sorted({one.sector for one in facts.run.plan.steps})
        return impact | {"sectors": {name: _sector(facts, name, cap) for name in names}}
    held = after.accounts.get(step.account) if after else None
    return (
        impact
        | _sector(facts, step.sector, cap)
        | {
            "account_cash_before": money_text(before.accounts.get(step.account)),
            "account_cash_after": money_text(held),
        }
    )


def _sector(facts: ExecutionFacts, sector: str, cap: Decimal | None) -> Json:
    before = facts.run.plan.before.sector_weight_of(sector)
    after = facts.after.sector_weight_of(sector) if facts.after else None
    return {
        "sector_percent_before": percent_text(before),
        "sector_percent_after": percent_text(after),
        "headroom_before": None if cap is None else percent_text(cap - before),
        "headroom_after": None if cap is None or after is None else percent_text(cap - after),
    }


def _risk(facts: ExecutionFacts, step: Step) -> Json:
    """Stop and target of a buy, from its fill price, else from the projected one."""
    entry = facts.fill_price(step) or step.expected_price
    stop, target = step.protection_at(entry)
    risk = entry - stop if stop is not None else None
    reward = target - entry if target is not None else None
    ratio = reward / risk if risk and reward is not None and risk > 0 else None
    return {
        "ticker": step.symbol,
        "stop_price": price_text(stop),
        "stop_percent": percent_text(risk / entry) if risk is not None and entry else None,
        "target_price": price_text(target),
        "target_percent": percent_text(reward / entry) if reward is not None and entry else None,
        "risk_reward_ratio": None if ratio is None else plain(ratio.quantize(Decimal("0.01"))),
        **_protected(facts.run, step),
    }


def _protected(run: PlanRun, step: Step) -> Json:
    """By whom: the broker, for so many shares by these orders, or the desk, and why."""
    parts = parts_of(run, step.n)
    qty = sum((covers(run, order) for order in parts), Decimal(0))
    why = run.unprotected.get(step.n) or run.watched.get(step.n)
    return {
        "protected_by": "broker" if qty else "desk",
        "protected_quantity": plain(qty),
        "protective_orders": [o.client_order_id for o in parts if covers(run, o)],
        "watched_because": why,
    }


def _finding(finding: Finding) -> Json:
    return finding.to_json()


def _audit_trail(facts: ExecutionFacts) -> Json:
    run = facts.run
    return {
        "report_timestamp": time_text(facts.generated_at),
        "execution_timestamp": time_text(facts.first_sent_at),
        "snapshot_timestamp": time_text(facts.portfolio_as_of),
        "approval_to_execution_minutes": minutes_text(facts.approved_at, facts.first_sent_at),
        "portfolio_age_minutes": minutes_text(facts.portfolio_as_of, run.started_at),
        "analyst_id": None,
        "source": run.plan.source,
        "source_sha256": run.plan.proposal_sha256,
        "orchestrator_id": f"quarterdeck {facts.version}",
        "approver": run.approval.approver if run.approval else None,
        "exceptions": "; ".join(one.story for one in run.escalations if one.number) or None,
    }


def _review(facts: ExecutionFacts, steps: tuple[Step, ...]) -> str | None:
    """Date on which what was bought is looked at again."""
    bought = [facts.last_fill_at(step) for step in steps if step.side is Side.BUY]
    last = max((at for at in bought if at is not None), default=None)
    return None if last is None else (last + REVIEW_AFTER).date().isoformat()


def _next_steps(facts: ExecutionFacts, concern: str, review: str | None) -> Json:
    return {
        "position_review_date": review,
        "portfolio_refreshed_at": time_text(facts.portfolio_written_at),
        "refresh": facts.portfolio_written_at is None,
        "monitoring_active": facts.monitored_since is not None,
        "escalation_required": bool(concern),
        "escalation_reason": concern or None,
    }
