"""How a journal file is opened: by one writer at a time, by readers any time."""

import fcntl
import os
import sqlite3
from pathlib import Path

from db import migrations
from db.errors import JournalError

BUSY_SECONDS = 2.0
"""How long to wait for another program's lock before saying so."""

LONGEST_LOG = 4000
"""Pages of SQLite's log after which a commit takes them into the file; the writer does it earlier,
between two commits."""


class WriterLock:
    """Held by the one program that writes a journal; the system frees it when that program dies.

    Raises JournalError when another holds it."""

    def __init__(self, path: Path) -> None:
        beside = path.with_name(f"{path.name}.lock")
        try:
            self._handle = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise JournalError(
                f"The journal {path} can't be written to ({error.strerror}): make it and its "
                "directory writable."
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            raise JournalError(
                f"Another program writes the journal {path}: stop that desk first."
            ) from error

    def release(self) -> None:
        """Once: a number that was closed may be another file's by now."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def writing(path: Path) -> sqlite3.Connection:
    """A connection that may write; transactions are begun by hand."""
    if not path.exists():
        path.touch(mode=0o600)
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    # Without it an INSERT OR REPLACE would delete an event past the append-only trigger.
    db.execute("PRAGMA recursive_triggers = ON")
    db.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_LOG}")
    return db


def reading(path: Path) -> sqlite3.Connection:
    """A connection that can't write."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def existing(path: Path, *, migrated: bool = False) -> sqlite3.Connection:
    """A reading connection to a journal. Its events read alike whatever its schema; `migrated`: its
    tables are asked for, too, and must be of ours. Raises JournalError, sqlite3.Error."""
    if not path.is_file():
        raise JournalError(f"There is no journal at {path}.")
    db = reading(path)
    try:
        # Invalid UTF-8 must reach the check of its row, not end the reading of all.
        db.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        version = migrations.version_of(db, path)
        if version == 0:
            raise JournalError(f"The file {path} is empty: it holds no journal.")
        if migrated and version < migrations.VERSION:
            raise JournalError(
                f"The journal {path} has schema {version}, this Quarterdeck uses {migrations.VERSION}: "
                "start the desk once to migrate it."
            )
    except BaseException:
        db.close()
        raise
    return db
