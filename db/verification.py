"""Proof that a journal is whole: the chain, its numbering, and the tables folded from it."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from db.chain import GENESIS, row_hash
from db.connection import WriterLock, existing, writing
from db.errors import JournalError, in_one_sentence
from db.model.base import canonical_json
from db.projections import TABLES, project
from db.rows import SELECT_EVENTS, event_of
from db.without_pandas import without_pandas

if TYPE_CHECKING:
    from sqlite_utils.db import Table

Progress = Callable[[int, int], None]
"""Called now and then with how many events are done, of how many."""
_EVERY = 1000
_SCHEMA = """
SELECT sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL
AND name NOT GLOB 'sqlite_*' ORDER BY type DESC
"""
"""Tables, then the indices by which a fold finds what came before: without them each fill reads them all."""
LAST = 1000
"""Events that a start looks at: 10 ms."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found. `broken_seq` names the first bad event, `broken_table` a table
    that a rebuild would change; both None when the journal is whole."""

    path: Path
    events: int
    head_hash: str
    sentence: str
    broken_seq: int | None = None
    broken_table: str | None = None

    @property
    def ok(self) -> bool:
        return self.broken_seq is None and self.broken_table is None


class BrokenChainError(Exception):
    """An event that is not what was appended; the sentence says which and why."""

    def __init__(self, seq: int, why: str) -> None:
        super().__init__(f"Event {seq} of the journal is broken: {why}.")
        self.seq = seq


def quiet(_: int, __: int) -> None:
    """No progress shown."""


def verify(path: Path, progress: Progress = quiet) -> Verification:
    """Check chain, numbering and projections of the journal at `path`, while it may be in use.

    Raises JournalError when the file can't be read as a journal at all."""
    with in_one_sentence(path), closing(existing(path, migrated=True)) as db:
        db.execute("BEGIN")  # one snapshot, whatever the desk appends meanwhile
        return _verified(db, path, progress)


def check_last(db: sqlite3.Connection, events: int = LAST) -> None:
    """Raises BrokenChainError when one of the last `events` is not as it was appended."""
    (newest,) = db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
    for _ in _checked(db, after=max(newest - events, 0)):
        pass


def rebuild(path: Path, progress: Progress = quiet) -> int:
    """Fold all events into the tables anew; the number of events. Raises JournalError: while a desk
    writes, or when the chain is broken, for tables built on that would look right and not be."""
    with in_one_sentence(path):
        existing(path, migrated=True).close()
        lock = WriterLock(path)
        try:
            with closing(writing(path)) as db:
                return _rebuilt(db, progress)
        except BrokenChainError as broken:
            raise JournalError(f"{broken} Nothing was rebuilt.") from broken
        finally:
            lock.release()


def _rebuilt(db: sqlite3.Connection, progress: Progress) -> int:
    db.execute("BEGIN IMMEDIATE")
    for table in TABLES:
        _table(db, table).delete_where()
    seq, head = _replay(db, db, progress)
    db.execute("INSERT OR REPLACE INTO head (id, seq, hash) VALUES (1, ?, ?)", (seq, head))
    db.execute("COMMIT")
    return seq


def backup(path: Path, to: Path) -> None:
    """Copy the journal while it may be in use. Raises JournalError; an existing `to` is refused."""
    if to.exists():
        raise JournalError(f"The backup {to} exists already: name a file that does not.")
    try:
        with (
            in_one_sentence(path),
            closing(existing(path)) as source,
            closing(writing(to)) as target,
        ):
            source.backup(target)
    except OSError as error:
        raise JournalError(f"The backup {to} can't be written ({error.strerror}).") from error


def _verified(db: sqlite3.Connection, path: Path, progress: Progress) -> Verification:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as scratch:
        for (statement,) in db.execute(_SCHEMA):
            scratch.execute(statement)
        scratch.execute("BEGIN")
        try:
            seq, head = _replay(db, scratch, progress)
        except BrokenChainError as broken:
            return Verification(path, broken.seq - 1, "", str(broken), broken_seq=broken.seq)
        stored = db.execute("SELECT seq, hash FROM head").fetchone() or (0, GENESIS)
        if stored != (seq, head):
            why = f"The journal was cut short: its head is event {stored[0]}, its last row {seq}."
            return Verification(path, seq, head, why, broken_seq=seq + 1)
        for table in TABLES:
            if _rows(db, table) != _rows(scratch, table):
                why = f"The table {table} is not what its events make: run `journal rebuild`."
                return Verification(path, seq, head, why, broken_table=table)
    return Verification(path, seq, head, f"{seq} events, chain and tables whole.")


def _table(db: sqlite3.Connection, name: str) -> "Table":
    with without_pandas():  # still 50 ms, and the desk's start needs none of this
        from sqlite_utils import Database

    return Database(db).table(name)


def _rows(db: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    return list(_table(db, table).rows_where(order_by="1, 2"))


def _replay(
    source: sqlite3.Connection, target: sqlite3.Connection, progress: Progress
) -> tuple[int, str]:
    """Check every event of `source` and fold it into `target`; last number and hash.

    Raises BrokenChainError at the first event that is not as it was appended."""
    total = int(source.execute("SELECT count(*) FROM events").fetchone()[0])
    seq, head = 0, GENESIS
    for row in _checked(source):
        try:
            project(target, event_of(row), row[8])
        except ValueError as error:
            raise BrokenChainError(row[0], str(error).rstrip(".")) from error
        seq, head = row[0], row[10]
        if seq % _EVERY == 0:
            progress(seq, total)
    progress(seq, total)
    return seq, head


def _checked(db: sqlite3.Connection, after: int = 0) -> Iterator[tuple[Any, ...]]:
    """Every event after that number."""
    before = db.execute("SELECT hash FROM events WHERE seq = ?", (after,)).fetchone()
    expected, head = after + 1, before[0] if before else GENESIS
    for row in db.execute(SELECT_EVENTS + " WHERE seq > ? ORDER BY seq", (after,)):
        if why := _fault(row, expected, head):
            raise BrokenChainError(min(row[0], expected), why)
        yield row
        expected, head = expected + 1, row[10]


def _fault(row: tuple[Any, ...], expected: int, head: str) -> str:
    """Why the row can't follow event `expected - 1` with hash `head`; empty when it does."""
    seq, at, kind, plan_id, step, client_order_id, account, symbol, text, prev_hash, own = row
    if seq != expected:
        return f"it is missing, event {seq} comes in its place"
    if prev_hash != head:
        return "it does not carry the hash of the event before it"
    try:
        payload = json.loads(text)
        if canonical_json(payload) != text:
            return "its payload is not written as it was appended"
        known = (seq, at, kind, plan_id, step, client_order_id, account, symbol, text)
        if row_hash(*known, prev_hash) != own:
            return "its hash is not that of its content"
    except (ValueError, TypeError) as error:  # not JSON, not UTF-8, not text at all
        return f"its content can't be read ({error})"
    return ""
