"""Which state may follow which: one table for plans, one for orders (spec 5)."""

from collections.abc import Mapping

from db.model.order import OrderState as O
from db.model.run import PlanState as P

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


def plan_may(current: P, wanted: P) -> bool:
    return wanted in PLAN[current]


def order_may(current: O, wanted: O) -> bool:
    return wanted in ORDER[current]
