"""A journal that could not be written goes on once it can, from where it stood, and only then: nothing
is lost, nothing is there twice (invariants 4, 5)."""

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db import connection, journal
from db.errors import JournalError
from db.journal import Journal, verify
from db.model.event import EventDraft

START = datetime(2026, 1, 5, 17, 0, tzinfo=UTC)
Trouble = Callable[[Journal], AbstractContextManager[object]]


class Ticking:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def halted(reason: str) -> EventDraft:
    return EventDraft(kind="Halted", payload={"by": "a test", "reason": reason})


@contextmanager
def locked(open_journal: Journal) -> Iterator[None]:
    with closing(sqlite3.connect(open_journal.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full(open_journal: Journal) -> Iterator[None]:
    """SQLite itself says "database or disk is full"."""
    db = open_journal._db
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    yield
    db.execute(f"PRAGMA max_page_count = {pages + 10_000}")


@contextmanager
def no_larger_file(_: Journal) -> Iterator[None]:
    """No write passes this size, as where nothing is left to give."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.02)
    return tmp_path / "journal.db"


@pytest.mark.parametrize(
    ("trouble", "words"), [(locked, "locked"), (full, "is full"), (no_larger_file, "disk")]
)
async def test_it_goes_on_from_where_it_stood(path: Path, trouble: Trouble, words: str) -> None:
    made = await Journal.open(path, Ticking())
    await made.append(halted("before"))
    with trouble(made):
        with pytest.raises(JournalError, match=words):
            for _ in range(100):
                await made.append(halted("x" * 4000))
        kept = made.head_seq
        if trouble is not full:  # one that is full takes what needs no more room
            with pytest.raises(JournalError, match=words):
                await made.mend()
            assert made.failed
            with pytest.raises(JournalError):
                await made.append(halted("still"))
    await made.mend()
    assert made.failed is None
    (event,) = await made.append(halted("after"))
    assert event.seq == kept + 1
    await made.mend()  # nothing to mend: nothing happens
    await made.close()
    assert verify(path).ok


async def test_a_file_that_another_hand_changed_is_not_gone_on_with(path: Path) -> None:
    made = await Journal.open(path, Ticking())
    await made.append(halted("before"))
    with locked(made), pytest.raises(JournalError):
        await made.append(halted("meanwhile"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE head SET seq = 7")
    with pytest.raises(JournalError, match="where this desk left it"):
        await made.mend()
    assert made.failed
    await made.close()


async def test_a_disk_with_hardly_any_room_is_not_tried(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await Journal.open(path, Ticking())
    with locked(made), pytest.raises(JournalError):
        await made.append(halted("meanwhile"))
    monkeypatch.setattr(journal, "ROOM", 2**80)
    with pytest.raises(JournalError, match="free space"):
        await made.mend()
    assert made.failed
    await made.close()
