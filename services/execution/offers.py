"""What the trader may do about a plan that stands still: one table. Pure."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from db.model.order import OrderState
from db.model.run import ChildOrder, Mode, PlanRun, PlanState
from services.execution.decide import refusal_of


class Offer(StrEnum):
    """Also the name of the command, at the socket and on the command line."""

    WAIT = "continue"
    REPRICE = "reprice"
    RESUBMIT = "resubmit"
    CANCEL_REST = "cancel-rest"
    LOOK_UP = "look-up"
    RESEND = "resend"
    GIVE_UP = "give-up"
    ABORT = "abort"


def open_orders(run: PlanRun) -> tuple[ChildOrder, ...]:
    """At the broker for all that is known, and no cancel asked for."""
    return tuple(
        o
        for o in run.orders
        if o.state.working
        and o.state is not OrderState.UNKNOWN
        and o.order_id is not None
        and o.cancel_requested_at is None
    )


def refused_steps(run: PlanRun) -> tuple[int, ...]:
    """Steps whose refusal the trader has not answered."""
    found = ((step.n, refusal_of(run, step)) for step in run.plan.steps)
    return tuple(n for n, last in found if last is not None and not last.past)


def absent_orders(run: PlanRun) -> tuple[ChildOrder, ...]:
    """Unknown, and the broker has definitely none of them: for the trader to decide on."""
    if run.mode is Mode.AUTO:
        return ()
    return tuple(order for order in run.unknown_orders if order.absent)


def _paused(run: PlanRun) -> bool:
    """Standing still, with an approval that covers going on."""
    approved = run.approval is not None and run.approval.plan_hash == run.plan.hash
    return run.state is PlanState.PAUSED and approved


MAKES_SENSE: Mapping[Offer, Callable[[PlanRun], bool]] = {
    Offer.WAIT: lambda run: _paused(run) and not absent_orders(run),
    Offer.REPRICE: lambda run: (
        _paused(run) and any(o.limit_price is not None for o in open_orders(run))
    ),
    Offer.RESUBMIT: lambda run: _paused(run) and bool(open_orders(run)),
    Offer.CANCEL_REST: lambda run: _paused(run) and bool(open_orders(run) or refused_steps(run)),
    Offer.LOOK_UP: lambda run: bool(run.unknown_orders),
    Offer.RESEND: lambda run: _paused(run) and bool(absent_orders(run)),
    Offer.GIVE_UP: lambda run: _paused(run) and bool(absent_orders(run)),
    Offer.ABORT: lambda run: run.state.working,
}


def offers(run: PlanRun) -> tuple[Offer, ...]:
    """What makes sense now, in the order of the table."""
    return tuple(offer for offer, sensible in MAKES_SENSE.items() if sensible(run))
