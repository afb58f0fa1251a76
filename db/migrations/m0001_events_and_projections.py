"""Version 1: the append-only events, and the tables folded from them."""

from sqlite_utils import Database

_APPEND_ONLY = """
CREATE TRIGGER events_never_{verb} BEFORE {verb} ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
"""

_PROJECTIONS: dict[str, tuple[dict[str, type], str | tuple[str, ...]]] = {
    "plans": (
        {
            "plan_id": str, "revision": int, "state": str, "verdict": str, "source": str,
            "mode": str, "reason": str, "created_at": str, "started_at": str, "ended_at": str,
            "hash": str, "body": str,
        },
        "plan_id",
    ),
    "orders": (
        {
            "client_order_id": str, "plan_id": str, "step": int, "account": str, "symbol": str,
            "side": str, "qty": str, "type": str, "limit_price": str, "state": str,
            "order_id": str, "filled_qty": str, "filled_avg_price": str, "reason": str,
            "intended_at": str, "sent_at": str, "acknowledged_at": str, "closed_at": str,
        },
        "client_order_id",
    ),
    "fills": (
        {
            "execution_id": str, "client_order_id": str, "order_id": str, "plan_id": str,
            "step": int, "account": str, "symbol": str, "side": str, "qty": str, "price": str,
            "at": str, "seq": int,
        },
        "execution_id",
    ),
    "positions": (
        {
            "account": str, "symbol": str, "qty": str, "avg_entry_price": str, "since": str,
            "changed_at": str, "changed_by": str, "fills": int,
        },
        ("account", "symbol"),
    ),
    "protections": (
        {
            "account": str, "symbol": str, "stop_price": str, "target_price": str, "qty": str,
            "at": str,
        },
        ("account", "symbol"),
    ),
    "alerts": (
        {
            "alert_id": str, "condition": str, "subject": str, "severity": str, "raised_at": str,
            "sentence": str, "acknowledged_at": str, "cleared_at": str, "body": str,
        },
        "alert_id",
    ),
    "halts": (
        {
            "seq": int, "at": str, "halted_by": str, "reason": str, "completed_at": str,
            "report": str, "resumed_at": str, "resume_reason": str,
        },
        "seq",
    ),
    "trading_state": ({"id": int, "state": str, "since": str, "reason": str}, "id"),
    "days": ({"date": str, "equity": str, "at": str}, "date"),
    "ignored_mismatches": ({"key": str, "reason": str, "at": str}, "key"),
}  # fmt: skip


def apply(db: Database) -> None:
    """Create everything in an empty file."""
    db.table("events").create(
        {
            "seq": int, "at": str, "kind": str, "plan_id": str, "step": int,
            "client_order_id": str, "account": str, "symbol": str, "payload": str,
            "prev_hash": str, "hash": str,
        },
        pk="seq",
        not_null={"at", "kind", "payload", "prev_hash", "hash"},
        strict=True,
    )  # fmt: skip
    for column in ("plan_id", "client_order_id"):
        db.execute(f"CREATE INDEX events_{column} ON events ({column}) WHERE {column} IS NOT NULL")
    for verb in ("UPDATE", "DELETE"):
        db.execute(_APPEND_ONLY.format(verb=verb))
    db.table("head").create(
        {"id": int, "seq": int, "hash": str}, pk="id", not_null={"seq", "hash"}, strict=True
    )
    for name, (columns, key) in _PROJECTIONS.items():
        keys = {key} if isinstance(key, str) else set(key)
        db.table(name).create(columns, pk=key, not_null=keys, strict=True)
