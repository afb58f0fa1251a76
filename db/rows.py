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
SELECT_FILLS = (
    "SELECT seq, plan_id, account, symbol, side, qty, price, at, execution_id FROM fills "
    "ORDER BY rowid"
)
LASTING = """
WITH day AS MATERIALIZED (SELECT at FROM events WHERE kind = 'DayStarted' ORDER BY seq DESC LIMIT 1),
over AS MATERIALIZED (SELECT alert_id FROM alerts, day WHERE cleared_at < day.at)
{} WHERE CASE
    WHEN kind GLOB 'Alert*'
    THEN coalesce(payload ->> '$.alert_id', payload ->> '$.alert.alert_id') NOT IN over
    ELSE kind NOT IN (SELECT value FROM json_each(?))
END ORDER BY seq
"""
SELECT_LASTING = LASTING.format(SELECT_EVENTS)
PLANS_AT_WORK = """
SELECT plan_id FROM plans WHERE state NOT IN (SELECT value FROM json_each(?))
UNION SELECT plan_id FROM orders
    WHERE state NOT IN (SELECT value FROM json_each(?)) AND plan_id IS NOT NULL
"""


FilledRow = tuple[int, str | None, str, str, str, str, str, str, str]
"""What a position and its cash come of: a row of SELECT_FILLS, as it is read (a start reads hundreds of
thousands). Decimals and times are text."""


def event_of(row: tuple[Any, ...]) -> Event:
    """An event from its row, in the order of SELECT_EVENTS. What was checked when it was appended is
    not checked again: a start reads many thousands."""
    seq, at, kind, plan_id, step, client_order_id, account, symbol, payload, prev_hash, own = row
    return Event.model_construct(
        seq=seq, at=datetime.fromisoformat(at), kind=kind, plan_id=plan_id, step=step,
        client_order_id=client_order_id, account=account, symbol=symbol,
        payload=json.loads(payload), prev_hash=prev_hash, hash=own,
    )  # fmt: skip
