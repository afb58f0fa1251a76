"""The plan as one JSON object: the contract of `plan --json` and of the desk's socket (version 1)."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from db.model.base import plain
from db.model.order import OrderState
from db.model.plan import Plan, Step
from db.model.post_trade import PostTrade
from db.model.run import ChildOrder, PlanRun
from services.desk.guarded import protection_of
from services.execution.ledger import ledger
from services.execution.offers import MAKES_SENSE, Offer, absent_orders, offers
from services.execution.transitions import step_state
from services.reports.stock_validation import stock_validation

STEP_FIELDS = {
    "n", "phase", "account", "symbol", "side", "qty", "type", "limit_price", "stop_price",
    "time_in_force", "extended_hours", "reference_price", "expected_price", "expected_value", "expected_cash_after",
    "algorithm", "sector", "conviction", "underlying", "stop_loss_price", "target_price", "reason", "needs", "funded_by",
    "expected_low", "expected_high", "expected_seconds", "urgency", "acts",
}  # fmt: skip
ORDER_FIELDS = {"client_order_id", "state", "qty", "filled_qty", "filled_avg_price", "reason"}


UNKNOWN_FIELDS = {
    "client_order_id", "plan_id", "step", "account", "symbol", "side", "qty", "type",
    "limit_price", "time_in_force", "intended_at", "sent_at", "reason", "look_ups", "absent",
}  # fmt: skip


def plan_document(
    plan: Plan,
    run: PlanRun | None = None,
    prices: Mapping[str, Decimal] | None = None,
    found: PostTrade | None = None,
) -> dict[str, Any]:
    """Decimals are strings, times ISO 8601 UTC. With `run`, how it went is told too, valued at
    `prices` where they are known."""
    document: dict[str, Any] = {
        "plan_id": plan.plan_id,
        "revision": plan.revision,
        "verdict": plan.verdict.value,
        "policy": plan.policy,
        "hash": plan.hash,
        "source": plan.source,
        "environment": plan.environment,
        **plan.model_dump(mode="json", include={"created_at"}),
        "steps": [_step(step, run) for step in plan.steps],
        **plan.model_dump(
            mode="json",
            include={"findings", "skipped", "before", "after", "estimated_cost", "taxes"},
        ),
    }
    validation = stock_validation(plan)
    document["validation"] = None if validation is None else validation.to_json()
    if run is not None:
        document |= _run(run)
        document["ledger"] = ledger(run, prices).to_json()
        document["post_trade"] = (
            None if found is None else {**found.to_json(), "offer": found.offer}
        )
    return document


def unknown_orders(runs: Iterable[PlanRun]) -> list[dict[str, Any]]:
    """Every order whose answer never came: what was sent, what was asked, what may be done."""
    return [_unknown(run, order) for run in runs for order in run.unknown_orders]


def _unknown(run: PlanRun, order: ChildOrder) -> dict[str, Any]:
    may = [Offer.LOOK_UP]
    if order in absent_orders(run):
        may += [offer for offer in (Offer.RESEND, Offer.GIVE_UP) if MAKES_SENSE[offer](run)]
    return order.model_dump(mode="json", include=UNKNOWN_FIELDS) | {
        "may": [offer.value for offer in may]
    }


def _step(step: Step, run: PlanRun | None) -> dict[str, Any]:
    shown = step.model_dump(mode="json", include=STEP_FIELDS) | {"reason": step.why}
    if run is None:
        return shown
    price = run.filled_avg_price(step.n)
    return shown | {
        "state": _step_state(step, run),
        "stage": step_state(run, step).value,
        "filled_qty": plain(run.filled_qty(step.n)),
        "filled_avg_price": None if price is None else plain(price),
        "protection": protection_of(run, step),
        "orders": [
            order.model_dump(mode="json", include=ORDER_FIELDS) for order in run.orders_of(step.n)
        ],
        "slice": run.slices[step.n].to_json() if step.n in run.slices else None,
    }


def _step_state(step: Step, run: PlanRun) -> str:
    """The state of its latest order; given_up or planned without one."""
    last = run.last_order(step.n)
    if last is not None and last.state.terminal and step.n in run.slices:
        # Between two pieces: neither over nor at the broker.
        return last.state.value if run.step_done(step) else OrderState.PARTIALLY_FILLED.value
    if last is not None:
        return last.state.value
    return "given_up" if step.n in run.given_up else "planned"


def _run(run: PlanRun) -> dict[str, Any]:
    done = sum(1 for step in run.plan.steps if run.step_done(step))
    return {
        **run.model_dump(
            mode="json",
            include={
                "state", "mode", "reason", "paused_from", "approval", "started_at", "ended_at",
                "escalations", "caveats",
            },
        ),
        "given_up": {str(n): why for n, why in sorted(run.given_up.items())},
        "progress": {"done": done, "of": len(run.plan.steps)},
        "offers": [offer.value for offer in offers(run)],
    }  # fmt: skip
