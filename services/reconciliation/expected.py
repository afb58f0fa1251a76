"""What the journal says we hold: a fold of fills and adoptions."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

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


def from_rows(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Decimal]:
    """The holdings, from the journal's table `positions`."""
    held = {(row["account"], row["symbol"]): Decimal(row["qty"]) for row in rows}
    return {key: qty for key, qty in held.items() if qty}


def history(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """Since when and by what each position of ours is what it is, as a sentence, from the same
    table."""
    return {(row["account"], row["symbol"]): _sentence(row) for row in rows}


def _sentence(row: Mapping[str, Any]) -> str:
    since, changed = (_minute(row[name]) for name in ("since", "changed_at"))
    if not Decimal(row["qty"]):
        return f"Ours was sold out {changed} by {row['changed_by']}."
    fills = f", {row['fills']} fills since" if row["fills"] else ""
    return f"Ours is held since {since}{fills}, last changed {changed} by {row['changed_by']}."


def _minute(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"
