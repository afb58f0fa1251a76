"""The journal: append-only events in one SQLite file, hash-chained, the desk its only writer.

Everything that matters is a fold of it (spec 7, Journal)."""

import asyncio
import json
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from db import migrations
from db.chain import GENESIS
from db.connection import WriterLock, reading, writing
from db.errors import JournalError, in_one_sentence
from db.fills import FillsTable
from db.model.event import KINDS, Event, EventDraft
from db.model.order import TERMINAL
from db.model.run import PlanState
from db.projections import TABLES
from db.rows import PLANS_AT_WORK, SELECT_EVENTS, SELECT_LASTING, event_of
from db.verification import (
    BrokenChainError,
    Verification,
    backup,
    check_last,
    rebuild,
    verify,
)
from db.without_pandas import without_pandas
from db.writer import Append, Outcome, Writer

__all__ = ["Journal", "JournalError", "Verification", "backup", "rebuild", "verify"]

ROOM = 1024 * 1024
"""Bytes that must be free before a journal that failed is written again: with less it fails at once."""

RESTORE = "keep the file, run `quarterdeck journal verify` and restore the latest backup"

_KIND_IN = "kind IN (SELECT value FROM json_each(?))"

Subscriber = Callable[[tuple[Event, ...]], None]
Found = TypeVar("Found")


class Journal:
    """One open journal. Made by `open`; used from the loop that opened it."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], datetime],
        db: sqlite3.Connection,
        reader: sqlite3.Connection,
        lock: WriterLock,
    ) -> None:
        seq, head = db.execute("SELECT seq, hash FROM head").fetchone()
        self.path = path
        self._clock = clock
        self._db = db
        self._lock = lock
        self._loop = asyncio.get_running_loop()
        self._subscribers: list[Subscriber] = []
        self._head_seq: int = seq
        self._failure: JournalError | None = None
        self._closed = False
        self._waiting: deque[float] = deque()
        """When each append that is not finished yet was handed over, the oldest first."""
        self._reader = reader
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="journal-read")
        self._writer = Writer(db, path, seq, head, self._hand_over)

    @classmethod
    async def open(cls, path: Path, clock: Callable[[], datetime]) -> "Journal":
        """Open the journal at `path`; create it, or back it up and migrate it, where needed.

        Raises JournalError: one sentence says why it can't be used."""
        lock = WriterLock(path)
        try:
            db, reader = await asyncio.to_thread(_opened, path, clock)
            return cls(path, clock, db, reader, lock)
        except BaseException:
            lock.release()
            raise

    @property
    def head_seq(self) -> int:
        """Number of the last committed event, 0 in an empty journal."""
        return self._head_seq

    @property
    def failed(self) -> str | None:
        """Why nothing can be appended any more; None while all is well."""
        return None if self._failure is None else str(self._failure)

    @property
    def waiting_seconds(self) -> float:
        """How long the oldest append has been waiting for its commit; 0 when none waits."""
        return self._loop.time() - self._waiting[0] if self._waiting else 0.0

    def on_append(self, callback: Subscriber) -> Callable[[], None]:
        """Call `callback` on the loop after each commit, in order, before the append returns.

        Returns what ends it. An error in a callback goes to the loop's exception handler."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    async def append(self, *drafts: EventDraft) -> tuple[Event, ...]:
        """Write the drafts, all or none, in order. Returns when they are committed, and on disk if
        any of their kinds is synced. A cancelled wait does not take the events back.

        Raises ValueError (unknown kind, payload that is no JSON or lacks what its kind needs: this
        append alone) or JournalError (the journal failed: nothing is appended from now on)."""
        for draft in drafts:
            if draft.kind not in KINDS:
                raise ValueError(f"There is no event kind {draft.kind!r}: db/model/event.py.")
        if self._failure is not None:
            raise JournalError(str(self._failure))
        if self._closed:
            raise JournalError(f"The journal {self.path} is closed.")
        if not drafts:
            return ()
        append = Append(drafts, self._clock(), self._loop.create_future())
        self._waiting.append(self._loop.time())
        self._writer.put(append)
        return await append.done

    async def mend(self) -> None:
        """After a failure: go on, if the journal can be written again. What was refused meanwhile is
        not written by this: nobody was told that it was. Raises JournalError: it stays failed."""
        if self._closed:
            raise JournalError(f"The journal {self.path} is closed.")
        if (left := _free(self.path)) < ROOM:
            raise JournalError(
                f"The disk that holds the journal {self.path} has {left // 1024} KB left: free space."
            )
        await asyncio.to_thread(self._writer.mend)
        self._failure = None

    async def events(
        self,
        *,
        after: int = 0,
        limit: int | None = None,
        plan_id: str | None = None,
        kinds: Iterable[str] | None = None,
        plans: Iterable[str] | None = None,
        numbers: Iterable[int] | None = None,
    ) -> tuple[Event, ...]:
        """Events after number `after`, oldest first, at most `limit`, of one plan, of some kinds, of
        some `plans`, with these `numbers`."""
        where = ["seq > ?"]
        values: list[str | int] = [after]
        if plan_id is not None:
            where.append("plan_id = ?")
            values.append(plan_id)
        if kinds is not None:
            # Of plans their own index finds fewer than that of the kinds: the sign keeps it out.
            by_kind = plans is None and plan_id is None
            where.append(f"{'' if by_kind else '+'}{_KIND_IN}")
            values.append(json.dumps(sorted(kinds)))
        if plans is not None:
            where.append("plan_id IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(sorted(plans)))
        if numbers is not None:
            where.append("seq IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(numbers)))
        values.append(-1 if limit is None else limit)
        sql = f"{SELECT_EVENTS} WHERE {' AND '.join(where)} ORDER BY seq LIMIT ?"
        return await self._events(sql, values)

    async def lasting(self, besides: Iterable[str]) -> tuple[Event, ...]:
        """Events of all kinds `besides` these, oldest first, without what is told of alerts that had
        cleared when the last day began."""
        return await self._events(SELECT_LASTING, [json.dumps(sorted(besides))])

    async def of_fills(self, ask: Callable[[FillsTable], Found]) -> Found:
        """What `ask` finds in the table of fills, beside the loop."""
        return await self._read(lambda: ask(FillsTable(self._reader)))

    async def plan_ids(self) -> tuple[str, ...]:
        """Of every plan there was, the oldest first."""
        return await self._ids("SELECT plan_id FROM plans ORDER BY rowid", ())

    async def plans_since(self, seq: int) -> frozenset[str]:
        """Plans of which anything was written after event `seq`."""
        sql = "SELECT DISTINCT plan_id FROM events WHERE seq > ? AND +plan_id IS NOT NULL"
        return frozenset(await self._ids(sql, (seq,)))

    async def plans_at_work(self) -> frozenset[str]:
        """Plans that have not ended, or have an order that has not."""
        ended = json.dumps([state.value for state in PlanState if state.ended])
        closed = json.dumps([state.value for state in TERMINAL])
        return frozenset(await self._ids(PLANS_AT_WORK, (ended, closed)))

    async def _ids(self, sql: str, values: Sequence[str | int]) -> tuple[str, ...]:
        return await self._read(lambda: tuple(row[0] for row in self._reader.execute(sql, values)))

    async def tail(self, limit: int) -> tuple[Event, ...]:
        """The last `limit` events, oldest first."""
        sql = f"{SELECT_EVENTS} ORDER BY seq DESC LIMIT ?"
        return tuple(reversed(await self._events(sql, (limit,))))

    async def rows(self, table: str, **equals: str | int) -> tuple[dict[str, Any], ...]:
        """Rows of a projection (`db.projections.TABLES`) whose columns equal what is given.

        Decimals are text. KeyError for a table that is none."""
        if table not in TABLES:
            raise KeyError(table)

        def read() -> tuple[dict[str, Any], ...]:
            with without_pandas():  # still 50 ms: not at the desk's start
                from sqlite_utils import Database

            where = " AND ".join(f"{column} = ?" for column in equals) or None
            found = Database(self._reader).table(table)
            return tuple(found.rows_where(where, list(equals.values()), order_by="1, 2"))

        return await self._read(read)

    async def close(self) -> None:
        """Write what waits, then let go of the file. Nothing can be appended after."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._writer.stop)
        self._reading.shutdown()
        self._reader.close()
        self._db.close()
        self._lock.release()

    async def _events(self, sql: str, values: Sequence[str | int]) -> tuple[Event, ...]:
        return await self._read(lambda: tuple(map(event_of, self._reader.execute(sql, values))))

    async def _read(self, read: Callable[[], Found]) -> Found:
        if self._closed:
            raise JournalError(f"The journal {self.path} is closed.")
        with in_one_sentence(self.path):
            return await self._loop.run_in_executor(self._reading, read)

    def _hand_over(self, outcomes: Sequence[Outcome]) -> None:
        """In the writer's thread: tell the loop."""
        try:
            self._loop.call_soon_threadsafe(self._tell, outcomes)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        for append, outcome in outcomes:
            self._waiting.popleft()
            if isinstance(outcome, Exception):
                if isinstance(outcome, JournalError):
                    self._failure = outcome
                if not append.done.cancelled():
                    append.done.set_exception(outcome)
                continue
            self._head_seq = outcome[-1].seq
            # Scheduled before the result is set, so subscribers know before the waiter goes on.
            for subscriber in self._subscribers:
                self._loop.call_soon(subscriber, outcome)
            if not append.done.cancelled():
                append.done.set_result(outcome)


def _free(path: Path) -> int:
    """Bytes left on its disk; 0 when the file can't be looked at."""
    try:
        disk = os.statvfs(path)
    except OSError:
        return 0
    return disk.f_bavail * disk.f_frsize


def _opened(
    path: Path, clock: Callable[[], datetime]
) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """A writing and a reading connection to a journal of our schema."""
    try:
        with in_one_sentence(path):
            db = writing(path)
            try:
                _prepare(db, path, clock)
                return db, reading(path)
            except BaseException:
                db.close()
                raise
    except OSError as error:
        raise JournalError(
            f"The journal {path} can't be opened ({error.strerror}): check its directory."
        ) from error


def _prepare(db: sqlite3.Connection, path: Path, clock: Callable[[], datetime]) -> None:
    version = migrations.version_of(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    if version < migrations.VERSION:
        if version:
            _back_up_before_migration(db, path, version, clock())
        migrations.migrate(db, version)
    db.execute("BEGIN IMMEDIATE")  # says at once if the file is read-only or locked
    db.execute("INSERT OR IGNORE INTO head (id, seq, hash) VALUES (1, 0, ?)", (GENESIS,))
    db.execute("COMMIT")
    last = db.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    if (last or (0, GENESIS)) != db.execute("SELECT seq, hash FROM head").fetchone():
        raise JournalError(f"The journal {path} was cut short or changed by hand: {RESTORE}.")
    try:
        check_last(db)
    except BrokenChainError as broken:
        raise JournalError(f"{broken} The file {path} was changed by hand: {RESTORE}.") from broken


def _back_up_before_migration(
    db: sqlite3.Connection, path: Path, version: int, now: datetime
) -> None:
    to = path.with_name(f"{path.name}.schema{version}.{now:%Y%m%dT%H%M%SZ}.bak")
    with closing(writing(to)) as target:
        db.backup(target)
