"""Executions that happened while nobody listened, as reports in the order they came. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from db.model.order import BrokerOrder, Fill, OrderState
from db.model.run import ChildOrder

NEW_YORK = ZoneInfo("America/New_York")


def missed(
    order: ChildOrder, report: BrokerOrder, fills: Iterable[Fill]
) -> tuple[tuple[BrokerOrder, Fill], ...]:
    """The order after each execution that we have not booked, so that each is booked at its own
    price and time. Empty when our bookings and these don't come to the broker's figure: then its
    cumulative figure counts alone."""
    if order.chain or order.parent is not None:
        return ()
    news = sorted(
        (fill for fill in fills if fill.execution_id not in order.executions),
        key=lambda fill: (fill.at, fill.execution_id),
    )
    total = order.filled_qty
    paid = total * (order.filled_avg_price or Decimal(0))
    steps = []
    for fill in news:
        total += fill.qty
        paid += fill.qty * fill.price
        changed = {
            "filled_qty": total,
            "filled_avg_price": paid / total,
            "state": OrderState.PARTIALLY_FILLED,
            "status": "partially_filled",
            "updated_at": fill.at,
        }
        steps.append((report.model_copy(update=changed), fill))
    return tuple(steps) if total == report.filled_qty else ()


def day_start(*moments: datetime | None) -> datetime:
    """Midnight in New York of the earliest of the moments that are known."""
    earliest = min(moment for moment in moments if moment is not None)
    day = earliest.astimezone(NEW_YORK).date()
    return datetime.combine(day, time(), NEW_YORK).astimezone(UTC)
