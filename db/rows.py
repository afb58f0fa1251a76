"""Events as rows of the file.

Bare SQL on this path alone: measured, sqlite-utils' insert() makes a synced row 1.2 times and an
unsynced one 2.3 times as dear (benchmarks/journal.py)."""

import json
from typing import Any

from db.model.event import Event

SELECT_EVENTS = (
    "SELECT seq, at, kind, plan_id, step, client_order_id, account, symbol, payload, prev_hash, "
    "hash FROM events"
)
INSERT_EVENT = (
    "INSERT INTO events (seq, at, kind, plan_id, step, client_order_id, account, symbol, payload, "
    "prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def event_of(row: tuple[Any, ...]) -> Event:
    """An event from its row, in the order of SELECT_EVENTS."""
    seq, at, kind, plan_id, step, client_order_id, account, symbol, payload, prev_hash, own = row
    return Event(
        seq=seq, at=at, kind=kind, plan_id=plan_id, step=step, client_order_id=client_order_id,
        account=account, symbol=symbol, payload=json.loads(payload), prev_hash=prev_hash, hash=own,
    )  # fmt: skip
