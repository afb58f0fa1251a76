"""What is left of every bought step: a fold of fills and adoptions. Pure.

Protection belongs to a lot, the shares that one step bought. A sale takes shares that no step bought
first, then the oldest lot's; what a protective order sold is taken from the lot that it protects."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from db.model.event import Event
from db.model.order import Side

ZERO = Decimal(0)

Key = tuple[str, str]
"""(account, symbol)."""
LotKey = tuple[str, int]
"""(plan, step)."""


@dataclass(frozen=True)
class Holding:
    """Shares of one symbol in one account, and which lots of it are still there, oldest first."""

    qty: Decimal = ZERO
    """Signed: negative when short."""
    lots: Mapping[LotKey, Decimal] = field(default_factory=dict)


Holdings = Mapping[Key, Holding]


def after(holdings: Holdings, events: Iterable[Event]) -> dict[Key, Holding]:
    """The holdings after `events`."""
    book = dict(holdings)
    for event in events:
        if event.account is None or event.symbol is None:
            continue
        key = (event.account, event.symbol)
        if event.kind == "FillReceived":
            book[key] = _filled(book.get(key, Holding()), event)
        elif event.kind == "PositionAdopted":
            held = book.get(key, Holding())
            book[key] = _clipped(Decimal(event.payload["qty"]), dict(held.lots))
    return book


def _filled(held: Holding, event: Event) -> Holding:
    fill = event.payload["fill"]
    qty, lots = Decimal(fill["qty"]), dict(held.lots)
    lot = None if event.plan_id is None or event.step is None else (event.plan_id, event.step)
    if fill["side"] == Side.BUY:
        if lot is not None:
            lots[lot] = lots.get(lot, ZERO) + qty
        return _clipped(held.qty + qty, lots)
    if lot in lots:  # sold by what protects it
        lots[lot] -= qty
    return _clipped(held.qty - qty, lots)


def _clipped(qty: Decimal, lots: dict[LotKey, Decimal]) -> Holding:
    """No more in lots than is held: the oldest go first."""
    surplus = sum((left for left in lots.values() if left > 0), ZERO) - max(qty, ZERO)
    kept: dict[LotKey, Decimal] = {}
    for lot, left in lots.items():
        gone = min(max(left, ZERO), max(surplus, ZERO))
        surplus -= gone
        if left - gone > 0:
            kept[lot] = left - gone
    return Holding(qty, kept)
