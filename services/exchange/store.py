"""The exchange's memory on disk: one SQLite file, written in groups, answered from when durable.

The engine changes its state in memory and hands the changed records here in the same breath.
What it handed over between two turns of the event loop is one transaction; nothing that tells
of a change (an answer, an event) leaves before that transaction is on disk.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from services.exchange.engine.accounts import Account, Position
from services.exchange.engine.activities import Activity, Entry, Fill
from services.exchange.engine.orders import Order
from services.exchange.engine.trade_updates import TradeUpdate

VERSION = "2"
SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS positions (
    account TEXT NOT NULL, symbol TEXT NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (account, symbol));
CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, client_order_id TEXT NOT NULL,
    sequence INTEGER NOT NULL, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS activities (
    sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, document TEXT NOT NULL);
"""
# Updates keep a row where it is: accounts and positions are read back in their first order.
UPSERT = {
    "facts": "INSERT OR REPLACE INTO facts VALUES (?, ?)",
    "accounts": (
        "INSERT INTO accounts VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET document = excluded.document"
    ),
    "positions": (
        "INSERT INTO positions VALUES (?, ?, ?)"
        " ON CONFLICT (account, symbol) DO UPDATE SET document = excluded.document"
    ),
    "orders": (
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET document = excluded.document"
    ),
    "activities": "INSERT INTO activities VALUES (?, ?, ?)",
}


class StateError(Exception):
    """The state file cannot be used; the message is one sentence."""


@dataclass
class _Batch:
    rows: dict[tuple[str, ...], tuple[str | int, ...]] = field(default_factory=dict)
    updates: list[TradeUpdate] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Store:
    """`path` None writes nothing: what happened is gone with the process."""

    def __init__(self, path: Path | None) -> None:
        self._lasts = path is not None
        self._name = str(path) if path else ":memory:"
        try:
            self._db = sqlite3.connect(
                self._name, isolation_level=None, check_same_thread=False, timeout=1
            )
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")  # one exchange per state file
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(SCHEMA)
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise StateError(f"State {self._name} cannot be used: {error}.") from error
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="exchange-state")
        self._open = _Batch()
        self._committing: _Batch | None = None
        self._wake = asyncio.Event()
        self._abandoned = False
        self.publish: Callable[[list[TradeUpdate]], None] = lambda updates: None

    # -- reading, before anything runs --------------------------------------------------------

    def fact(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def facts(self, kind: str) -> dict[str, str]:
        """Those whose names begin with a word."""
        rows = self._db.execute(
            "SELECT name, value FROM facts WHERE name GLOB ? || ' *'", (kind,)
        ).fetchall()
        return {str(name): str(value) for name, value in rows}

    def accounts(self) -> list[Account]:
        return [Account.model_validate_json(text) for text in self._documents("accounts")]

    def positions(self) -> list[Position]:
        return [Position.model_validate_json(text) for text in self._documents("positions")]

    def orders(self) -> list[Order]:
        rows = self._db.execute("SELECT document FROM orders ORDER BY sequence")
        return [Order.model_validate_json(row[0]) for row in rows]

    def activities(self) -> list[Activity]:
        rows = self._db.execute("SELECT kind, document FROM activities ORDER BY sequence")
        return [
            (Fill if kind == "FILL" else Entry).model_validate_json(text) for kind, text in rows
        ]

    def _documents(self, table: str) -> Iterator[str]:
        queries = {
            "accounts": "SELECT document FROM accounts ORDER BY rowid",
            "positions": "SELECT document FROM positions ORDER BY rowid",
        }
        return (row[0] for row in self._db.execute(queries[table]))

    # -- writing: into the open batch ---------------------------------------------------------

    def put_fact(self, name: str, value: str) -> None:
        self._put(("facts", name), lambda: (name, value))

    def put_account(self, account: Account) -> None:
        key = ("accounts", account.name)
        self._put(key, lambda: (account.name, account.model_dump_json()))

    def put_position(self, position: Position) -> None:
        key = (position.account, position.symbol)
        self._put(("positions", *key), lambda: (*key, position.model_dump_json()))

    def put_order(self, order: Order) -> None:
        self._put(
            ("orders", order.id),
            lambda: (
                order.id,
                order.account,
                order.client_order_id,
                order.sequence,
                order.model_dump_json(),
            ),
        )

    def put_activity(self, activity: Activity) -> None:
        self._put(
            ("activities", str(activity.sequence)),
            lambda: (activity.sequence, activity.kind, activity.model_dump_json()),
        )

    def announce(self, update: TradeUpdate) -> None:
        """Publish an event once everything put so far is durable."""
        self._open.updates.append(update)
        self._wake.set()

    def _put(self, key: tuple[str, ...], row: Callable[[], tuple[str | int, ...]]) -> None:
        if self._lasts:
            self._open.rows[key] = row()
            self._wake.set()

    # -- durability ---------------------------------------------------------------------------

    async def durable(self) -> None:
        """Returns when all that was put before the call is on disk, and told."""
        if not self._open.rows and self._committing is None:
            await self.commit()  # there is nothing to write, so nothing to wait for
        batch = self._open if self._open.rows or self._open.updates else self._committing
        if batch is not None:
            await batch.done.wait()

    def abandon(self) -> None:
        """Write nothing any more: the open batch may hold half of a change. Who waits for it
        is never answered."""
        self._abandoned = True

    async def run(self) -> None:
        """Commits batch after batch until cancelled. A failing disk ends it with StateError:
        an exchange that cannot remember must stop answering."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.commit()

    async def close(self) -> None:
        """Commit what is left and close the file. Call after `run` has ended."""
        await self.commit()
        self._writer.shutdown()
        self._db.close()

    async def commit(self) -> None:
        """Write the open batch, then let its events and answers go. StateError if it cannot be.

        One caller at a time: `run`, or whoever comes before and after it.
        """
        batch = self._open
        if self._abandoned or not (batch.rows or batch.updates):
            return
        self._open, self._committing = _Batch(), batch
        try:
            if batch.rows:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._writer, self._write, batch)
        except sqlite3.Error as error:
            raise StateError(f"State {self._name} cannot be written: {error}.") from error
        self.publish(batch.updates)
        self._committing = None
        batch.done.set()

    def _write(self, batch: _Batch) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for key, row in batch.rows.items():
            self._db.execute(UPSERT[key[0]], row)
        self._db.execute("COMMIT")


@dataclass(frozen=True)
class Standstill:
    """Where prices and time stood when last written: what a restart goes on from."""

    at: datetime
    step: int
    mids: dict[str, Decimal]

    def as_text(self) -> str:
        mids = {symbol: str(mid) for symbol, mid in self.mids.items()}
        return json.dumps({"at": self.at.isoformat(), "step": self.step, "mids": mids})

    @classmethod
    def parsed(cls, text: str) -> "Standstill":
        raw = json.loads(text)
        mids = {symbol: Decimal(mid) for symbol, mid in raw["mids"].items()}
        return cls(datetime.fromisoformat(raw["at"]), raw["step"], mids)
