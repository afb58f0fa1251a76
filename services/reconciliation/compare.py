"""Ours against the broker's: every difference, each with what explains it (spec 6).

Pure: the same two sides always give the same answer. A difference seen once may be a fill on its
way to us; `confirmed` keeps what two looks agree on."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from db.model.base import plain
from db.model.event import EventDraft
from db.model.order import BrokerOrder, OrderState
from db.model.portfolio import Position
from db.model.reconciliation import Mismatch, MismatchKind, Reconciliation
from db.model.run import ChildOrder
from services.reconciliation.expected import Holdings

Key = tuple[str, str]
"""(account, symbol)."""

LISTED = frozenset(
    {
        OrderState.ACKNOWLEDGED,
        OrderState.PARTIALLY_FILLED,
        OrderState.PENDING_CANCEL,
        OrderState.HELD,
    }
)
"""States in which the broker must list an order as open. Intended, sent and unknown orders are
resolved by their own look-up."""


def compare(
    expected: Holdings,
    positions: Iterable[Position],
    orders: Iterable[ChildOrder],
    open_orders: Iterable[BrokerOrder],
    at: datetime,
    *,
    history: Mapping[Key, str] | None = None,
    ignored: Collection[str] = (),
) -> Reconciliation:
    """All mismatches between the journal (`expected` shares, our `orders`) and the broker
    (`positions`, `open_orders`), in a fixed order. `history` says of a position since when and by
    what it is; `ignored` are keys that the trader left alone."""
    ours, theirs = tuple(orders), tuple(open_orders)
    found = (
        *_position_mismatches(expected, tuple(positions), ours, history or {}),
        *_order_mismatches(ours, theirs),
    )
    kept = (mismatch for mismatch in found if mismatch.key not in ignored)
    return Reconciliation(at=at, mismatches=tuple(sorted(kept, key=lambda one: one.key)))


def confirmed(before: Reconciliation, now: Reconciliation) -> Reconciliation:
    """What both looks found with the same figures: not a fill or cancel that was on its way."""
    seen = {(one.key, one.ours, one.broker) for one in before.mismatches}
    lasting = tuple(one for one in now.mismatches if (one.key, one.ours, one.broker) in seen)
    return now.model_copy(update={"mismatches": lasting})


def adoptions(expected: Holdings, positions: Iterable[Position]) -> tuple[EventDraft, ...]:
    """What makes the broker's positions ours, where they differ: the broker wins."""
    broker = {(held.account, held.symbol): held for held in positions if held.qty}
    drafts = []
    for account, symbol in sorted(set(expected) | set(broker)):
        held = broker.get((account, symbol))
        qty = held.qty if held else Decimal(0)
        if qty == expected.get((account, symbol), Decimal(0)):
            continue
        price = plain(held.avg_entry_price) if held else None
        payload = {"qty": plain(qty), "avg_entry_price": price}
        drafts.append(
            EventDraft(kind="PositionAdopted", account=account, symbol=symbol, payload=payload)
        )
    return tuple(drafts)


def _position_mismatches(
    expected: Holdings,
    positions: tuple[Position, ...],
    orders: tuple[ChildOrder, ...],
    history: Mapping[Key, str],
) -> Iterator[Mismatch]:
    broker = {(held.account, held.symbol): held for held in positions if held.qty}
    for key in expected.keys() | broker.keys():
        ours = expected.get(key, Decimal(0))
        held = broker.get(key)
        theirs = held.qty if held else Decimal(0)
        if ours == theirs:
            continue
        account, symbol = key
        if not ours:
            kind, said = MismatchKind.GHOST, _ghost(key, theirs, held)
        elif not theirs:
            kind, said = MismatchKind.ORPHAN, _orphan(key, ours)
        else:
            kind, said = MismatchKind.QUANTITY, _quantity(key, ours, theirs)
        yield Mismatch(
            kind=kind,
            account=account,
            subject=symbol,
            symbol=symbol,
            ours=ours,
            broker=theirs,
            explanation=" ".join([said, *_why(key, orders, history)]),
        )


def _shares(qty: Decimal, symbol: str) -> str:
    return f"{plain(abs(qty))} {symbol}{' short' if qty < 0 else ''}"


def _ghost(key: Key, theirs: Decimal, held: Position | None) -> str:
    at = f" at {plain(held.avg_entry_price)}" if held else ""
    return f"The broker holds {_shares(theirs, key[1])}{at} in {key[0]}, our journal none."


def _orphan(key: Key, ours: Decimal) -> str:
    return f"Our journal holds {_shares(ours, key[1])} in {key[0]}, the broker none."


def _quantity(key: Key, ours: Decimal, theirs: Decimal) -> str:
    difference = f"{plain(abs(theirs - ours))} {'more' if theirs > ours else 'fewer'}"
    return (
        f"The broker holds {_shares(theirs, key[1])} in {key[0]}, our journal "
        f"{_shares(ours, key[1])}: {difference}."
    )


def _why(key: Key, orders: tuple[ChildOrder, ...], history: Mapping[Key, str]) -> Iterator[str]:
    """What could explain it: since when ours stands, and our orders that may be filling."""
    yield history.get(key, "No fill or adoption of ours is on record for it.")
    working = [one for one in orders if (one.account, one.symbol) == key and one.state.working]
    if working:
        listed = ", ".join(
            f"{one.client_order_id} ({one.side.value} {plain(one.qty)}, "
            f"{plain(one.filled_qty)} filled, {one.state.value})"
            for one in sorted(working, key=lambda one: one.client_order_id)
        )
        yield f"Working orders of ours on it: {listed}."


def _order_mismatches(
    ours: tuple[ChildOrder, ...], theirs: tuple[BrokerOrder, ...]
) -> Iterator[Mismatch]:
    known = {order.client_order_id: order for order in ours}
    tails = {order.order_id: order for order in ours if order.chain}
    listed = {order.client_order_id for order in theirs} | {order.order_id for order in theirs}
    for order in theirs:
        mine = known.get(order.client_order_id) or tails.get(order.order_id)
        if mine is None or mine.state.terminal:
            yield _external(order, mine)
    for mine in ours:
        name = mine.order_id if mine.chain else mine.client_order_id
        if mine.state in LISTED and name not in listed:
            yield _lost(mine)


def _external(order: BrokerOrder, mine: ChildOrder | None) -> Mismatch:
    side = order.side.value if order.side else "unknown side"
    size = plain(order.qty) if order.qty is not None else "an unstated quantity"
    since = f", open since {order.submitted_at:%Y-%m-%d %H:%M} UTC" if order.submitted_at else ""
    said = f"The broker lists order {order.client_order_id} ({side} {size} {order.symbol}{since}) as open"
    if mine is None:
        why = "; we never sent it."
    else:
        closed = f" since {mine.closed_at:%Y-%m-%d %H:%M} UTC" if mine.closed_at else ""
        why = f"; ours says {mine.state.value}{closed}."
    return Mismatch(
        kind=MismatchKind.EXTERNAL_ORDER,
        account=order.account,
        subject=order.client_order_id or order.order_id,
        symbol=order.symbol,
        ours=None if mine is None else mine.remaining_qty,
        broker=None if order.qty is None else order.qty - order.filled_qty,
        explanation=said + why,
    )


def _lost(order: ChildOrder) -> Mismatch:
    sent = f" sent {order.sent_at:%Y-%m-%d %H:%M} UTC," if order.sent_at else ""
    return Mismatch(
        kind=MismatchKind.LOST_ORDER,
        account=order.account,
        subject=order.client_order_id,
        symbol=order.symbol,
        ours=order.remaining_qty,
        broker=None,
        explanation=(
            f"Our order {order.client_order_id} ({order.side.value} {plain(order.qty)} "
            f"{order.symbol},{sent} {plain(order.filled_qty)} filled) is {order.state.value} by our "
            "journal, but the broker does not list it as open: it must be looked up."
        ),
    )
