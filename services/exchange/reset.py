"""`quarterdeck exchange reset`: a state becomes empty, and the next ids new ones."""

import sqlite3
from pathlib import Path

from services.exchange.store import StateError

GENERATION = "generation"


def reset_state(path: Path) -> None:
    """Empty a state file; only its generation is kept, one higher, so that no id comes again.

    Raises StateError with one sentence: no such file, no state of an exchange, or in use.
    """
    if not path.exists():
        raise StateError(f"There is no state {path}.")
    try:
        db = sqlite3.connect(path, isolation_level=None, timeout=0)
        try:
            db.execute("BEGIN EXCLUSIVE")
            row = db.execute("SELECT value FROM facts WHERE name = ?", (GENERATION,)).fetchone()
            tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                db.execute(f'DROP TABLE "{table}"')
            db.execute("CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
            generation = 1 + int(row[0] if row else 0)
            db.execute("INSERT INTO facts VALUES (?, ?)", (GENERATION, str(generation)))
            db.execute("COMMIT")
            db.execute("VACUUM")
        finally:
            db.close()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StateError(f"An exchange runs on {path}: stop it first.") from error
        raise StateError(f"State {path} is no state of an exchange.") from error
    except sqlite3.DatabaseError as error:
        raise StateError(f"State {path} is no state of an exchange.") from error
