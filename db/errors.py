"""What goes wrong with a journal file, each as one sentence that a trader can act on."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class JournalError(Exception):
    """The journal can't be used: one sentence says why and what to do. New exposure must stop."""


SqliteFailure = (sqlite3.Error, UnicodeDecodeError)
"""A damaged file may also show as text that is none, in a row or in SQLite's own complaint."""

_SENTENCES = {
    "SQLITE_FULL": "The disk that holds the journal {path} is full: free space, then resume, or start the desk.",
    "SQLITE_READONLY": "The journal {path} is read-only: make it and its directory writable, then resume, or start the desk.",
    "SQLITE_BUSY": "Another program holds the journal {path} locked: end that program, then resume, or start the desk.",
    "SQLITE_LOCKED": "Another program holds the journal {path} locked: end that program, then resume, or start the desk.",
    "SQLITE_CORRUPT": "The journal {path} is damaged ({detail}): keep the file and restore the latest backup.",
    "SQLITE_NOTADB": "The file {path} is not a journal ({detail}): restore the latest backup or name another file.",
    "SQLITE_CANTOPEN": "The journal {path} can't be opened: check that it exists and that you may read and write it.",
    "SQLITE_PERM": "The journal {path} can't be opened: check that you may read and write it.",
    "SQLITE_IOERR": "The disk failed while the journal {path} was used ({detail}): check the disk and its free space, then resume, or start the desk.",
    "SQLITE_CONSTRAINT": "Another program wrote to the journal {path} ({detail}): only one desk may, end the other.",
}


def journal_error(error: Exception, path: Path) -> JournalError:
    """The sentence for a SqliteFailure on the journal at `path`."""
    if isinstance(error, UnicodeDecodeError):
        name, detail = "SQLITE_CORRUPT", "it holds text that is not Unicode"
    else:
        name, detail = getattr(error, "sqlite_errorname", None) or "", str(error)
    family = "_".join(name.split("_")[:2])
    sentence = _SENTENCES.get(family, "The journal {path} can't be used ({detail}).")
    return JournalError(sentence.format(path=path, detail=detail))


@contextmanager
def in_one_sentence(path: Path) -> Iterator[None]:
    """Whatever SQLite complains of inside comes out as JournalError."""
    try:
        yield
    except SqliteFailure as error:
        raise journal_error(error, path) from error
