"""Tables folded from the events, in the same transaction, and rebuildable from them at any time.

`_STATEMENTS` is the one table of what each kind of event changes; only what needs exact decimal
arithmetic (fills, positions) is Python. Payloads are read leniently: an old event must fold for
ever. The folds are those of the execution engine."""

import hashlib
import sqlite3
from decimal import Decimal, InvalidOperation
from typing import Any

from db.chain import moment
from db.model.base import canonical_json, plain
from db.model.event import Event
from db.model.order import TERMINAL, OrderState

TABLES = (
    "plans",
    "orders",
    "fills",
    "positions",
    "protections",
    "alerts",
    "halts",
    "trading_state",
    "days",
    "ignored_mismatches",
)

_TERMINAL = canonical_json(sorted(TERMINAL))

_PLAN = """
INSERT INTO plans (plan_id, revision, state, verdict, source, mode, reason, created_at, hash, body)
SELECT :plan_id, json_extract(p, '$.revision'), 'checked', json_extract(p, '$.verdict'), json_extract(p, '$.source'), NULL,
    coalesce(json_extract(:payload, '$.reason'), ''), json_extract(p, '$.created_at'), :plan_hash, p
FROM (SELECT json_extract(:payload, '$.plan') AS p) WHERE true
ON CONFLICT (plan_id) DO UPDATE SET revision = excluded.revision, verdict = excluded.verdict,
    source = excluded.source, hash = excluded.hash, body = excluded.body,
    state = CASE plans.state WHEN 'escalated' THEN 'checked' ELSE plans.state END
"""
_PLAN_ANSWERED = """
UPDATE plans SET state = 'checked' WHERE plan_id = :plan_id AND state = 'escalated'
"""
_PLAN_ENDS = """
UPDATE plans SET state = coalesce(json_extract(:payload, '$.state'), 'aborted'), ended_at = :at,
    reason = coalesce(json_extract(:payload, '$.reason'), '') WHERE plan_id = :plan_id
"""
_PLAN_INTERRUPTED = """
UPDATE plans SET state = CASE :kind WHEN 'PlanPaused' THEN 'paused' ELSE 'halted' END,
    reason = coalesce(json_extract(:payload, '$.reason'), '') WHERE plan_id = :plan_id
"""
_PLAN_MOVES = """
UPDATE plans SET state = json_extract(:payload, '$.to'), reason = '' WHERE plan_id = :plan_id
"""
_ORDER_REPORTED = """
UPDATE orders SET state = json_extract(:payload, '$.state'),
    order_id = coalesce(nullif(json_extract(:payload, '$.order_id'), ''), order_id),
    acknowledged_at = coalesce(acknowledged_at, :at),
    closed_at = CASE
        WHEN json_extract(:payload, '$.state') IN (SELECT value FROM json_each(:terminal))
            AND state NOT IN (SELECT value FROM json_each(:terminal)) THEN :at
        ELSE closed_at END
WHERE client_order_id = :client_order_id
"""
_TRADING_STATE = """
INSERT INTO trading_state (id, state, since, reason)
VALUES (1, CASE :kind WHEN 'Halted' THEN 'HALTED' ELSE 'ACTIVE' END, :at,
    coalesce(json_extract(:payload, '$.reason'), ''))
ON CONFLICT (id) DO UPDATE SET state = excluded.state, since = excluded.since,
    reason = excluded.reason
"""

_STATEMENTS: dict[str, tuple[str, ...]] = {
    "PlanCreated": (_PLAN,),
    "PlanEdited": (_PLAN,),
    "EscalationRequested": (
        "UPDATE plans SET state = 'escalated' WHERE plan_id = :plan_id AND state = 'checked' "
        "AND hash = json_extract(:payload, '$.escalation.plan_hash')",
    ),
    "EscalationResolved": (_PLAN_ANSWERED,),
    "EscalationExpired": (_PLAN_ANSWERED,),
    "PlanApproved": (
        "UPDATE plans SET state = CASE state WHEN 'checked' THEN 'approved' ELSE state END, "
        "mode = json_extract(:payload, '$.approval.mode'), reason = '' WHERE plan_id = :plan_id",
    ),
    "ApprovalVoided": (
        "UPDATE plans SET state = CASE state WHEN 'approved' THEN 'checked' ELSE state END, "
        "reason = coalesce(json_extract(:payload, '$.reason'), '') WHERE plan_id = :plan_id",
    ),
    "PlanStarted": (
        "UPDATE plans SET state = 'selling', mode = json_extract(:payload, '$.mode'), started_at = :at, "
        "reason = '' WHERE plan_id = :plan_id",
    ),
    "PlanAdvanced": (_PLAN_MOVES,),
    "PlanContinued": (_PLAN_MOVES,),
    "PlanPaused": (_PLAN_INTERRUPTED,),
    "PlanHalted": (_PLAN_INTERRUPTED,),
    "PlanAborted": (_PLAN_ENDS,),
    "PlanRejected": (_PLAN_ENDS,),
    "PlanEnded": (_PLAN_ENDS,),
    "OrderIntended": (
        "INSERT OR REPLACE INTO orders (client_order_id, plan_id, step, account, symbol, side, "
        "qty, type, limit_price, state, filled_qty, reason, intended_at) "
        "VALUES (:client_order_id, :plan_id, :step, json_extract(:payload, '$.order.account'), "
        "json_extract(:payload, '$.order.symbol'), json_extract(:payload, '$.order.side'), "
        "json_extract(:payload, '$.order.qty'), json_extract(:payload, '$.order.type'), "
        "json_extract(:payload, '$.order.limit_price'), 'intent', "
        "coalesce(json_extract(:payload, '$.order.filled_qty'), '0'), '', :at)",
    ),
    "LegAcknowledged": (
        "INSERT OR REPLACE INTO orders (client_order_id, plan_id, step, account, symbol, side, "
        "qty, type, limit_price, state, filled_qty, reason, intended_at, acknowledged_at, order_id) "
        "VALUES (:client_order_id, :plan_id, :step, json_extract(:payload, '$.order.account'), "
        "json_extract(:payload, '$.order.symbol'), json_extract(:payload, '$.order.side'), "
        "json_extract(:payload, '$.order.qty'), json_extract(:payload, '$.order.type'), NULL, "
        "json_extract(:payload, '$.order.state'), '0', '', :at, :at, "
        "json_extract(:payload, '$.order.order_id'))",
    ),
    "LegResized": (
        "UPDATE orders SET qty = json_extract(:payload, '$.qty') "
        "WHERE client_order_id = :client_order_id",
    ),
    "OrderSent": (
        # The stream may have been faster than our own note.
        "UPDATE orders SET state = CASE state WHEN 'intent' THEN 'sent' ELSE state END, "
        "sent_at = :at WHERE client_order_id = :client_order_id",
    ),
    "OrderAcknowledged": (_ORDER_REPORTED,),
    "OrderUpdated": (_ORDER_REPORTED,),
    "OrderRejected": (
        "UPDATE orders SET state = 'rejected', closed_at = :at, "
        "reason = coalesce(json_extract(:payload, '$.message'), '') WHERE client_order_id = :client_order_id",
    ),
    "OrderDenied": (
        "UPDATE orders SET state = 'rejected', closed_at = :at, "
        "reason = coalesce(json_extract(:payload, '$.reason'), '') WHERE client_order_id = :client_order_id",
    ),
    "OrderUnknown": (
        "UPDATE orders SET state = 'unknown', reason = coalesce(json_extract(:payload, '$.reason'), '') "
        "WHERE client_order_id = :client_order_id",
    ),
    "OrderNotFound": (
        "UPDATE orders SET state = 'intent', reason = 'the broker has no order under this id' "
        "WHERE client_order_id = :client_order_id",
    ),
    "CancelRequested": (
        "UPDATE orders SET reason = coalesce(json_extract(:payload, '$.words'), '') "
        "WHERE client_order_id = :client_order_id",
    ),
    "OrderReplaced": (
        "UPDATE orders SET order_id = json_extract(:payload, '$.replaced_by') "
        "WHERE client_order_id = :client_order_id",
    ),
    "OrderFollowed": (
        "UPDATE orders SET qty = json_extract(:payload, '$.qty'), "
        "limit_price = json_extract(:payload, '$.limit_price') "
        "WHERE client_order_id = :client_order_id",
    ),
    "ProtectionSet": (
        "INSERT OR REPLACE INTO protections (account, symbol, stop_price, target_price, qty, at) "
        "VALUES (:account, :symbol, json_extract(:payload, '$.stop_price'), json_extract(:payload, '$.target_price'), "
        "json_extract(:payload, '$.qty'), :at)",
    ),
    "AlertRaised": (
        "INSERT OR REPLACE INTO alerts (alert_id, condition, subject, severity, raised_at, "
        "sentence, body) VALUES (json_extract(:payload, '$.alert.alert_id'), "
        "json_extract(:payload, '$.alert.condition'), json_extract(:payload, '$.alert.subject'), "
        "json_extract(:payload, '$.alert.severity'), json_extract(:payload, '$.alert.raised_at'), "
        "json_extract(:payload, '$.alert.sentence'), json_extract(:payload, '$.alert'))",
    ),
    "AlertAcknowledged": (
        "UPDATE alerts SET acknowledged_at = coalesce(acknowledged_at, :at) "
        "WHERE alert_id = json_extract(:payload, '$.alert_id')",
    ),
    "AlertCleared": (
        "UPDATE alerts SET cleared_at = coalesce(cleared_at, :at) "
        "WHERE alert_id = json_extract(:payload, '$.alert_id')",
    ),
    "Halted": (
        "INSERT INTO halts (seq, at, halted_by, reason) "
        "VALUES (:seq, :at, json_extract(:payload, '$.by'), json_extract(:payload, '$.reason'))",
        _TRADING_STATE,
    ),
    "HaltCompleted": (
        "UPDATE halts SET completed_at = :at, report = json_extract(:payload, '$.report') "
        "WHERE seq = (SELECT max(seq) FROM halts)",
    ),
    "TradingResumed": (
        "UPDATE halts SET resumed_at = :at, resume_reason = json_extract(:payload, '$.reason') "
        "WHERE resumed_at IS NULL",
        _TRADING_STATE,
    ),
    "DayStarted": (
        "INSERT INTO days (date, equity, at) "
        "VALUES (json_extract(:payload, '$.date'), json_extract(:payload, '$.equity'), :at) "
        "ON CONFLICT (date) DO NOTHING",  # the first look of a day is the day's start
    ),
    "MismatchIgnored": (
        "INSERT OR REPLACE INTO ignored_mismatches (key, reason, at) "
        "VALUES (json_extract(:payload, '$.key'), coalesce(json_extract(:payload, '$.reason'), ''), :at)",
    ),
}


def project(db: sqlite3.Connection, event: Event, payload: str) -> None:
    """Fold one event into the tables; `payload` is its payload's text. Raises ValueError when the
    payload lacks what its kind needs."""
    try:
        if statements := _STATEMENTS.get(event.kind):
            values = _values(event, payload)
            for statement in statements:
                db.execute(statement, values)
        elif event.kind == "FillReceived":
            _fill(db, event)
        elif event.kind == "PositionAdopted":
            _adopt(db, event)
    except (KeyError, TypeError, InvalidOperation, sqlite3.IntegrityError) as error:
        raise ValueError(
            f"A {event.kind} event's payload can't be folded ({error}): {payload[:200]}"
        ) from error


def _values(event: Event, payload: str) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": moment(event.at),
        "kind": event.kind,
        "plan_id": event.plan_id,
        "step": event.step,
        "client_order_id": event.client_order_id,
        "account": event.account,
        "symbol": event.symbol,
        "payload": payload,
        "terminal": _TERMINAL,
        "plan_hash": _plan_hash(event.payload["plan"]) if "plan" in event.payload else None,
    }


def _plan_hash(plan: dict[str, Any]) -> str:
    """`Plan.hash`, of a plan as it was stored, whatever has been added to the noun since."""
    shown = {name: plan[name] for name in ("plan_id", "steps", "findings", "policy_hash")}
    return hashlib.sha256(canonical_json(shown).encode()).hexdigest()


def _fill(db: sqlite3.Connection, event: Event) -> None:
    """Book an execution: once per id, however often it is reported (invariant 10)."""
    fill = event.payload["fill"]
    account, symbol, side = fill["account"], fill["symbol"], fill["side"]
    order = event.client_order_id or fill.get("client_order_id") or ""
    at, qty, price = moment(event.at), Decimal(fill["qty"]), Decimal(fill["price"])
    held, average, since, fills = _position(db, account, symbol)
    change = qty if side == "buy" else -qty
    now = held + change
    cash = _cash(db, account, symbol) - change * price
    booked = db.execute(
        "INSERT INTO fills (execution_id, client_order_id, order_id, plan_id, step, account, "
        "symbol, side, qty, price, at, seq, held, cash) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (execution_id) DO NOTHING",
        (fill["execution_id"], order, fill["order_id"], event.plan_id, event.step, account, symbol,
         side, fill["qty"], fill["price"], fill["at"], event.seq, plain(now), plain(cash)),
    )  # fmt: skip
    if booked.rowcount == 0:
        return
    _fill_order(db, order, fill["order_id"], qty, price, at)
    if not held:
        average = price
    elif held * change > 0:  # added to: unknown stays unknown
        average = None if average is None else (abs(held) * average + qty * price) / abs(now)
    elif held * now < 0:  # through zero: what is left was opened by this fill
        average, since = price, None
    elif not now:
        average = None
    by = f"fill {fill['execution_id']} of order {order or fill['order_id']}"
    _set_position(db, account, symbol, now, average, since or at, at, by, fills + 1)


def _fill_order(
    db: sqlite3.Connection, order: str, order_id: str, qty: Decimal, price: Decimal, at: str
) -> None:
    row = db.execute(
        "SELECT qty, filled_qty, filled_avg_price, state, closed_at FROM orders "
        "WHERE client_order_id = ?",
        (order,),
    ).fetchone()
    if row is None:
        return
    before, state, closed_at = Decimal(row[1]), OrderState(row[3]), row[4]
    total = before + qty
    average = (before * Decimal(row[2] or 0) + qty * price) / total
    if total >= Decimal(row[0]):
        state, closed_at = OrderState.FILLED, closed_at or at
    elif not state.terminal and state is not OrderState.PENDING_CANCEL:
        state = OrderState.PARTIALLY_FILLED
    db.execute(
        "UPDATE orders SET state = ?, filled_qty = ?, filled_avg_price = ?, "
        "order_id = coalesce(order_id, ?), acknowledged_at = coalesce(acknowledged_at, ?), "
        "closed_at = ? WHERE client_order_id = ?",
        (state.value, plain(total), plain(average), order_id, at, closed_at, order),
    )


def _adopt(db: sqlite3.Connection, event: Event) -> None:
    """The broker's figure becomes ours."""
    if event.account is None or event.symbol is None:
        raise KeyError("account and symbol")
    qty = Decimal(event.payload["qty"])
    price = event.payload.get("avg_entry_price")
    average = Decimal(price) if price is not None and qty else None
    at = moment(event.at)
    by = f"adoption of the broker's figure (event {event.seq})"
    _set_position(db, event.account, event.symbol, qty, average, at, at, by, 0)


def _position(
    db: sqlite3.Connection, account: str, symbol: str
) -> tuple[Decimal, Decimal | None, str | None, int]:
    """Quantity, average entry price, held since, and fills since then."""
    row = db.execute(
        "SELECT qty, avg_entry_price, since, fills FROM positions WHERE account = ? AND symbol = ?",
        (account, symbol),
    ).fetchone()
    if row is None or not Decimal(row[0]):
        return Decimal(0), None, None, 0
    return Decimal(row[0]), None if row[1] is None else Decimal(row[1]), row[2], row[3]


def _cash(db: sqlite3.Connection, account: str, symbol: str) -> Decimal:
    """What all fills of it came to so far, sales less purchases."""
    row = db.execute(
        "SELECT cash FROM fills WHERE account = ? AND symbol = ? ORDER BY seq DESC LIMIT 1",
        (account, symbol),
    ).fetchone()
    return Decimal(row[0]) if row else Decimal(0)


def _set_position(
    db: sqlite3.Connection,
    account: str,
    symbol: str,
    qty: Decimal,
    average: Decimal | None,
    since: str,
    changed_at: str,
    changed_by: str,
    fills: int,
) -> None:
    """A position sold out stays as a row of 0 shares: it explains what the broker may still show."""
    price = None if average is None else plain(average)
    db.execute(
        "INSERT OR REPLACE INTO positions (account, symbol, qty, avg_entry_price, since, "
        "changed_at, changed_by, fills) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (account, symbol, plain(qty), price, since, changed_at, changed_by, fills),
    )
    if not qty:
        db.execute("DELETE FROM protections WHERE account = ? AND symbol = ?", (account, symbol))
