"""Events as rows of the file.

Bare SQL on this path alone: measured, sqlite-utils' insert() makes a synced row 1.2 times and an
unsynced one 2.3 times as dear (benchmarks/journal.py)."""

import json
from datetime import datetime
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
_LASTING = """
WITH RECURSIVE
kinds (kind) AS (
    SELECT min(kind) FROM events
    UNION ALL
    SELECT (SELECT min(kind) FROM events WHERE kind > kinds.kind) FROM kinds WHERE kind IS NOT NULL
),
day AS MATERIALIZED (SELECT at FROM events WHERE kind = 'DayStarted' ORDER BY seq DESC LIMIT 1),
standing AS (
    SELECT alert_id FROM alerts
    WHERE cleared_at IS NULL OR cleared_at >= coalesce((SELECT at FROM day), '')
)
{events} WHERE kind IN (
    SELECT kind FROM kinds
    WHERE kind NOT GLOB 'Alert*' AND kind NOT IN (SELECT value FROM json_each(?))
)
UNION ALL
{events} WHERE kind GLOB 'Alert*'
    AND coalesce(payload ->> '$.alert_id', payload ->> '$.alert.alert_id') IN standing
ORDER BY seq
"""
SELECT_LASTING = _LASTING.format(events=SELECT_EVENTS)
"""By the index of kinds, from which those there are come one by one: it does not read the file."""
PLANS_AT_WORK = """
SELECT plan_id FROM plans WHERE state NOT IN (SELECT value FROM json_each(?))
UNION SELECT plan_id FROM orders
    WHERE state NOT IN (SELECT value FROM json_each(?)) AND plan_id IS NOT NULL
"""


def event_of(row: tuple[Any, ...]) -> Event:
    """An event from its row, in the order of SELECT_EVENTS. What was checked when it was appended is
    not checked again: a start reads many thousands."""
    seq, at, kind, plan_id, step, client_order_id, account, symbol, payload, prev_hash, own = row
    return Event.model_construct(
        seq=seq, at=datetime.fromisoformat(at), kind=kind, plan_id=plan_id, step=step,
        client_order_id=client_order_id, account=account, symbol=symbol,
        payload=json.loads(payload), prev_hash=prev_hash, hash=own,
    )  # fmt: skip
