"""The journal's schema, as numbered steps forward. The file's `user_version` says how far it came.

A step is a module with `apply(db)`; it never changes once released. Before an existing journal is
migrated it is backed up beside itself."""

import sqlite3
from importlib import import_module
from pathlib import Path

from db.errors import JournalError
from db.without_pandas import without_pandas

STEPS = ("m0001_events_and_projections", "m0002_what_fills_came_to")
"""In order: the n-th brings the schema to version n."""
VERSION = len(STEPS)
APPLICATION_ID = 0x51444B31
"""`QDK1` in the file's header: tells a journal from any other SQLite file."""


def version_of(db: sqlite3.Connection, path: Path) -> int:
    """Schema version of the file, 0 when it is empty. Raises JournalError for a foreign file or
    one that a newer Quarterdeck wrote."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    application = int(db.execute("PRAGMA application_id").fetchone()[0])
    tables = int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if tables and application != APPLICATION_ID:
        raise JournalError(f"The file {path} is not a journal: name another file or move it away.")
    if version > VERSION:
        raise JournalError(
            f"The journal {path} was written by a newer Quarterdeck (schema {version}, this one "
            f"knows {VERSION}): upgrade Quarterdeck."
        )
    return version


def migrate(db: sqlite3.Connection, version: int) -> None:
    """Bring the schema from `version` to the last of STEPS, all or nothing."""
    with without_pandas():  # still 50 ms, and most starts have nothing to migrate
        from sqlite_utils import Database

    schema = Database(db)
    with schema.atomic():
        for number, name in enumerate(STEPS[version:], start=version + 1):
            import_module(f"db.migrations.{name}").apply(schema)
            schema.execute(f"PRAGMA user_version = {number}")
        schema.execute(f"PRAGMA application_id = {APPLICATION_ID}")
