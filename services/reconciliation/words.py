"""How a comparison speaks of shares, orders and executions."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from db.model.base import plain
from db.model.order import BrokerOrder, Fill
from db.model.run import ChildOrder

MOST_NAMED = 5
"""Fills or orders that one explanation names; all of them are in the journal."""


def shares(qty: Decimal, symbol: str) -> str:
    return f"{plain(abs(qty))} {symbol}{' short' if qty < 0 else ''}"


def minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def dollars(amount: Decimal) -> str:
    return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"


def named(names: Iterable[str]) -> str:
    """The first few, and how many more there are."""
    every = tuple(names)
    more = f" and {len(every) - MOST_NAMED} more" if len(every) > MOST_NAMED else ""
    return ", ".join(every[:MOST_NAMED]) + more


def executed(fill: Fill) -> str:
    order = fill.client_order_id or fill.order_id
    return (
        f"{fill.side.value} {plain(fill.qty)} at {plain(fill.price)} on {minute(fill.at)} "
        f"(order {order})"
    )


def of_ours(order: ChildOrder) -> str:
    return (
        f"{order.client_order_id} ({order.side.value} {plain(order.qty)}, "
        f"{plain(order.filled_qty)} filled, {order.state.value})"
    )


def of_theirs(order: BrokerOrder) -> str:
    side = order.side.value if order.side else "unknown side"
    size = plain(order.qty) if order.qty is not None else "an unstated quantity"
    since = f", open since {minute(order.submitted_at)}" if order.submitted_at else ""
    return f"{order.client_order_id} ({side} {size} {order.symbol}{since})"
