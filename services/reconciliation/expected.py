"""What the journal says we hold: a fold of fills and adoptions."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from db.model.event import Event
from db.model.order import Side

Holdings = Mapping[tuple[str, str], Decimal]
"""(account, symbol) → shares, negative when short. A flat symbol is absent."""


def after(holdings: Holdings, events: Iterable[Event]) -> dict[tuple[str, str], Decimal]:
    """The holdings after `events`."""
    book = dict(holdings)
    for event in events:
        if event.account is None or event.symbol is None:
            continue
        key = (event.account, event.symbol)
        if event.kind == "FillReceived":
            fill = event.payload["fill"]
            qty = Decimal(fill["qty"])
            signed = qty if fill["side"] == Side.BUY else -qty
            book[key] = book.get(key, Decimal(0)) + signed
        elif event.kind == "PositionAdopted":
            book[key] = Decimal(event.payload["qty"])
        if not book.get(key, Decimal(1)):
            del book[key]
    return book
