"""Spec 7, Journal: append-only, hash-chained, and the tables are what the events make
(invariants 1, 4, 6)."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_drafts import (
    DRAFTS,
    Ticking,
    alert,
    draft,
    fill,
    intended,
    order,
    plan,
    received,
)

from db.journal import Journal, JournalError, backup, rebuild, verify
from db.model.event import KINDS, Event, EventDraft
from db.projections import TABLES

GROUPS = st.lists(st.lists(DRAFTS, min_size=1, max_size=4), max_size=5)
LIVES = st.lists(GROUPS, min_size=1, max_size=4)
"""Several tasks at once, each appending groups one after the other."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def fresh(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder)) / "journal.db"


async def lived(path: Path, lives: list[list[list[EventDraft]]]) -> list[tuple[Event, ...]]:
    """The groups as they were acknowledged."""
    journal = await Journal.open(path, Ticking())
    seen: list[Event] = []
    journal.on_append(seen.extend)
    told: list[tuple[Event, ...]] = []

    async def live(groups: list[list[EventDraft]]) -> None:
        for group in groups:
            events = await journal.append(*group)
            assert seen[: events[-1].seq][-len(events) :] == list(events)
            told.append(events)

    await asyncio.gather(*map(live, lives))
    assert seen == list(await journal.events())
    assert [event.seq for event in seen] == list(range(1, journal.head_seq + 1))
    await journal.close()
    return told


def tables(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as db:
        return {
            name: db.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in TABLES
        }


@given(lives=LIVES)
@settings(max_examples=40, deadline=None)
def test_any_interleaving_of_appends_is_one_whole_chain(
    folder: Path, lives: list[list[list[EventDraft]]]
) -> None:
    path = fresh(folder)
    told = asyncio.run(lived(path, lives))
    assert verify(path).ok
    assert verify(path).events == sum(len(group) for groups in lives for group in groups)
    for events in told:
        numbers = [event.seq for event in events]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    asked = sorted(group[0].kind for groups in lives for group in groups)
    assert sorted(events[0].kind for events in told) == asked


@given(lives=LIVES)
@settings(max_examples=40, deadline=None)
def test_a_rebuild_makes_the_tables_that_the_appends_made(
    folder: Path, lives: list[list[list[EventDraft]]]
) -> None:
    path = fresh(folder)
    asyncio.run(lived(path, lives))
    before = tables(path)
    with closing(sqlite3.connect(path)) as db:
        for name in TABLES:
            db.execute(f"DELETE FROM {name}")
        db.commit()
    assert verify(path).ok is not any(before.values())
    rebuild(path)
    assert tables(path) == before
    assert verify(path).ok


@given(
    drafts=st.lists(DRAFTS, min_size=2, max_size=6),
    column=st.sampled_from(
        ("at", "kind", "plan_id", "step", "client_order_id", "account", "symbol", "payload",
         "prev_hash", "hash")
    ),
    data=st.data(),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_any_change_of_any_row_is_found_and_named(
    folder: Path, drafts: list[EventDraft], column: str, data: st.DataObject
) -> None:
    path = fresh(folder)
    asyncio.run(lived(path, [[drafts]]))
    seq = data.draw(st.integers(1, len(drafts)))
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TRIGGER events_never_UPDATE")
        (value,) = db.execute(f"SELECT {column} FROM events WHERE seq = ?", (seq,)).fetchone()
        db.execute(f"UPDATE events SET {column} = ? WHERE seq = ?", (other(value, data), seq))
        db.commit()
    found = verify(path)
    assert not found.ok
    # A changed hash breaks its own row; verification names the first row that can't be right.
    assert found.broken_seq == seq
    assert f"Event {seq} " in found.sentence


def other(value: Any, data: st.DataObject) -> Any:
    """The value with one sign changed, added or taken away."""
    if value is None or isinstance(value, int):
        return data.draw(st.integers(0, 99).filter(lambda n: n != value))
    at = data.draw(st.integers(0, len(value)))
    changed = data.draw(
        st.sampled_from((value[:at] + " " + value[at:], value[:at] + value[at + 1 :], value + "0"))
    )
    return changed if changed != value else value + "x"


@pytest.mark.parametrize("gone", [1, 2, 3])
async def test_a_row_taken_away_is_found(tmp_path: Path, gone: int) -> None:
    path = tmp_path / "journal.db"
    await lived(path, [[[draft("ReportWritten", n=n) for n in range(3)]]])
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TRIGGER events_never_DELETE")
        db.execute("DELETE FROM events WHERE seq = ?", (gone,))
        db.commit()
    assert verify(path).broken_seq == gone


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE events SET symbol = 'X'",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events SELECT * FROM events WHERE seq = 1",
    ],
)
async def test_events_can_only_be_appended(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "journal.db"
    await lived(path, [[[draft("ReportWritten")]]])
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA recursive_triggers = ON")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(sql)


@pytest.mark.parametrize("value", [1.5, {"x": [0.1]}, object(), {1: "x"}, b"x", "\ud800"])
async def test_what_would_not_come_back_the_same_is_refused(tmp_path: Path, value: Any) -> None:
    journal = await Journal.open(tmp_path / "journal.db", Ticking())
    with pytest.raises(ValueError, match=r"payload|encode|surrogates"):
        await journal.append(draft("ReportWritten"), draft("ReportWritten", value=value))
    assert journal.head_seq == 0
    (event,) = await journal.append(draft("ReportWritten", value="fine"))
    assert event.seq == 1
    await journal.close()
    assert verify(journal.path).ok


async def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal.db", Ticking())
    with pytest.raises(ValueError, match="no event kind 'Guessed'"):
        await journal.append(draft("Guessed"))
    await journal.close()


async def test_a_bad_payload_takes_only_its_own_append_with_it(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal.db", Ticking())
    answers = await asyncio.gather(
        journal.append(draft("ReportWritten", n=1)),
        journal.append(draft("ReportWritten", n=2), draft("FillReceived")),
        journal.append(draft("ReportWritten", n=3)),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [tuple, ValueError, tuple]
    assert [event.payload["n"] for event in await journal.events()] == [1, 3]
    await journal.close()
    assert verify(journal.path).ok


async def test_an_append_whose_waiter_gave_up_is_written_all_the_same(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal.db", Ticking())
    waiter = asyncio.ensure_future(journal.append(intended(order())))
    await asyncio.sleep(0)
    waiter.cancel()
    await journal.append(draft("ReportWritten"))
    assert [event.kind for event in await journal.events()] == ["OrderIntended", "ReportWritten"]
    await journal.close()


async def test_a_subscriber_that_fails_stops_neither_the_others_nor_the_append(
    tmp_path: Path,
) -> None:
    journal = await Journal.open(tmp_path / "journal.db", Ticking())
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    seen: list[Event] = []

    def fails(_: tuple[Event, ...]) -> None:
        raise RuntimeError("mine alone")

    journal.on_append(fails)
    unsubscribe = journal.on_append(seen.extend)
    await journal.append(draft("ReportWritten"))
    unsubscribe()
    await journal.append(draft("ReportWritten"))
    assert [event.seq for event in seen] == [1]
    assert len(complaints) == 2
    await journal.close()


async def test_events_are_read_by_place_plan_and_kind(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal.db", Ticking())
    kinds = ("PlanPaused", "PlanHalted", "PlanPaused", "PlanHalted")
    for n, kind in enumerate(kinds):
        await journal.append(draft(kind, plan_id=f"p{n % 3}", reason="x"))

    def numbers(events: tuple[Event, ...]) -> list[int]:
        return [event.seq for event in events]

    assert numbers(await journal.events(after=2)) == [3, 4]
    assert numbers(await journal.events(limit=2)) == [1, 2]
    assert numbers(await journal.events(plan_id="p0")) == [1, 4]
    assert numbers(await journal.events(kinds=["PlanPaused"])) == [1, 3]
    assert numbers(await journal.tail(2)) == [3, 4]
    await journal.close()
    with pytest.raises(JournalError, match="closed"):
        await journal.tail(1)


async def test_a_backup_taken_while_in_use_is_a_whole_journal(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal.db", Ticking())
    await journal.append(received(fill()))
    await asyncio.to_thread(backup, journal.path, tmp_path / "copy.db")
    with pytest.raises(JournalError, match="exists already"):
        backup(journal.path, tmp_path / "copy.db")
    await journal.close()
    assert verify(tmp_path / "copy.db").events == 1
    assert tables(tmp_path / "copy.db") == tables(journal.path)


async def traced(path: Path, *appends: tuple[EventDraft, ...]) -> list[str]:
    """Which commits were made for appends that waited together: FULL or NORMAL."""
    journal = await Journal.open(path, Ticking())
    said: list[str] = []
    journal._db.set_trace_callback(said.append)
    await asyncio.gather(*(journal.append(*drafts) for drafts in appends))
    await journal.close()
    level, commits = "", []
    for statement in said:
        if statement.startswith("PRAGMA synchronous"):
            level = statement.rpartition(" ")[2]
        elif statement == "COMMIT":
            commits.append(level)
    return commits


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_what_must_be_on_disk_is_synced_before_its_append_returns(
    tmp_path: Path, kind: str
) -> None:
    needs: dict[str, EventDraft] = {
        "PlanCreated": draft(kind, plan_id="p1", plan=plan().to_json()),
        "PlanEdited": draft(kind, plan_id="p1", plan=plan().to_json()),
        "OrderIntended": intended(order()),
        "FillReceived": received(fill()),
        "PositionAdopted": draft(kind, account="main", symbol="NEM", qty="1"),
        "ProtectionSet": draft(kind, account="main", symbol="NEM"),
        "AlertRaised": draft(kind, alert=alert().to_json()),
        "DayStarted": draft(kind, date="2026-01-05", equity="1"),
        "MismatchIgnored": draft(kind, key="ghost:main:AA"),
    }
    one = needs.get(kind, draft(kind, client_order_id="qd-1", plan_id="p1", reason="x", by="me"))
    commits = await traced(tmp_path / "journal.db", (draft("ReportWritten"), one))
    assert commits == ["FULL" if KINDS[kind].synced else "NORMAL"]


async def test_appends_that_wait_together_share_a_commit(tmp_path: Path) -> None:
    appends = [(draft("ReportWritten", n=n),) for n in range(200)]
    commits = await traced(tmp_path / "journal.db", *appends, (intended(order()),))
    assert len(commits) < 100
    assert commits[-1] == "FULL"
