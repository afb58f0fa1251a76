"""Tax lots of what was bought through us: a first-in-first-out fold of fills. Pure.

Which lot a sale took is the broker's to say, and Alpaca's orders can't name one: FIFO is its default.
What was there before our books, and what an adoption changed, is of no known lot, and older than every
lot bought since."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from db.model.event import Event
from db.model.order import Side
from db.model.portfolio import Position
from db.model.record import TaxLot
from services.risk.facts import NEW_YORK, ZERO, Key


@dataclass(frozen=True)
class Bought:
    """Shares of one symbol in one account, negative when short, and the lots known of them, oldest
    first. What is held beyond the lots came before them."""

    qty: Decimal = ZERO
    lots: tuple[TaxLot, ...] = ()


KINDS = frozenset({"FillReceived", "PositionAdopted"})
"""Events that tell of shares."""
TaxBook = Mapping[Key, Bought]


def after(book: TaxBook, events: Iterable[Event]) -> dict[Key, Bought]:
    """The book after `events`."""
    found = dict(book)
    for event in events:
        if event.kind == "FillReceived":
            fill = event.payload["fill"]
            key = (fill["account"], fill["symbol"])
            found[key] = _filled(found.get(key, Bought()), key, fill)
        elif event.kind == "PositionAdopted" and event.account and event.symbol:
            key, qty = (event.account, event.symbol), Decimal(event.payload["qty"])
            if qty != found.get(key, Bought()).qty:
                # A split, a transfer, another hand: nobody knows what it did to the lots.
                found[key] = Bought(qty)
    return found


def known_lots(book: TaxBook, positions: Iterable[Position]) -> dict[Key, tuple[TaxLot, ...]]:
    """Of the positions whose shares are as many by our book as by the broker's: where the two
    differ, no lot is known."""
    return {
        key: bought.lots
        for held in positions
        if (bought := book.get(key := (held.account, held.symbol))) is not None
        and bought.lots
        and bought.qty == held.qty
    }


def _filled(held: Bought, key: Key, fill: Mapping[str, str]) -> Bought:
    qty = Decimal(fill["qty"])
    if fill["side"] == Side.SELL:
        return _clipped(held.qty - qty, held.lots)
    now = held.qty + qty
    bought = min(qty, now)  # what covers a short is no lot
    if bought <= 0:
        return Bought(now)
    day = datetime.fromisoformat(fill["at"]).astimezone(NEW_YORK).date()
    price, lots = Decimal(fill["price"]), held.lots
    if lots and (lots[-1].acquired, lots[-1].price) == (day, price):
        lots, bought = lots[:-1], lots[-1].qty + bought  # an order filled in parts is one lot
    lot = TaxLot(account=key[0], symbol=key[1], qty=bought, price=price, acquired=day)
    return Bought(now, (*lots, lot))


def _clipped(qty: Decimal, lots: tuple[TaxLot, ...]) -> Bought:
    """No more in lots than is held: the oldest go first."""
    surplus = sum((lot.qty for lot in lots), ZERO) - max(qty, ZERO)
    kept = []
    for lot in lots:
        gone = min(lot.qty, max(surplus, ZERO))
        surplus -= gone
        if left := lot.qty - gone:
            kept.append(lot if not gone else lot.model_copy(update={"qty": left}))
    return Bought(qty, tuple(kept))
