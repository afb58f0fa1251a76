"""What a fact costs: events through the journal (chain, tables, thread) against bare SQLite rows."""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median

from sqlite_utils import Database

from benchmarks.result import Result, Row
from db.journal import Journal
from db.model.event import EventDraft

ROWS = 600
ROUNDS = 5
GROUP = 100
"""Appends that wait at the same time."""
_INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_COLUMNS = (
    "seq INTEGER PRIMARY KEY, at TEXT, kind TEXT, plan_id TEXT, step INTEGER, client_order_id TEXT,"
    " account TEXT, symbol TEXT, payload TEXT, prev_hash TEXT, hash TEXT"
)
_NAMES = tuple(column.split()[0] for column in _COLUMNS.split(","))


def intent(synced: bool) -> EventDraft:
    """An intent (synced) or a status (not), with a payload of an order's size."""
    return EventDraft(
        kind="CancelRequested" if synced else "OrderUpdated",
        plan_id="p1",
        step=1,
        client_order_id="qd-p1-1-1",
        account="main",
        symbol="NVDA",
        payload={"state": "acknowledged", "reason": "x" * 300},
    )


def _row(n: int) -> tuple[object, ...]:
    draft = intent(True)
    payload = '{"reason":"' + "x" * 300 + '","state":"acknowledged"}'
    known = (draft.plan_id, draft.step, draft.client_order_id, draft.account, draft.symbol)
    return (n, "2026-01-05T17:00:00.000000Z", draft.kind, *known, payload, "0" * 64, "1" * 64)


def _bare(path: Path, synchronous: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {synchronous}")
    db.execute(f"CREATE TABLE IF NOT EXISTS events ({_COLUMNS})")
    return db


def bare(path: Path, synchronous: str, together: int) -> float:
    """Rows a second of sqlite3 alone, `together` in a commit."""
    with closing(_bare(path, synchronous)) as db:
        numbers = count(1)
        start = time.perf_counter()
        for _ in range(ROWS // together):
            db.execute("BEGIN")
            db.executemany(_INSERT, [_row(next(numbers)) for _ in range(together)])
            db.execute("COMMIT")
        return ROWS / (time.perf_counter() - start)


def with_sqlite_utils(path: Path, synchronous: str) -> float:
    """Rows a second of the same insert through sqlite-utils, one in a commit."""
    with closing(_bare(path, synchronous)) as db:
        table = Database(db).table("events")
        start = time.perf_counter()
        for n in range(1, ROWS + 1):
            table.insert(dict(zip(_NAMES, _row(n), strict=True)))
        return ROWS / (time.perf_counter() - start)


def appended(path: Path, synced: bool, together: int) -> float:
    """Events a second through the journal, `together` appends waiting at once."""

    async def run() -> float:
        journal = await Journal.open(path, lambda: datetime.now(UTC))
        await journal.append(intent(synced))
        start = time.perf_counter()
        for _ in range(ROWS // together):
            await asyncio.gather(*(journal.append(intent(synced)) for _ in range(together)))
        rate = ROWS / (time.perf_counter() - start)
        await journal.close()
        return rate

    return asyncio.run(run())


WAYS: dict[str, tuple[Callable[[Path], float], str, str]] = {
    "bare sqlite3, synced, 1 row a commit": (lambda p: bare(p, "FULL", 1), "", "5,612"),
    "sqlite-utils insert(), synced": (lambda p: with_sqlite_utils(p, "FULL"), "bare sqlite3, synced, 1 row a commit", "4,521"),
    "journal, synced, one after the other": (lambda p: appended(p, True, 1), "bare sqlite3, synced, 1 row a commit", ""),
    "bare sqlite3, synced, 100 rows a commit": (lambda p: bare(p, "FULL", GROUP), "", "64,754"),
    "journal, synced, 100 waiting at once": (lambda p: appended(p, True, GROUP), "bare sqlite3, synced, 100 rows a commit", ""),
    "bare sqlite3, not synced, 1 row a commit": (lambda p: bare(p, "NORMAL", 1), "", "27,493"),
    "sqlite-utils insert(), not synced": (lambda p: with_sqlite_utils(p, "NORMAL"), "bare sqlite3, not synced, 1 row a commit", "17,314"),
    "journal, not synced, one after the other": (lambda p: appended(p, False, 1), "bare sqlite3, not synced, 1 row a commit", ""),
}  # fmt: skip
"""What is measured, how, the baseline it is measured against, and what was measured elsewhere."""


def measure() -> Result:
    """Medians of interleaved rounds, each in a new file."""
    rates: dict[str, list[float]] = {what: [] for what in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        for n in range(ROUNDS):
            for k, (what, (way, _, _)) in enumerate(WAYS.items()):
                rates[what].append(way(Path(folder) / f"{n}-{k}.db"))
    figures = {what: median(rate) for what, rate in rates.items()}
    rows = tuple(
        Row(what, figures[what], "rows/s", figures[what] / figures[base or what], expected=expected)
        for what, (_, base, expected) in WAYS.items()
    )
    how = (
        f"{ROWS} rows of 600 bytes a round, {ROUNDS} rounds interleaved; the journal adds the hash "
        "chain, its tables in the same transaction and a thread of its own to each row"
    )
    return Result("journal", how, rows)
