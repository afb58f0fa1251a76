"""How a journal file is opened."""

import sqlite3
from pathlib import Path

BUSY_SECONDS = 2.0
"""How long to wait for another program's lock before saying so."""


def writing(path: Path) -> sqlite3.Connection:
    """A connection that may write; transactions are begun by hand."""
    if not path.exists():
        path.touch(mode=0o600)
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    # Without it an INSERT OR REPLACE would delete an event past the append-only trigger.
    db.execute("PRAGMA recursive_triggers = ON")
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
