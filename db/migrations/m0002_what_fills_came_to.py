"""Version 2: what a start asks is found without reading years: events by kind, and of each fill what its
position and its cash had come to."""

from decimal import Decimal
from heapq import merge
from itertools import groupby

from sqlite_utils import Database

from db.model.base import plain

_INDICES = (
    "events_kind ON events (kind)",
    "fills_plan_id ON fills (plan_id)",
    "fills_position ON fills (account, symbol, seq, held)",
)
_FILLS = (
    "SELECT account, symbol, seq, rowid, side, qty, price FROM fills ORDER BY account, symbol, seq"
)
_ADOPTED = (
    "SELECT account, symbol, seq, 0, 'adopted', payload ->> '$.qty', '' FROM events "
    "WHERE kind = 'PositionAdopted' ORDER BY account, symbol, seq"
)


def apply(db: Database) -> None:
    for column in ("held", "cash"):
        db.table("fills").add_column(column, str)
    told = merge(db.execute(_ADOPTED).fetchall(), db.execute(_FILLS).fetchall())
    for _, rows in groupby(told, key=lambda row: row[:2]):
        held = cash = Decimal(0)
        for _, _, _, rowid, side, qty, price in rows:
            if side == "adopted":
                held = Decimal(qty)
                continue
            change = Decimal(qty) if side == "buy" else -Decimal(qty)
            held, cash = held + change, cash - change * Decimal(price)
            values = (plain(held), plain(cash), rowid)
            db.execute("UPDATE fills SET held = ?, cash = ? WHERE rowid = ?", values)
    for index in _INDICES:
        db.execute(f"CREATE INDEX {index}")
