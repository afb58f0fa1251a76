"""Bad input to a running desk, by command and by inbox: one sentence, no plan, no order."""

import asyncio
import json
import resource
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from bad_files import BAD, DIRECTIVE, LARGE, only_sentence
from desk_world import CASES, DEADLINE, RunningDesk, accepted_orders

from services.desk.client import DeskError

StartDesk = Callable[..., Awaitable[RunningDesk]]

ANALYSIS = CASES / "rebalance" / "market-analysis.toml"
PORTFOLIO = CASES / "rebalance" / "Portfolio.md"
SWEEP = 1.0
"""Seconds between two looks at the inbox, at least (services.desk.intake)."""


def refused(desk: RunningDesk, *arguments: str) -> str:
    done = desk.run(*arguments)
    assert (done.returncode, done.stdout) == (2, ""), arguments
    return only_sentence(done.stderr)


async def assert_nothing_happened(desk: RunningDesk) -> None:
    assert await desk.client.plans() == []
    assert accepted_orders(desk.exchange.requests_log()) == []
    assert "Traceback" not in (text := desk.home.log.read_text()), text[-6000:]


async def test_what_is_proposed_or_asked_badly(start_desk: StartDesk, tmp_path: Path) -> None:
    desk = await start_desk()
    for bad in BAD:
        (tmp_path / bad.name).write_bytes(bad.content)
    done = desk.run("propose", *(str(tmp_path / bad.name) for bad in BAD))
    assert (done.returncode, done.stdout) == (2, "")
    for bad, line in zip(BAD, done.stderr.splitlines(), strict=True):
        for words in bad.said:
            assert words in only_sentence(line)

    large = tmp_path / "large.md"
    with large.open("wb") as made:
        made.truncate(LARGE)
    assert "at most 5 MB" in refused(desk, "propose", str(ANALYSIS), str(large))
    assert "is a directory" in refused(desk, "propose", str(tmp_path))

    desk.home.policies.mkdir()
    (desk.home.policies / "mine.toml").write_text('extends = "standard"\nmax_loss = 1\n')
    said = refused(desk, "propose", str(PORTFOLIO), "--policy", "mine")
    assert "mine.toml line 2: unknown key max_loss" in said
    assert "no policy called other" in refused(desk, "propose", str(PORTFOLIO), "--policy", "other")
    await assert_nothing_happened(desk)


async def test_a_quantity_that_is_none_edits_no_plan(start_desk: StartDesk) -> None:
    desk = await start_desk()
    plan_id = await desk.rebalance()
    before = await desk.client.plan(plan_id)
    for qty, said in (
        ("abc", "not a number"),
        ("NaN", "under a trillion"),
        ("1e99", "under a trillion"),
        ("0", "more than zero"),
        ("-3", "more than zero"),
    ):
        assert said in refused(desk, "resize", plan_id, "1", "--", qty)
    assert "no step 99" in refused(desk, "drop", plan_id, "99")
    assert "no plan nope" in refused(desk, "run", "nope", "--yes")
    assert "reason" in refused(desk, "abort", plan_id, "--reason", " ")
    assert "reason" in refused(desk, "reject", plan_id, "--reason", " ")
    ask = desk.client
    for asked, said in (
        (ask.retype(plan_id, 1, "limit", limit_price="1e99"), "under a trillion"),
        (ask.retype(plan_id, 1, "limit", limit_price="cheap"), "limit_price: "),
        (ask.retype(plan_id, 1, "sideways"), "type: "),
        (ask.retype(plan_id, 1, "trailing_stop"), "expected one of market"),
        (ask.move(plan_id, 1, "before", 99), "no step 99"),
        (ask.move(plan_id, 1, "beside", 2), "either before or after"),
        (ask.undo(plan_id), "nothing to undo"),
        (ask.undo("nope"), "no plan nope"),
        (ask.compare(plan_id, "nope"), "no plan nope"),
        (ask.compare(plan_id, f"{plan_id}@2"), "no revision 2"),
        (ask.compare(plan_id, ""), "Two plans are compared"),
    ):
        with pytest.raises(DeskError, match=said):
            await asked
    assert await desk.client.plan(plan_id) == before
    assert "Traceback" not in (text := desk.home.log.read_text()), text[-6000:]


async def test_a_second_desk_ends_and_leaves_the_first_alone(start_desk: StartDesk) -> None:
    desk = await start_desk()
    first = await desk.client.status()
    sentence = refused(desk, "desk", "run")
    assert f"process {first['pid']}" in sentence
    assert "already running" in sentence
    again = desk.run("desk", "start")
    assert again.returncode == 0
    assert "runs already" in again.stderr
    now = await desk.client.status()
    assert (now["pid"], now["started_at"]) == (first["pid"], first["started_at"])


async def test_a_disk_that_fills_halts_and_plans_nothing(start_desk: StartDesk) -> None:
    desk = await start_desk()
    pid = (await desk.client.status())["pid"]
    written = desk.home.journal.with_name("journal.db-wal").stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (written, resource.RLIM_INFINITY))
    sentence = refused(desk, "propose", str(ANALYSIS))
    assert str(desk.home.journal) in sentence
    assert "disk" in sentence
    refused(desk, "propose", str(PORTFOLIO))
    async with asyncio.timeout(DEADLINE):
        while (await desk.client.status())["trading_state"] != "HALTED":
            await asyncio.sleep(0.02)
    await assert_nothing_happened(desk)


async def test_the_inbox_refuses_the_bad_takes_the_good_and_waits_for_the_growing(
    start_desk: StartDesk,
) -> None:
    desk = await start_desk()
    inbox = desk.home.inbox
    (inbox / "analysis.toml").write_bytes(ANALYSIS.read_bytes())
    for bad in BAD:
        (inbox / bad.name).write_bytes(bad.content)
    with (inbox / "large.md").open("wb") as made:
        made.truncate(LARGE)
    names = {*(bad.name for bad in BAD), "large.md"}
    growing = await _grown_while(inbox, lambda: _refused(inbox) >= names)

    assert _refused(inbox) == names
    for bad in BAD:
        reason = (inbox / "refused" / f"{bad.name}.reason.md").read_text(encoding="utf-8")
        for words in bad.said:
            assert words in reason
        assert (inbox / "refused" / bad.name).read_bytes() == bad.content
    accepted = inbox / "accepted" / growing.name
    async with asyncio.timeout(DEADLINE):
        while not accepted.exists():
            await asyncio.sleep(0.02)
    assert (inbox / "accepted" / "analysis.toml").exists()
    assert accepted.read_text().endswith("Target Cash position: 5%\n")
    plans = [plan for plan in await desk.client.plans() if plan["source"] == growing.name]
    assert [plan["verdict"] for plan in plans] == ["CONDITIONAL"]
    assert json.loads(desk.run("plan", "list", "--json").stdout)
    assert accepted_orders(desk.exchange.requests_log()) == []
    assert "Traceback" not in (text := desk.home.log.read_text()), text[-6000:]


def _refused(inbox: Path) -> set[str]:
    """The files in refused/ that have their reason beside them."""
    names = {path.name for path in (inbox / "refused").glob("*")}
    return {name for name in names if f"{name}.reason.md" in names}


async def _grown_while(inbox: Path, seen: Callable[[], bool]) -> Path:
    """A directive, whole only at the end, that grew in the inbox until `seen`, which takes two looks
    at the inbox: as it never stood still from one look to the next, it must not have been read.

    Had the machine stood still for so long, the file was at rest by rule: that turn proves nothing
    and is done again with another file and another bad one."""
    beginning, end = DIRECTIVE.rsplit("- Target Cash", 1)
    async with asyncio.timeout(DEADLINE):
        for turn in range(100):
            file, marker = inbox / f"growing-{turn}.md", inbox / f"marker-{turn}.txt"
            file.write_text(beginning)
            marker.write_text("nothing")
            written, longest = time.monotonic(), 0.0
            while not (seen() and (inbox / "refused" / f"{marker.name}.reason.md").exists()):
                await asyncio.sleep(0.02)
                with file.open("a") as growing:
                    growing.write("\n")
                longest = max(longest, time.monotonic() - written)
                written = time.monotonic()
            (inbox / "refused" / marker.name).unlink()
            (inbox / "refused" / f"{marker.name}.reason.md").unlink()
            if longest < SWEEP:
                assert file.exists(), "it was read while it grew"
                with file.open("a") as growing:
                    growing.write(f"- Target Cash{end}")
                return file
    raise AssertionError("the machine never kept pace")
