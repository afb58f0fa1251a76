"""The journal is locked, or its disk is full: nothing is sent, trading is halted, what is true is shown,
protection stays; once it can be written again everything is booked and the trader resumes (invariants
1, 5, 25; spec 7, Journal)."""

import asyncio
import contextlib
import errno
import os
import resource
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from desk_world import RunningDesk, all_orders
from house_world import Json, pid_of, resumed, start, written
from protection_world import alerted, bought, covered, eventually, held, jump
from running_exchange import RunningExchange

from db.journal import verify
from services.desk.client import DeskError

Trouble = Callable[[RunningDesk], AbstractContextManager[object]]
SHOWN = timedelta(seconds=12)
"""From the crossing to the alert: two seconds for a lock to go away, and a machine busy with tests."""
LARGEST_FILE = 1024


@contextmanager
def locked(desk: RunningDesk) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(desk.home.journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def no_larger_files(desk: RunningDesk) -> Iterator[None]:
    """Every write of the desk past this size fails, as on a disk that is full."""
    pid = pid_of(desk)
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (LARGEST_FILE, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def full(desk: RunningDesk) -> Iterator[None]:
    """The last byte of the disk is taken."""
    filler = desk.home.root / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        (desk.home.root / "more").write_bytes(bytes(8192))
    (desk.home.root / "more").unlink(missing_ok=True)
    yield
    filler.unlink()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="qd-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, timeout=10)
    except OSError as error:
        done = subprocess.CompletedProcess(mount, 1, "", str(error))
    if done.returncode:
        folder.rmdir()
        pytest.skip(f"a small disk can't be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=10)
    folder.rmdir()


async def test_while_the_journal_is_locked(
    start_exchange: Callable[..., RunningExchange], rich: Path
) -> None:
    desk = RunningDesk(start_exchange(control=True, book=rich))
    await nothing_is_sent_or_lost(desk, locked, "locked", "desk")


async def test_while_no_file_can_grow(
    start_exchange: Callable[..., RunningExchange], rich: Path
) -> None:
    desk = RunningDesk(start_exchange(control=True, book=rich))
    await nothing_is_sent_or_lost(desk, no_larger_files, "free space", "broker")


async def test_while_its_disk_is_full(
    start_exchange: Callable[..., RunningExchange],
    rich: Path,
    small_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: str(small_disk))
    desk = RunningDesk(start_exchange(control=True, book=rich))
    monkeypatch.undo()
    await nothing_is_sent_or_lost(desk, full, "is full", "desk")


async def nothing_is_sent_or_lost(
    desk: RunningDesk, trouble: Trouble, words: str, protection: str
) -> None:
    try:
        await start(desk, protection=f'"{protection}"')
        await bought(desk)
        await selling(desk)
        waits = (await desk.client.ticket(symbol="AA", side="sell", qty="5"))["plan_id"]
        await desk.start_plan(waits, "step")
        await desk.client.write_portfolio()
        paper = desk.home.portfolio.read_bytes()
        sent = len(all_orders(desk.exchange.requests_log()))

        with trouble(desk):
            crossed = datetime.now(UTC)
            jump(desk, "FCX", "8")
            await eventually(lambda: held(desk, "FCX") == "240")  # of 300
            with pytest.raises(DeskError, match=f"{words}|HALTED"):  # the fill may be heard first
                await desk.client.next(waits)
            if protection == "desk":
                jump(desk, "ABBV", "-12")
                told = await alerted(desk, "stop_hit")
                assert datetime.now(UTC) < crossed + SHOWN
            assert words in (await alerted(desk, "journal_failed"))["sentence"]
            if protection == "broker":
                status = await asyncio.to_thread(desk.run, "status")
                assert "trading HALTED" in status.stdout
                assert words in status.stdout
            with pytest.raises(DeskError):
                await desk.client.write_portfolio()
            assert desk.home.latch.exists()
            assert covered(desk, "ABBV") == ([] if protection == "desk" else ["10"])
            assert len(all_orders(desk.exchange.requests_log())) == sent
            if trouble is not locked:
                assert desk.home.portfolio.read_bytes() == paper
            assert not list(desk.home.state.rglob("*.tmp"))

        halted = await written(desk, "Halted")
        assert halted["payload"]["cause"] == "journal_error"
        assert words in halted["payload"]["reason"]
        await written(desk, "FillReceived", lambda event: event["symbol"] == "FCX")
        await alerted(desk, "journal_failed", on=False)
        assert (await desk.client.status())["trading_state"] == "HALTED"
        await resumed(desk, "there is room again")
        if protection == "desk":
            raised = await written(desk, "AlertRaised", is_stop_hit)
            assert raised["payload"]["alert"] == told
            exit_ = await written(desk, "ExitProposed")
            await desk.start_plan(exit_["plan_id"], "auto")
            assert (await desk.until_ended(exit_["plan_id"]))["state"] == "done"
            assert held(desk, "ABBV") == "0"
        assert verify(desk.home.journal).ok
    finally:
        await desk.stop()


async def selling(desk: RunningDesk) -> None:
    """An order that is under way: 60 FCX above the market."""
    made = await desk.client.ticket(
        symbol="FCX", side="sell", qty="60", type="limit", limit_price="41.50"
    )
    await desk.start_plan(made["plan_id"], "auto")
    await desk.until(made["plan_id"], lambda plan: plan["steps"][0]["state"] == "acknowledged")


def is_stop_hit(event: Json) -> bool:
    return bool(event["payload"]["alert"]["condition"] == "stop_hit")
