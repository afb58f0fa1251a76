"""Somebody replaced our order at the broker: the chain of orders is one leg (invariant 13). Pure.

The leg keeps our client order id; `order_id` is the tail's. Brokers don't say whether a replacement
counts the fills of what it replaced, so that is read from the executions, never guessed."""

from decimal import Decimal

from db.model.base import plain
from db.model.event import EventDraft
from db.model.order import BrokerOrder
from db.model.run import ChildOrder
from services.execution.drafts import of_order


def replaced(order: ChildOrder, report: BrokerOrder) -> EventDraft:
    """The order went on under another id."""
    payload = {"order_id": report.order_id, "replaced_by": report.replaced_by}
    return of_order(order, "OrderReplaced", payload)


def needs_executions(order: ChildOrder, tail: BrokerOrder) -> bool:
    """Whether only the tail's executions tell what its filled quantity counts."""
    return 0 < order.filled_qty <= tail.filled_qty


def followed(order: ChildOrder, tail: BrokerOrder, executed: Decimal) -> EventDraft | None:
    """The tail is found. `executed`: shares of executions under its own id. None: broker's figures
    don't agree with one another yet, so nothing can be told."""
    if not needs_executions(order, tail) or tail.filled_qty == executed:
        before = order.filled_qty
    elif tail.filled_qty == order.filled_qty + executed:
        before = Decimal(0)
    else:
        return None
    qty = before + (tail.qty or Decimal(0))
    if qty > order.qty or qty <= 0:
        why = f"replaced at the broker by one for {plain(qty)}, more than our {plain(order.qty)}"
        return of_order(
            order,
            "TransitionRefused",
            {"why": why, "status": tail.status, "filled_qty": plain(tail.filled_qty)},
        )
    limit = None if tail.limit_price is None else plain(tail.limit_price)
    return of_order(
        order,
        "OrderFollowed",
        {
            "order_id": tail.order_id,
            "client_order_id": tail.client_order_id,
            "chain_filled": plain(before),
            "qty": plain(qty),
            "limit_price": limit,
        },
    )


def as_leg(order: ChildOrder, report: BrokerOrder) -> BrokerOrder | None:
    """A report of the leg's tail in the leg's own terms. None: of an earlier link, whose fills are
    counted, or of a tail that is not followed yet."""
    if not order.chain:
        return report
    if report.order_id != order.order_id or order.chain_filled is None:
        return None
    before = order.chain_filled
    filled = before + report.filled_qty
    average = report.filled_avg_price
    if before and average is not None and report.filled_qty:
        # Whatever was booked before the tail keeps its price: only the difference is new.
        paid = _paid_before(order, before) + report.filled_qty * average
        average = paid / filled
    elif before:
        average = order.filled_avg_price
    changed = {
        "client_order_id": order.client_order_id,
        "filled_qty": filled,
        "filled_avg_price": average,
        "qty": order.qty,
    }
    return report.model_copy(update=changed)


def _paid_before(order: ChildOrder, before: Decimal) -> Decimal:
    return before * (order.chain_avg_price or order.filled_avg_price or Decimal(0))
