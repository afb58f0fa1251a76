"""Which state may follow which: one table for plans, one for steps, one for orders (spec 5)."""

from collections.abc import Mapping

from db.model.order import OrderState as O
from db.model.plan import Step
from db.model.run import PlanRun
from db.model.run import PlanState as P
from db.model.run import StepState as S

_INTERRUPTIONS = frozenset({P.PAUSED, P.HALTED, P.ABORTED})
_ENDS = frozenset({P.DONE, P.DONE_WITH_EXCEPTIONS})

PLAN: Mapping[P, frozenset[P]] = {
    P.DRAFT: frozenset({P.CHECKED, P.ABORTED}),
    P.CHECKED: frozenset({P.CHECKED, P.ESCALATED, P.APPROVED, P.ABORTED}),
    P.ESCALATED: frozenset({P.CHECKED, P.APPROVED, P.ABORTED}),
    P.APPROVED: frozenset({P.CHECKED, P.SELLING, P.ABORTED, P.EXPIRED}),
    P.SELLING: frozenset({P.SETTLING}) | _INTERRUPTIONS,
    P.SETTLING: frozenset({P.BUYING, P.PROTECTING}) | _INTERRUPTIONS,
    P.BUYING: frozenset({P.PROTECTING}) | _INTERRUPTIONS,
    P.PROTECTING: _ENDS | _INTERRUPTIONS,
    P.PAUSED: frozenset({P.SELLING, P.SETTLING, P.BUYING, P.PROTECTING, P.HALTED, P.ABORTED}),
    P.HALTED: frozenset({P.SELLING, P.SETTLING, P.BUYING, P.PROTECTING, P.PAUSED, P.ABORTED}),
    P.DONE: frozenset(),
    P.DONE_WITH_EXCEPTIONS: frozenset(),
    P.ABORTED: frozenset(),
    P.EXPIRED: frozenset(),
}

_LIVE = frozenset(
    {
        O.ACKNOWLEDGED,
        O.PARTIALLY_FILLED,
        O.FILLED,
        O.PENDING_CANCEL,
        O.CANCELED,
        O.REPLACED,
        O.EXPIRED,
        O.DONE_FOR_DAY,
        O.HELD,
        O.SUSPENDED,
        O.REJECTED,
    }
)
"""Whatever a broker may report of an order that it has."""

ORDER: Mapping[O, frozenset[O]] = {
    O.PLANNED: frozenset({O.ARMED, O.INTENT}),
    O.ARMED: frozenset({O.INTENT, O.PLANNED}),
    # From intent to rejected: denied by ourselves, the order never left.
    O.INTENT: _LIVE | {O.SENT, O.UNKNOWN},
    O.SENT: _LIVE | {O.UNKNOWN},
    # From unknown back to intent: the broker has definitely no order under this id.
    O.UNKNOWN: _LIVE | {O.INTENT},
    O.ACKNOWLEDGED: _LIVE - {O.ACKNOWLEDGED},
    O.PARTIALLY_FILLED: _LIVE - {O.ACKNOWLEDGED, O.HELD, O.REJECTED},
    O.PENDING_CANCEL: _LIVE - {O.PENDING_CANCEL},
    O.HELD: _LIVE - {O.HELD},
    O.SUSPENDED: _LIVE - {O.SUSPENDED},
    O.DONE_FOR_DAY: _LIVE - {O.DONE_FOR_DAY, O.REJECTED},
    # A terminal state is left only by a late fill, which is booked, never discarded (invariant 12).
    O.CANCELED: frozenset({O.FILLED, O.CANCELED}),
    O.EXPIRED: frozenset({O.FILLED, O.EXPIRED}),
    O.REPLACED: frozenset({O.FILLED, O.REPLACED}),
    O.REJECTED: frozenset({O.FILLED}),
    O.FILLED: frozenset(),
}

STEP: Mapping[S, frozenset[S]] = {
    S.PLANNED: frozenset({S.WORKING, S.GIVEN_UP}),
    S.WORKING: frozenset({S.UNKNOWN, S.AGAIN, S.FILLED, S.SHORT, S.GIVEN_UP}),
    S.UNKNOWN: frozenset({S.WORKING, S.AGAIN, S.FILLED, S.SHORT, S.GIVEN_UP}),
    S.AGAIN: frozenset({S.WORKING, S.FILLED, S.SHORT, S.GIVEN_UP}),
    # Left only by a late fill of an order that had closed (invariant 12), or by a changed quantity.
    S.SHORT: frozenset({S.FILLED, S.GIVEN_UP, S.AGAIN}),
    S.GIVEN_UP: frozenset({S.FILLED}),
    S.FILLED: frozenset(),
}
"""A step has no state of its own to refuse: this is what `step_state` may be seen to do."""


def step_state(run: PlanRun, step: Step) -> S:
    """Where a step stands, by its orders. The first row that is true."""
    orders = run.orders_of(step.n)
    rows = (
        (S.UNKNOWN, any(order.state is O.UNKNOWN for order in orders)),
        (S.WORKING, any(not order.state.terminal for order in orders)),
        (S.FILLED, run.filled_qty(step.n) >= step.qty),
        (S.GIVEN_UP, step.n in run.given_up),
        (S.PLANNED, not orders),
        (S.SHORT, run.step_done(step)),
    )
    return next((state for state, true in rows if true), S.AGAIN)


def plan_may(current: P, wanted: P) -> bool:
    return wanted in PLAN[current]


def order_may(current: O, wanted: O) -> bool:
    return wanted in ORDER[current]
