"""Spec 7, Journal: a full, read-only, locked or corrupt file is said, and no acknowledged event is
lost; schema steps go forward, with a backup first."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_drafts import NOON, Ticking, draft, fill, intended, order, received
from sqlite_utils import Database

from db import connection, migrations
from db.home import Home
from db.journal import Journal, JournalError, rebuild, verify
from db.model.base import Environment
from db.model.order import Side
from db.rows import SELECT_EVENTS, event_of
from db.verification import LAST
from services.desk.by_hand_emergency import listed

WRITER = Path(__file__).with_name("journal_writer.py")
ROOT = Path(__file__).parents[2]
OLD_JOURNALS = Path(__file__).parents[1] / "data" / "journals"


def writer(path: Path, *largest: str) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(ROOT), str(WRITER.parent)])
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(path), *largest],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip


def acknowledged(lines: list[str]) -> dict[int, str]:
    rows = [line.split() for line in lines if line[:1].isdigit() and line.endswith("\n")]
    return {int(seq): own for seq, own in rows}


def kept(path: Path) -> dict[int, str]:
    with closing(sqlite3.connect(path)) as db:
        return dict(db.execute("SELECT seq, hash FROM events").fetchall())


async def made(path: Path, count: int = 3) -> None:
    journal = await Journal.open(path, Ticking())
    for n in range(count):
        await journal.append(received(fill(execution_id=str(n))))
    await journal.close()


def test_killed_at_any_moment_it_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    told: dict[int, str] = {}
    for lines in (1, 20, 137):
        process = writer(path)
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(lines)]
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.readlines()
        process.wait()
        process.stdout.close()
        told |= acknowledged([*first, *rest])
        assert told.items() <= kept(path).items()
        assert verify(path).ok
    assert len(told) >= 158


def test_when_the_disk_is_full_it_says_so_and_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    process = writer(path, "800000")
    lines = process.communicate()[0].splitlines(keepends=True)
    told = acknowledged(lines)
    assert len(told) > 20
    failed = [line.partition(" ")[2] for line in lines if line.startswith(("failed", "again"))]
    assert len(failed) == 2
    assert all("disk" in sentence and str(path) in sentence for sentence in failed)
    assert told.items() <= kept(path).items()
    assert verify(path).ok
    asyncio.run(made(path))  # and goes on once there is room


async def test_after_a_failed_commit_nothing_is_acknowledged_any_more(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = await Journal.open(path, Ticking())
    await journal.append(draft("ReportWritten"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("DROP TABLE head")
    with pytest.raises(JournalError):
        await journal.append(draft("Halted", by="me", reason="x"))
    with pytest.raises(JournalError):
        await journal.append(draft("ReportWritten"))
    assert journal.failed
    assert journal.head_seq == 1
    await journal.close()
    assert len(kept(path)) == 1


async def test_a_locked_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.05)
    path = tmp_path / "journal.db"
    journal = await Journal.open(path, Ticking())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match=r"Another program holds the journal .* locked"):
            await journal.append(intended(order()))
    assert journal.failed
    await journal.close()


async def test_only_one_program_writes(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = await Journal.open(path, Ticking())
    await journal.append(draft("ReportWritten"))
    with pytest.raises(JournalError, match="stop that desk first"):
        await Journal.open(path, Ticking())
    with pytest.raises(JournalError, match="stop that desk first"):
        rebuild(path)
    assert verify(path).ok  # reading is always allowed
    await journal.close()
    rebuild(path)


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder of one who may read it and not write: root may write anything, so be another."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(made(folder / "journal.db"))
        for file in folder.iterdir():
            file.chmod(0o444)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        yield folder
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_read_only_file_is_said(nobody: Path) -> None:
    with pytest.raises(JournalError, match="writable"):
        asyncio.run(Journal.open(nobody / "journal.db", Ticking()))


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="No such file or directory"):
        asyncio.run(Journal.open(tmp_path / "gone" / "journal.db", Ticking()))


@pytest.mark.parametrize("content", [b"not a journal, " * 500, bytes(range(256)) * 40], ids="ab")
async def test_a_file_that_is_no_database_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    with pytest.raises(JournalError, match="not a journal"):
        await Journal.open(path, Ticking())
    with pytest.raises(JournalError, match="not a journal"):
        verify(path)
    assert path.read_bytes() == content


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipes (name)")
    with pytest.raises(JournalError, match="is not a journal: name another file"):
        await Journal.open(path, Ticking())


async def test_a_damaged_page_is_said(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await made(path, 300)
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 40] = b"\xff" * (4096 * 38)
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"damaged|cut short"):
        await Journal.open(path, Ticking())


async def test_a_journal_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await made(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TRIGGER events_never_DELETE")
        db.execute("DELETE FROM events WHERE seq = 3")
        db.commit()
    with pytest.raises(JournalError, match="cut short"):
        await Journal.open(path, Ticking())


@pytest.mark.parametrize(("seq", "refused"), [(LAST + 5, True), (7, True), (3, False)])
async def test_a_start_looks_at_the_last_events_and_a_verification_at_all(
    tmp_path: Path, seq: int, refused: bool
) -> None:
    path = tmp_path / "journal.db"
    await made(path, LAST + 5)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TRIGGER events_never_UPDATE")
        db.execute("UPDATE events SET symbol = 'OTHER' WHERE seq = ?", (seq,))
        db.commit()
    assert verify(path).broken_seq == seq
    if refused:
        with pytest.raises(JournalError, match=rf"Event {seq} .* changed by hand: keep the file"):
            await Journal.open(path, Ticking())
    else:
        await (await Journal.open(path, Ticking())).close()


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await made(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {migrations.VERSION + 1}")
    for use in (lambda: asyncio.run(Journal.open(path, Ticking())), lambda: verify(path)):
        with pytest.raises(JournalError, match="newer Quarterdeck"):
            await asyncio.to_thread(use)


@pytest.mark.parametrize("version", range(1, migrations.VERSION + 1))
async def test_a_journal_of_every_earlier_schema_is_brought_forward(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript((OLD_JOURNALS / f"schema{version}.sql").read_text())
    journal = await Journal.open(path, Ticking())
    assert journal.head_seq > 0
    await journal.close()
    assert verify(path).ok
    assert len(list(tmp_path.glob("*.bak"))) == (version < migrations.VERSION)


@pytest.mark.parametrize("version", range(1, migrations.VERSION + 1))
def test_events_of_every_earlier_schema_are_read_before_a_desk_has_brought_it_forward(
    tmp_path: Path, version: int
) -> None:
    """By a halt with the desk dead, and by the desks of other accounts."""
    home = Home(tmp_path, Environment.MANUAL)
    home.create()
    with closing(sqlite3.connect(home.journal)) as db:
        db.executescript((OLD_JOURNALS / f"schema{version}.sql").read_text())
    assert listed(home, "ann", "a test", NOON).complete
    with closing(connection.existing(home.journal)) as db:
        assert [event_of(row).seq for row in db.execute(SELECT_EVENTS)] == [*range(1, 11)]
        assert db.execute("PRAGMA user_version").fetchone() == (version,)


async def test_schema_2_fills_in_what_the_tables_would_have_said(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = await Journal.open(path, Ticking())
    for n, (side, qty) in enumerate([("buy", "0.5"), ("buy", "2"), ("sell", "3"), ("buy", "1")]):
        for symbol in ("NEM", "NVDA"):
            traded = fill(f"{symbol}{n}", "", symbol, Side(side), qty, price=f"4{n}.25")
            await journal.append(received(traded))
        if n == 1:
            await journal.append(draft("PositionAdopted", account="main", symbol="NVDA", qty="7"))
    await journal.close()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            "DROP INDEX events_kind; DROP INDEX fills_plan_id; DROP INDEX fills_position;"
            "ALTER TABLE fills DROP COLUMN held; ALTER TABLE fills DROP COLUMN cash;"
            "PRAGMA user_version = 1"
        )
    await (await Journal.open(path, Ticking())).close()
    assert verify(path).ok
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT symbol, held, cash FROM fills ORDER BY symbol, seq").fetchall()
    assert found[3:5] == [("NEM", "0.5", "-19.125"), ("NVDA", "0.5", "-20.125")]


async def test_before_a_schema_step_the_journal_is_backed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    await made(path)
    before = kept(path)
    step = ModuleType("db.migrations.next_step")
    vars(step)["apply"] = lambda db: db.table("alerts").add_column("snoozed_until", str)
    monkeypatch.setitem(sys.modules, step.__name__, step)
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, "next_step"))
    monkeypatch.setattr(migrations, "VERSION", migrations.VERSION + 1)
    with pytest.raises(JournalError, match="start the desk once to migrate it"):
        verify(path)
    await made(path, 1)
    assert "snoozed_until" in Database(sqlite3.connect(path)).table("alerts").columns_dict
    assert verify(path).events == len(before) + 1
    (copy,) = tmp_path.glob("*.bak")
    assert kept(copy) == before
    monkeypatch.undo()
    assert verify(copy).ok


async def test_a_schema_step_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    await made(path)
    step = ModuleType("db.migrations.bad_step")

    def apply(db: Database) -> None:
        db.table("alerts").drop()
        db.execute("SELECT nonsense")

    vars(step)["apply"] = apply
    monkeypatch.setitem(sys.modules, step.__name__, step)
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, "bad_step"))
    monkeypatch.setattr(migrations, "VERSION", migrations.VERSION + 1)
    with pytest.raises(JournalError, match="nonsense"):
        await Journal.open(path, Ticking())
    monkeypatch.undo()
    assert verify(path).ok


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of some size, closed: one file."""
    path = tmp_path_factory.mktemp("whole") / "journal.db"
    asyncio.run(made(path, 40))
    return path


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_byte_changed_anywhere_is_found_or_changed_nothing(
    whole: Path, data: st.DataObject
) -> None:
    """Some bytes of a database file mean nothing. Whatever is hit, nothing false is called whole,
    and what is wrong is one sentence."""
    content = bytearray(whole.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        path.write_bytes(content)
        try:
            found = verify(path)
        except JournalError:
            return
        assert not found.ok or kept(path) == kept(whole)
        try:
            asyncio.run(opened_and_closed(path))
        except JournalError:
            return


async def opened_and_closed(path: Path) -> None:
    await (await Journal.open(path, Ticking())).close()
