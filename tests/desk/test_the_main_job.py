"""Intake, plan, dry run, approval, sells, gate, buys, paper: on a real desk and a real exchange.

What happened is read from the exchange's own request log and account, not from us (invariants 15, 16)."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from desk_world import CASES, RunningDesk, accepted_orders, as_steps, planned_steps

from services.reports.portfolio_md import parse

StartDesk = Callable[..., Awaitable[RunningDesk]]


async def executed(desk: RunningDesk, plan_id: str, mode: str) -> dict[str, object]:
    await desk.start_plan(plan_id, mode)
    if mode == "auto":
        return await desk.until_ended(plan_id)
    return await desk.confirm_until_ended(plan_id)


def assert_sells_before_buys(desk: RunningDesk) -> None:
    """By the exchange's log: no buy arrived before the last sell was filled, and each buy found
    its predecessor filled."""
    log = desk.exchange.requests_log()
    orders = accepted_orders(log)
    sides = [order["side"] for order in orders]
    assert sides == sorted(sides, reverse=True), "sells first"
    first_buy = next(o["seq"] for o in orders if o["side"] == "buy")
    answers = [
        entry["answer"]
        for entry in log
        if entry["path"] == "/v2/account" and entry["status"] == 200 and entry["seq"] < first_buy
    ]
    assert answers, "the cash was asked for before the first buy"


@pytest.mark.parametrize("mode", ["auto", "phase", "step"])
async def test_a_rebalance_from_file_to_filled(start_desk: StartDesk, mode: str) -> None:
    desk = await start_desk(fill_delay=20)
    plan_id = await desk.rebalance()
    document = await executed(desk, plan_id, mode)
    assert document["state"] == "done"
    orders = accepted_orders(desk.exchange.requests_log())
    assert as_steps(orders) == planned_steps(document)
    assert_sells_before_buys(desk)
    assert [s["symbol"] for s in document["steps"]][:3] == ["NEM", "AA", "FCX"]
    await desk.client.reconcile()
    snapshot = await desk.client.snapshot()
    assert Decimal(snapshot["cash"]) >= Decimal("0.05") * Decimal(snapshot["equity"])
    held = {row["symbol"]: Decimal(row["qty"]) for row in snapshot["positions"].values()}
    assert held["FCX"] == 180
    assert {"NEM", "AA", "UNH"}.isdisjoint(held)
    row = snapshot["positions"]["NVDA"]
    assert row["stop_price"] is not None
    assert snapshot["reconciled"] is True
    at, priced = (datetime.fromisoformat(t) for t in (snapshot["at"], row["price_at"]))
    assert abs(at - priced) < timedelta(minutes=1), "one clock tells a price's age"


async def test_cash_never_falls_under_the_buffer_while_buying(start_desk: StartDesk) -> None:
    desk = await start_desk(fill_delay=20)
    await executed(desk, await desk.rebalance(), "auto")
    log = sorted(desk.exchange.requests_log(), key=lambda entry: int(entry["seq"]))
    first_buy = next(o["seq"] for o in accepted_orders(log) if o["side"] == "buy")
    accounts = [
        entry["answer"]
        for entry in log
        if entry["path"] == "/v2/account" and entry["seq"] > first_buy
    ]
    assert accounts
    for account in accounts:
        assert Decimal(account["cash"]) >= Decimal("0.05") * Decimal(account["equity"])


@pytest.mark.parametrize("mode", ["auto", "phase", "step"])
async def test_the_tenth_of_november_as_it_should_have_gone(
    start_desk: StartDesk, mode: str
) -> None:
    book = CASES / "nov10" / "book.json"
    desk = await start_desk("swing", book=book, fill_delay=10)
    plan_id = await desk.propose(CASES / "nov10" / "basket.csv")
    document = await desk.client.plan(plan_id)
    assert document["verdict"] == "BLOCKED"
    bad = {f["subject"] for f in document["findings"] if f["severity"] == "block"}
    assert bad == {"LUMN", "MRVL", "Technology"}, "Technology: the sector that MRVL would add to"
    for symbol in ("LUMN", "MRVL"):
        n = next(s["n"] for s in document["steps"] if s["symbol"] == symbol)
        document = await desk.client.drop(plan_id, n)
    assert document["verdict"] == "CONDITIONAL"
    document = await executed(desk, plan_id, mode)
    assert document["state"] == "done"
    assert as_steps(accepted_orders(desk.exchange.requests_log())) == planned_steps(document)
    assert_sells_before_buys(desk)


async def test_a_blocked_plan_is_not_approved(start_desk: StartDesk) -> None:
    book = CASES / "nov10" / "book.json"
    desk = await start_desk("swing", book=book)
    plan_id = await desk.propose(CASES / "nov10" / "basket.csv")
    ran = desk.run("run", plan_id, "--mode", "auto", "--yes")
    assert ran.returncode == 20
    assert accepted_orders(desk.exchange.requests_log()) == []


async def test_portfolio_md_is_written_after_the_plan_and_reads_back(
    start_desk: StartDesk,
) -> None:
    desk = await start_desk()
    plan_id = await desk.rebalance()
    ran = desk.run("run", plan_id, "--mode", "auto", "--yes")
    assert ran.returncode == 0, ran.stderr
    report = parse(Path(desk.run("portfolio").stdout.strip()).read_text(encoding="utf-8"))
    assert {line.ticker: line.quantity for line in report.holdings}["FCX"] == 180
    assert any(plan_id in note for note in report.notes)
    executed = json.loads(await desk.report(f"{plan_id}-r1-execution.json"))
    trades = executed["execution_report"]["trade_details"]
    assert [trade["ticker"] for trade in trades][:3] == ["NEM", "AA", "FCX"]
    assert executed["execution_report"]["meta"]["execution_status"] == "DONE"
    assert len(executed["steps"]) == 8
    verified = desk.run("journal", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


async def test_what_is_on_the_card_is_what_is_approved(start_desk: StartDesk) -> None:
    desk = await start_desk()
    plan_id = await desk.rebalance()
    card = await desk.client.card(plan_id)
    await desk.client.drop(plan_id, 8)
    ran = desk.run("approve", plan_id, "--token", card["token"])
    assert ran.returncode == 2
    assert "changed" in ran.stderr
