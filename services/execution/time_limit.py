"""What becomes of orders that work for too long: the table of spec 5, Partial fills. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from db.model.base import Environment, plain
from db.model.order import OrderType
from db.model.policy import Policy
from db.model.run import CancelReason, ChildOrder, Mode, PlanRun
from services.execution.slicing import works_until


@dataclass(frozen=True)
class Limits:
    """Waits and thresholds of the policy (spec 5, Submitting, Phases, Partial fills)."""

    phase_wait: timedelta = timedelta(seconds=60)
    order_time_limit: timedelta = timedelta(seconds=300)
    accept: Decimal = Decimal("0.80")
    resubmit: Decimal = Decimal("0.50")
    attempts: int = 3
    first_retry: timedelta = timedelta(seconds=1)
    hurry: timedelta = timedelta(seconds=10)

    @property
    def patience(self) -> timedelta:
        """How long an order may work before something is done about it."""
        return min(self.phase_wait, self.order_time_limit)


def limits_of(policy: Policy) -> Limits:
    return Limits(
        phase_wait=timedelta(seconds=policy.phase_wait_seconds),
        order_time_limit=timedelta(seconds=policy.order_time_limit_seconds),
        accept=policy.partial_accept,
        resubmit=policy.partial_resubmit,
        attempts=policy.retry_attempts,
        first_retry=timedelta(seconds=float(policy.retry_first_seconds)),
        hurry=timedelta(seconds=policy.urgent_limit_seconds),
    )


class Remedy(StrEnum):
    ACCEPT = "accept"
    RESUBMIT = "resubmit"
    ESCALATE = "escalate"


WORDS: Mapping[CancelReason, str] = {
    CancelReason.ACCEPT: "filled for the most part: the rest is given up",
    CancelReason.RESUBMIT: "the rest is sent once more",
    CancelReason.TIME_LIMIT: "over its time limit: the rest is given up",
    CancelReason.HURRY: "to be out in a hurry: the rest goes at the market",
    CancelReason.SLICE: "its time is over: the next piece takes its rest along",
    CancelReason.PAUSE: "the plan is paused, and a sliced step rests with it",
    CancelReason.EXCESS: "more would fill than the step is for",
}


def deadline(run: PlanRun, order: ChildOrder, limits: Limits) -> datetime | None:
    """When the order has worked for too long. Going on with a paused plan grants a new wait."""
    if (until := works_until(run, order)) is not None:
        return until
    since = order.sent_at or order.intended_at
    if since is None:
        return None
    patience = limits.patience
    if in_a_hurry(run, order):
        patience = min(patience, limits.hurry)
    return max(since, run.phase_opened_at or since) + patience


def in_a_hurry(run: PlanRun, order: ChildOrder) -> bool:
    """The marketable limit of a step that is to be out: the market is next (spec 4, Order guidance)."""
    urgent = run.plan.step(order.step).urgency == "high" and order.step not in run.slices
    return urgent and order.type is OrderType.LIMIT


def by_hand(run: PlanRun) -> bool:
    """Its orders are copied by the trader, who says what becomes of them (spec 5, Manual
    environment): his word is waited for, however long."""
    return run.plan.environment == Environment.MANUAL


def remedy(run: PlanRun, order: ChildOrder, limits: Limits) -> Remedy:
    """For an order past its deadline, by how much of its step has filled."""
    filled = run.filled_qty(order.step)
    # A buy that was cut to the cash is measured by what it was sent for.
    part = filled / (filled - order.filled_qty + order.qty)
    again = any(o.cancel_reason == CancelReason.RESUBMIT for o in run.orders_of(order.step))
    if part > limits.accept or (again and part >= limits.resubmit):
        return Remedy.ACCEPT
    return Remedy.RESUBMIT if part >= limits.resubmit else Remedy.ESCALATE


def cancel_for(run: PlanRun, order: ChildOrder, limits: Limits) -> CancelReason | None:
    """Why the order is cancelled at its deadline; None: the trader is asked first."""
    if order.step in run.slices:
        return CancelReason.SLICE
    if in_a_hurry(run, order):
        return CancelReason.HURRY
    chosen = remedy(run, order, limits)
    if chosen is Remedy.ESCALATE:
        return CancelReason.TIME_LIMIT if run.mode is Mode.AUTO else None
    return CancelReason(chosen.value)


def still_open(run: PlanRun, orders: Iterable[ChildOrder]) -> str:
    """`sell AA (25 of 125 filled), buy LLY`: what is open, of a step as a whole."""
    words = []
    for order in orders:
        filled, qty = run.filled_qty(order.step), run.plan.step(order.step).qty
        part = f" ({plain(filled)} of {plain(qty)} filled)" if filled else ""
        words.append(f"{order.side.value} {order.symbol}{part}")
    return ", ".join(words)
