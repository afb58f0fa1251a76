"""HALT from another shell: nothing leaves any more, what works is cancelled, it survives everything,
and only a reason takes it back (spec 5, Kill switch; invariants 25, 26, 28)."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from desk_world import CASES, DEADLINE, RunningDesk, accepted_orders
from other_hand import stop_order

StartDesk = Callable[..., Awaitable[RunningDesk]]

SLOW_SELLS = """symbol,side,qty,notional,type,limit_price,stop_price,time_in_force,account
NEM,sell,50,,limit,83.00,,day,main
AA,sell,40,,limit,41.50,,day,main
FCX,sell,60,,limit,41.50,,day,main
NVDA,buy,3,,market,,,day,main
"""
HIGH = {
    "NEM": "83.00",
    "AA": "41.50",
    "FCX": "41.50",
    "CF": "91.00",
    "LIN": "465.00",
    "XOM": "124.00",
}
"""Limits a few percent above the market."""


@pytest.fixture
def slow_sells(tmp_path: Path) -> Path:
    """Sells a few percent above the market: they work and do not fill."""
    file = tmp_path / "basket.csv"
    file.write_text(SLOW_SELLS, encoding="utf-8")
    return file


async def selling(desk: RunningDesk, file: Path) -> str:
    plan_id = await desk.propose(file)
    await desk.start_plan(plan_id, "auto")
    await desk.until(
        plan_id,
        lambda plan: sum(s["state"] == "acknowledged" for s in plan["steps"]) == 3,
    )
    return plan_id


def orders_of_sells(plan: dict[str, Any]) -> list[list[dict[str, Any]]]:
    return [step["orders"] for step in plan["steps"] if step["side"] == "sell"]


def open_orders(desk: RunningDesk) -> set[str]:
    """By the exchange's own answers to the desk's last look."""
    looks = [
        entry
        for entry in desk.exchange.requests_log()
        if entry["method"] == "GET" and entry["path"] == "/v2/orders" and entry["status"] == 200
    ]
    return {order["client_order_id"] for order in looks[-1]["answer"]}


async def test_a_kill_from_another_shell_stops_the_sell_phase(
    start_desk: StartDesk, slow_sells: Path
) -> None:
    desk = await start_desk()
    plan_id = await selling(desk, slow_sells)
    sent = len(accepted_orders(desk.exchange.requests_log()))
    killed = await asyncio.to_thread(desk.run, "kill", "--reason", "smoke")
    assert killed.returncode == 0, killed.stderr
    assert open_orders(desk) == set()
    plan = await desk.client.plan(plan_id)
    assert plan["state"] == "halted"
    assert {s["state"] for s in plan["steps"] if s["side"] == "sell"} == {"canceled"}
    assert (await desk.client.status())["trading_state"] == "HALTED"
    assert len(accepted_orders(desk.exchange.requests_log())) == sent


async def test_halted_survives_a_restart_of_everything_and_resume_needs_its_reason(
    start_desk: StartDesk, slow_sells: Path
) -> None:
    desk = await start_desk()
    plan_id = await selling(desk, slow_sells)
    await asyncio.to_thread(desk.run, "kill", "--reason", "smoke")
    await desk.kill()
    desk.exchange.kill()
    desk.exchange.restart()
    desk.configure()
    await desk.start()
    assert (await desk.client.status())["trading_state"] == "HALTED"
    refused = await asyncio.to_thread(desk.run, "continue", plan_id)
    assert refused.returncode != 0
    assert "HALTED" in refused.stderr
    without = await asyncio.to_thread(desk.run, "resume", "--reason", " ")
    assert without.returncode == 2
    assert (await desk.client.status())["trading_state"] == "HALTED"
    resumed = await asyncio.to_thread(desk.run, "resume", "--reason", "false alarm")
    assert resumed.returncode == 0, resumed.stderr
    assert (await desk.client.status())["trading_state"] == "ACTIVE"
    assert not desk.home.latch.exists()


async def test_a_dead_desk_is_halted_all_the_same_and_its_orders_are_cancelled(
    start_desk: StartDesk, slow_sells: Path
) -> None:
    desk = await start_desk()
    await selling(desk, slow_sells)
    await desk.kill()
    killed = await asyncio.to_thread(desk.run, "kill", "--reason", "the desk is dead")
    assert killed.returncode == 0, killed.stderr
    assert desk.home.latch.exists()
    deletes = [e for e in desk.exchange.requests_log() if e["method"] == "DELETE"]
    assert len([e for e in deletes if e["status"] in (204, 207)]) >= 1
    await desk.start()
    assert (await desk.client.status())["trading_state"] == "HALTED"
    assert open_orders(desk) == set()


async def test_what_was_cancelled_while_the_desk_was_dead_is_sent_again_after_the_resume(
    start_desk: StartDesk, slow_sells: Path
) -> None:
    desk = await start_desk()
    plan_id = await selling(desk, slow_sells)
    await desk.kill()
    killed = await asyncio.to_thread(desk.run, "kill", "--reason", "the desk is dead")
    assert killed.returncode == 0, killed.stderr
    await desk.start()
    await desk.client.resume("it is back")
    await desk.client.continue_(plan_id)
    plan = await desk.until(plan_id, lambda plan: all(len(o) == 2 for o in orders_of_sells(plan)))
    names = [order["client_order_id"][-2:] for sell in orders_of_sells(plan) for order in sell]
    assert names == ["a1", "a2"] * 3


async def test_a_latch_that_any_process_makes_stops_the_next_order(start_desk: StartDesk) -> None:
    desk = await start_desk()
    plan_id = await desk.rebalance()
    await desk.start_plan(plan_id, "step")
    desk.home.latch.write_bytes(b"")
    refused = await asyncio.to_thread(desk.run, "next", plan_id)
    assert refused.returncode != 0
    assert accepted_orders(desk.exchange.requests_log()) == []
    assert (await desk.client.status())["trading_state"] == "HALTED"


async def test_after_resume_and_continue_the_remainder_is_sold_and_bought_once(
    start_desk: StartDesk,
) -> None:
    desk = await start_desk(fill_delay=400)
    plan_id = await desk.rebalance()
    await desk.start_plan(plan_id, "auto")
    await desk.until(plan_id, lambda plan: any(s["orders"] for s in plan["steps"]))
    await desk.client.halt("smoke", "a test")
    plan = await desk.client.plan(plan_id)
    assert plan["state"] == "halted"
    await desk.client.resume("it was toast")
    await desk.client.continue_(plan_id)
    plan = await desk.until_ended(plan_id)
    assert plan["state"] == "done"
    await desk.client.reconcile()
    held = {r["symbol"]: r["qty"] for r in (await desk.client.snapshot())["positions"].values()}
    assert (held.get("NEM"), held.get("FCX"), held["NVDA"]) == (None, "180", "18")


async def test_a_latch_set_while_a_plan_runs_halts_the_plan_and_cancels_its_orders(
    start_desk: StartDesk, slow_sells: Path
) -> None:
    desk = await start_desk()
    plan_id = await selling(desk, slow_sells)
    desk.home.latch.write_text(
        '{"by": "a script", "reason": "smoke", "at": "2026-01-05T17:00:00Z"}', encoding="utf-8"
    )
    plan = await desk.until(plan_id, lambda plan: plan["state"] == "halted")
    plan = await desk.until(
        plan_id, lambda plan: {s["state"] for s in plan["steps"][:3]} == {"canceled"}
    )
    report = await desk.client.halt_report()
    assert report is not None
    halts = [e for e in await desk.client.events() if e["kind"] == "Halted"]
    assert len(halts) == 1, "one halt, once"
    assert "smoke" in plan["reason"]
    assert len(accepted_orders(desk.exchange.requests_log())) == 3


async def test_every_halt_in_force_adds_to_one_report(
    start_desk: StartDesk, slow_sells: Path
) -> None:
    desk = await start_desk()
    await selling(desk, slow_sells)
    await asyncio.gather(*(desk.client.halt(reason, "a test") for reason in ("one", "two")))
    again = await desk.client.halt("three", "a test")
    assert sorted(o["symbol"] for o in again["orders"]) == ["AA", "FCX", "NEM"]
    assert {o["outcome"] for o in again["orders"]} == {"canceled"}
    assert (again["remaining"], again["complete"]) == (0, True)


async def test_the_daily_loss_limit_halts_by_itself(start_desk: StartDesk, tmp_path: Path) -> None:
    book = json.loads((CASES / "rebalance" / "book.json").read_text())
    book["accounts"]["main"]["equity_at_open"] = "115000.00"
    file = tmp_path / "lost.json"
    file.write_text(json.dumps(book))
    desk = await start_desk(book=file)
    async with asyncio.timeout(DEADLINE):
        while (await desk.client.status())["trading_state"] != "HALTED":
            await asyncio.sleep(0.02)
    report = await desk.client.halt_report()
    assert report is not None
    assert report["by"] == "the daily loss limit"


async def test_a_hung_desk_is_halted_all_the_same_and_stays_so_when_it_wakes(
    start_desk: StartDesk, slow_sells: Path
) -> None:
    desk = await start_desk()
    plan_id = await selling(desk, slow_sells)
    pid = json.loads(desk.home.lock.read_text())["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        killed = await asyncio.to_thread(desk.run, "kill", "--reason", "it hangs")
        assert killed.returncode == 0, killed.stderr
        assert "cancelling at the broker itself" in killed.stderr
        assert desk.home.latch.exists()
    finally:
        os.kill(pid, signal.SIGCONT)
    await desk.until(plan_id, lambda plan: plan["state"] == "halted")
    await desk.until(plan_id, lambda plan: {s["state"] for s in plan["steps"][:3]} == {"canceled"})
    assert (await desk.client.status())["trading_state"] == "HALTED"
    assert len(accepted_orders(desk.exchange.requests_log())) == 3


async def test_a_halt_over_many_working_orders_keeps_protection_and_says_how_long_it_took(
    start_desk: StartDesk, tmp_path: Path
) -> None:
    """One by one, side by side: the stop that protects keeps the bulk cancel from being used."""
    desk = await start_desk()
    lines = [f"{symbol},sell,1,,limit,{price},,day,main" for symbol, price in HIGH.items()]
    file = tmp_path / "many.csv"
    file.write_text(SLOW_SELLS.splitlines()[0] + "\n" + "\n".join(lines) + "\n")
    plan_id = await desk.propose(file)
    await desk.start_plan(plan_id, "auto")
    await desk.until(plan_id, lambda plan: all(s["state"] == "acknowledged" for s in plan["steps"]))
    stop = await stop_order(desk, "JPM", 5, "200")
    report = await desk.client.halt("smoke", "a test")
    kept = [o for o in report["orders"] if o["outcome"] == "protective, kept"]
    assert [o["client_order_id"] for o in kept] == [stop]
    assert {o["outcome"] for o in report["orders"]} == {"protective, kept", "canceled"}
    assert len(report["orders"]) == len(HIGH) + 1
    assert (report["remaining"], report["complete"]) == (0, True)
    assert 0 < float(report["latch_ms"]) < float(report["cancelled_ms"]) < 5000
    deletes = [e["path"] for e in desk.exchange.requests_log() if e["method"] == "DELETE"]
    assert "/v2/orders" not in deletes
    assert open_orders(desk) == {stop}


async def test_without_protection_to_keep_one_bulk_cancel_does_it(
    start_desk: StartDesk, slow_sells: Path
) -> None:
    desk = await start_desk()
    await selling(desk, slow_sells)
    await desk.client.halt("smoke", "a test")
    deletes = [e["path"] for e in desk.exchange.requests_log() if e["method"] == "DELETE"]
    assert deletes == ["/v2/orders"]
    assert open_orders(desk) == set()


async def test_with_the_journal_locked_a_halt_still_cancels_and_holds(
    start_desk: StartDesk, slow_sells: Path
) -> None:
    """Invariant 5: a journal that can't be written stops trading, never the stop."""
    desk = await start_desk()
    await selling(desk, slow_sells)
    with contextlib.closing(sqlite3.connect(desk.home.journal, isolation_level=None)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        report = await desk.client.halt("smoke", "a test")
        assert (report["remaining"], report["complete"]) == (0, True)
        assert open_orders(desk) == set()
        assert desk.home.latch.exists()
        assert (await desk.client.status())["trading_state"] == "HALTED"
        intruder.execute("ROLLBACK")
    await desk.kill()
    await desk.start()
    assert (await desk.client.status())["trading_state"] == "HALTED"
