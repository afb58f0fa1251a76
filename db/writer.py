"""The one thread that writes the journal. Appends that wait while a commit is under way share the
next one (group commit): one sync to disk for all of them."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue

from db.chain import json_value, moment, row_hash
from db.errors import JournalError, SqliteFailure, journal_error
from db.model.base import canonical_json
from db.model.event import KINDS, Event, EventDraft
from db.projections import project
from db.rows import INSERT_EVENT

MOST_IN_A_GROUP = 500
"""Appends that share a commit at most: bounds how long the first of them waits."""
CHECKPOINT_AFTER = 100
"""Commits until SQLite's log is taken into the file, once nobody waits for a commit."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Append:
    """Drafts that go into the journal together or not at all, and who waits for them."""

    drafts: tuple[EventDraft, ...]
    at: datetime
    done: asyncio.Future[tuple[Event, ...]]


Outcome = tuple[Append, tuple[Event, ...] | Exception]
"""What became of an append: its events, or ValueError (it alone) or JournalError (all from now)."""


class Writer:
    """Owns the writing connection. `finished` is called in this thread with each group's outcomes,
    in order, once they are committed."""

    def __init__(
        self,
        db: sqlite3.Connection,
        path: Path,
        seq: int,
        head: str,
        finished: Callable[[Sequence[Outcome]], None],
    ) -> None:
        self._db = db
        self._path = path
        self._seq = seq
        self._head = head
        self._finished = finished
        self._failure: JournalError | None = None
        self._using = threading.Lock()
        """Held while the connection is written with."""
        self._synchronous = ""
        self._commits = 0
        """Since the last checkpoint."""
        self._queue: SimpleQueue[Append | None] = SimpleQueue()
        # A daemon: a process that ends without close() must not hang on it. Nothing acknowledged is
        # lost by that.
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def put(self, append: Append) -> None:
        """Hand over an append; its outcome comes by `finished`."""
        self._queue.put(append)

    def mend(self) -> None:
        """After a failure: write again, if it can be written to the end, and if the file still ends
        where this writer left it. Blocks. Raises JournalError: it stays failed."""
        with self._using:
            if self._failure is None:
                return
            try:
                self._prove()
            except SqliteFailure as error:
                self._failure = journal_error(error, self._path)
                if self._db.in_transaction:
                    self._db.rollback()
                raise JournalError(str(self._failure)) from error
            self._failure = None

    def _prove(self) -> None:
        """A synced commit that leaves everything as it was. The row takes another value in between:
        SQLite writes nothing for an update that changes nothing."""
        self._sync(True)
        self._db.execute("BEGIN IMMEDIATE")
        head = self._db.execute("SELECT seq, hash FROM head").fetchone()
        if head != (self._seq, self._head):
            raise sqlite3.DatabaseError("it does not end where this desk left it")
        self._db.execute("UPDATE head SET seq = seq + 1")
        self._db.execute("UPDATE head SET seq = ?, hash = ?", head)
        self._db.execute("COMMIT")

    def stop(self) -> None:
        """Write what was handed over, then end the thread. Blocks."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        running = True
        while running:
            group, running = self._next_group()
            if group:
                self._finished(self._outcomes(group))
                self._checkpoint()

    def _checkpoint(self) -> None:
        """A commit that has to do it takes ten times as long: it is done between two."""
        self._commits += 1
        if self._commits < CHECKPOINT_AFTER or not self._queue.empty():
            return
        self._commits = 0
        try:
            with self._using:
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except SqliteFailure as error:  # nothing is lost by it: the next commit says what is wrong
            log.warning("%s", journal_error(error, self._path))

    def _next_group(self) -> tuple[list[Append], bool]:
        """Whatever waits by now, at least one; and whether to go on after it."""
        group: list[Append] = []
        item = self._queue.get()
        while item is not None:
            group.append(item)
            if len(group) == MOST_IN_A_GROUP:
                return group, True
            try:
                item = self._queue.get_nowait()
            except Empty:
                return group, True
        return group, False

    def _outcomes(self, group: list[Append]) -> list[Outcome]:
        with self._using:
            return self._written(group)

    def _written(self, group: list[Append]) -> list[Outcome]:
        if self._failure is None:
            before = self._seq, self._head
            try:
                return self._commit(group)
            except SqliteFailure as error:
                self._failure = journal_error(error, self._path)
                self._seq, self._head = before
                if self._db.in_transaction:
                    self._db.rollback()
        return [(append, JournalError(str(self._failure))) for append in group]

    def _commit(self, group: list[Append]) -> list[Outcome]:
        self._sync(any(KINDS[draft.kind].synced for one in group for draft in one.drafts))
        self._db.execute("BEGIN IMMEDIATE")
        outcomes = [(append, self._append(append)) for append in group]
        self._db.execute("UPDATE head SET seq = ?, hash = ?", (self._seq, self._head))
        self._db.execute("COMMIT")
        return outcomes

    def _sync(self, synced: bool) -> None:
        """FULL: the commit returns when the disk has it. NORMAL: it survives this process's death,
        and the machine's after the next synced commit."""
        wanted = "FULL" if synced else "NORMAL"
        if wanted != self._synchronous:
            self._db.execute(f"PRAGMA synchronous = {wanted}")
            self._synchronous = wanted

    def _append(self, append: Append) -> tuple[Event, ...] | Exception:
        """The events of one append, or what is wrong with it alone: it leaves no trace then."""
        before = self._seq, self._head
        self._db.execute("SAVEPOINT one_append")
        try:
            return tuple(self._insert(draft, append.at) for draft in append.drafts)
        except UnicodeDecodeError:
            raise  # from the file, not from the drafts: it is damaged
        except ValueError as error:
            self._db.execute("ROLLBACK TO one_append")
            self._seq, self._head = before
            return error
        finally:
            if self._db.in_transaction:
                self._db.execute("RELEASE one_append")

    def _insert(self, draft: EventDraft, at: datetime) -> Event:
        seq, written_at = self._seq + 1, moment(at)
        payload = json_value(draft.payload)
        text = canonical_json(payload)
        columns = (
            draft.kind, draft.plan_id, draft.step, draft.client_order_id, draft.account,
            draft.symbol,
        )  # fmt: skip
        own = row_hash(seq, written_at, *columns, text, self._head)
        event = Event(
            seq=seq, at=at, kind=draft.kind, plan_id=draft.plan_id, step=draft.step,
            client_order_id=draft.client_order_id, account=draft.account, symbol=draft.symbol,
            payload=payload, prev_hash=self._head, hash=own,
        )  # fmt: skip
        self._db.execute(INSERT_EVENT, (seq, written_at, *columns, text, self._head, own))
        project(self._db, event, text)
        self._seq, self._head = seq, own
        return event
