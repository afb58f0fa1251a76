"""Positions: ghosts, orphans, quantities, sides, average prices, and executions of nobody's. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from db.model.activity import Activity
from db.model.base import plain
from db.model.order import Fill
from db.model.portfolio import Position
from db.model.reconciliation import Mismatch, MismatchKind
from db.model.run import ChildOrder
from services.reconciliation.expected import ZERO, Books, Held, Key, signed
from services.reconciliation.words import executed, minute, named, of_ours, shares


@dataclass(frozen=True)
class Story:
    """What may explain a difference."""

    history: Mapping[Key, str] = field(default_factory=dict)
    """Since when and by what our position is what it is."""
    activities: Sequence[Activity] = ()
    """Shares that moved without an order."""


def position_mismatches(
    books: Books,
    positions: Iterable[Position],
    orders: Iterable[ChildOrder],
    tolerance: Decimal | None,
    story: Story,
) -> Iterator[Mismatch]:
    """At most one a position. `tolerance`: of the average price, as a fraction; None: not compared."""
    broker = {(held.account, held.symbol): held for held in positions if held.qty}
    outside = _by_key(books.outside.values())
    different = []
    for key in books.held.keys() | broker.keys() | outside.keys():
        ours, theirs = books.held.get(key), broker.get(key)
        kind = _kind(ours, theirs, tolerance)
        if kind is not None or key in outside:
            different.append((key, kind or MismatchKind.GHOST_FILL, ours, theirs))
    working = _working(orders) if different else {}
    for key, kind, ours, theirs in different:
        figures = _figures(kind, ours, theirs, outside.get(key, ()))
        said = _said(kind, key, figures, theirs)
        yield Mismatch(
            kind=kind,
            account=key[0],
            subject=key[1],
            symbol=key[1],
            ours=figures[0],
            broker=figures[1],
            explanation=" ".join([said, *_why(key, outside, working, story)]),
            critical=key in outside,
        )


def _kind(
    ours: Held | None, theirs: Position | None, tolerance: Decimal | None
) -> MismatchKind | None:
    if ours is None:
        return None if theirs is None else MismatchKind.GHOST
    if theirs is None:
        return MismatchKind.ORPHAN
    if ours.qty != theirs.qty:
        return MismatchKind.SIDE if ours.qty * theirs.qty < 0 else MismatchKind.QUANTITY
    if tolerance is None or not ours.average or not theirs.avg_entry_price:
        return None
    drift = abs(theirs.avg_entry_price / ours.average - 1)
    return MismatchKind.AVERAGE_PRICE if drift > tolerance else None


def _figures(
    kind: MismatchKind, ours: Held | None, theirs: Position | None, outside: Sequence[Fill]
) -> tuple[Decimal, Decimal]:
    if kind is MismatchKind.AVERAGE_PRICE and ours is not None and theirs is not None:
        return ours.average or ZERO, theirs.avg_entry_price
    if kind is MismatchKind.GHOST_FILL:
        return ZERO, sum((fill.qty for fill in outside), ZERO)
    return (ours.qty if ours else ZERO), (theirs.qty if theirs else ZERO)


def _said(
    kind: MismatchKind, key: Key, figures: tuple[Decimal, Decimal], theirs: Position | None
) -> str:
    account, symbol = key
    ours, broker = figures
    match kind:
        case MismatchKind.GHOST:
            at = f" at {plain(theirs.avg_entry_price)}" if theirs else ""
            return f"The broker holds {shares(broker, symbol)}{at} in {account}, our journal none."
        case MismatchKind.ORPHAN:
            return f"Our journal holds {shares(ours, symbol)} in {account}, the broker none."
        case MismatchKind.AVERAGE_PRICE:
            return (
                f"The broker's average entry price of {symbol} in {account} is {plain(broker)}, ours "
                f"{ours:.4f}: {broker / ours - 1:+.2%}. Brokers work it out anew at the day's end."
            )
        case MismatchKind.GHOST_FILL:
            return (
                f"The broker executed {shares(broker, symbol)} in {account} for orders that we never "
                "sent; the position agrees all the same."
            )
    difference = f"{plain(abs(broker - ours))} {'more' if broker > ours else 'fewer'}"
    return (
        f"The broker holds {shares(broker, symbol)} in {account}, our journal "
        f"{shares(ours, symbol)}: {difference}."
    )


def _why(
    key: Key,
    outside: Mapping[Key, Sequence[Fill]],
    working: Mapping[Key, Sequence[ChildOrder]],
    story: Story,
) -> Iterator[str]:
    """What could explain it, the surest first."""
    if fills := outside.get(key):
        moved = plain(sum((signed(fill) for fill in fills), ZERO))
        yield f"Executed there and not by us, {moved} in all: {named(map(executed, fills))}."
    moves = [a for a in story.activities if (a.account, a.symbol) == key and a.qty]
    if moves:
        yield f"Moved there without an order: {named(map(_moved, moves))}."
    yield story.history.get(key, "No fill or adoption of ours is on record for it.")
    if orders := working.get(key):
        listed = sorted(orders, key=lambda order: order.client_order_id)
        yield f"Working orders of ours on it: {named(map(of_ours, listed))}."


def _moved(activity: Activity) -> str:
    when = minute(activity.at) if activity.at else activity.date
    return f"{activity.kind} {plain(activity.qty or ZERO)} on {when} {activity.description}".strip()


def _by_key(fills: Iterable[Fill]) -> dict[Key, list[Fill]]:
    found: dict[Key, list[Fill]] = defaultdict(list)
    for fill in sorted(fills, key=lambda fill: (fill.at, fill.execution_id)):
        found[fill.account, fill.symbol].append(fill)
    return dict(found)


def _working(orders: Iterable[ChildOrder]) -> dict[Key, list[ChildOrder]]:
    found: dict[Key, list[ChildOrder]] = defaultdict(list)
    for order in orders:
        if order.state.working:
            found[order.account, order.symbol].append(order)
    return found
