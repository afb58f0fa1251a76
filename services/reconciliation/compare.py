"""Compares what the journal expects with what the broker shows (spec 6). Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from db.model.base import plain
from db.model.order import BrokerOrder
from db.model.portfolio import Position
from db.model.reconciliation import Mismatch, MismatchKind, Reconciliation
from db.model.run import ChildOrder

Key = tuple[str, str]


def compare(
    expected: Mapping[Key, Decimal],
    positions: Iterable[Position],
    our_orders: Iterable[ChildOrder],
    broker_orders: Iterable[BrokerOrder],
    at: datetime,
) -> Reconciliation:
    """`expected` is (account, symbol) → shares by the journal; `our_orders` those that we take for
    working, `broker_orders` all that the broker lists as open."""
    held = {(p.account, p.symbol): p.qty for p in positions if p.qty}
    ours = {order.client_order_id: order for order in our_orders}
    theirs = {order.client_order_id: order for order in broker_orders}
    return Reconciliation(
        at=at,
        mismatches=(
            *_positions(expected, held),
            *(_external(order) for name, order in sorted(theirs.items()) if name not in ours),
            *(_lost(order) for name, order in sorted(ours.items()) if name not in theirs),
        ),
    )


def _positions(expected: Mapping[Key, Decimal], held: Mapping[Key, Decimal]) -> list[Mismatch]:
    return [
        _position(key, expected.get(key), held.get(key))
        for key in sorted(expected.keys() | held.keys())
        if expected.get(key, Decimal(0)) != held.get(key, Decimal(0))
    ]


def _position(key: Key, ours: Decimal | None, broker: Decimal | None) -> Mismatch:
    account, symbol = key
    if not ours:
        kind = MismatchKind.GHOST
        words = (
            f"the broker holds {plain(broker or Decimal(0))} {symbol} that no fill of ours explains"
        )
    elif not broker:
        kind = MismatchKind.ORPHAN
        words = f"by our fills {plain(ours)} {symbol} are held, the broker has none"
    else:
        kind = MismatchKind.QUANTITY
        words = (
            f"by our fills {plain(ours)} {symbol} are held, the broker has {plain(broker)} "
            f"({plain(broker - ours)} more)"
        )
    return Mismatch(
        kind=kind,
        account=account,
        subject=symbol,
        symbol=symbol,
        ours=ours,
        broker=broker,
        explanation=words,
    )


def _external(order: BrokerOrder) -> Mismatch:
    side = order.side.value if order.side else "?"
    qty = plain(order.qty) if order.qty is not None else "?"
    return Mismatch(
        kind=MismatchKind.EXTERNAL_ORDER,
        account=order.account,
        subject=order.client_order_id,
        symbol=order.symbol,
        ours=None,
        broker=order.qty,
        explanation=f"an order to {side} {qty} {order.symbol} is open that this desk never sent",
    )


def _lost(order: ChildOrder) -> Mismatch:
    return Mismatch(
        kind=MismatchKind.LOST_ORDER,
        account=order.account,
        subject=order.client_order_id,
        symbol=order.symbol,
        ours=order.remaining_qty,
        broker=None,
        explanation=(
            f"our order to {order.side.value} {plain(order.qty)} {order.symbol} works by our book, "
            "the broker does not list it as open"
        ),
    )
