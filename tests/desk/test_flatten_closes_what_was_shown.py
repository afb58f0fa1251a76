"""Flatten: the list first, then its token; each position by itself; HALTED before and after (spec 5,
Kill switch; invariants 20, 27; failure 33)."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from desk_world import CASES, DEADLINE, RunningDesk, accepted_orders
from other_hand import stop_order

from services.desk.client import DeskError

StartDesk = Callable[..., Awaitable[RunningDesk]]


async def held(desk: RunningDesk) -> dict[str, str]:
    rows = (await desk.client.snapshot())["positions"].values()
    return {row["symbol"]: row["qty"] for row in rows}


async def flattened(desk: RunningDesk) -> dict[str, Any]:
    card = await desk.client.flatten_card()
    report = await desk.client.flatten(card["token"], "a test")
    async with asyncio.timeout(DEADLINE):
        while not report["complete"]:
            await asyncio.sleep(0.02)
            report = await desk.client.flatten_report() or report
    return report


async def test_the_list_says_what_closing_brings_and_costs_and_changes_nothing(
    start_desk: StartDesk,
) -> None:
    desk = await start_desk()
    shown = await asyncio.to_thread(desk.run, "flatten", "--json")
    assert shown.returncode == 0, shown.stderr
    card = json.loads(shown.stdout)
    assert {row["symbol"]: row["qty"] for row in card["positions"]} == await held(desk)
    assert all(row["side"] == "sell" for row in card["positions"])
    assert float(card["proceeds"]) > 0
    assert float(card["cost"]) > 0
    assert (await desk.client.status())["trading_state"] == "ACTIVE"
    assert accepted_orders(desk.exchange.requests_log()) == []


async def test_from_the_command_line_everything_is_closed_and_trading_is_halted(
    start_desk: StartDesk,
) -> None:
    desk = await start_desk()
    before = await held(desk)
    token = (await desk.client.flatten_card())["token"]
    done = await asyncio.to_thread(desk.run, "flatten", "--yes", token)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("closed") == len(before)
    status = await desk.client.status()
    assert (status["trading_state"], status["positions"]) == ("HALTED", [])
    orders = accepted_orders(desk.exchange.requests_log())
    assert {(o["symbol"], o["side"], o["type"]) for o in orders} == {
        (symbol, "sell", "limit") for symbol in before
    }, "marketable limits: the market is next"
    assert desk.home.latch.exists()


async def test_a_wrong_token_or_a_second_use_of_it_closes_nothing(start_desk: StartDesk) -> None:
    desk = await start_desk()
    card = await desk.client.flatten_card()
    with pytest.raises(DeskError, match="not the one"):
        await desk.client.flatten("XXXX", "a test")
    await desk.client.flatten(card["token"], "a test")
    with pytest.raises(DeskError):
        await desk.client.flatten(card["token"], "a test")


async def test_working_orders_of_plans_go_first(start_desk: StartDesk, tmp_path: Path) -> None:
    desk = await start_desk()
    file = tmp_path / "basket.csv"
    file.write_text(
        "symbol,side,qty,notional,type,limit_price,stop_price,time_in_force,account\n"
        "NEM,sell,50,,limit,83.00,,day,main\n"
    )
    plan_id = await desk.propose(file)
    await desk.start_plan(plan_id, "auto")
    await desk.until(plan_id, lambda plan: plan["steps"][0]["state"] == "acknowledged")
    report = await flattened(desk)
    assert report["remaining"] == []
    assert await held(desk) == {}
    assert (await desk.client.plan(plan_id))["state"] == "halted"


async def test_what_protects_a_position_is_shown_goes_first_and_the_position_with_it(
    start_desk: StartDesk,
) -> None:
    desk = await start_desk()
    stop = await stop_order(desk, "JPM", int((await held(desk))["JPM"]), "200")
    await desk.client.mismatch(await external(desk), "ignore", "placed by another hand")
    card = await desk.client.flatten_card()
    assert {row["symbol"]: row["protective"] for row in card["positions"]}["JPM"] == [stop]
    report = await flattened(desk)
    assert report["remaining"] == []
    assert await held(desk) == {}
    log = sorted(desk.exchange.requests_log(), key=lambda entry: int(entry["seq"]))
    (sale,) = [
        o
        for o in accepted_orders(log)
        if o["symbol"] == "JPM" and o["side"] == "sell" and o["type"] == "limit"
    ]
    assert any(e["method"] == "DELETE" and e["seq"] < sale["seq"] for e in log)


async def external(desk: RunningDesk) -> str:
    """The key of the difference that an order of another hand makes."""
    async with asyncio.timeout(DEADLINE):
        while not (found := (await desk.client.reconcile())["mismatches"]):
            await asyncio.sleep(0.02)
    return (
        str(found[0]["key"])
        if "key" in found[0]
        else ":".join((found[0]["kind"], found[0]["account"], found[0]["subject"]))
    )


async def test_one_position_that_cant_be_closed_keeps_no_other_from_being_closed(
    start_desk: StartDesk, tmp_path: Path
) -> None:
    """Failure 33: the first order is refused."""
    book = json.loads((CASES / "rebalance" / "book.json").read_text())
    (stuck,) = [listing for listing in book["market"] if listing["symbol"] == "NEM"]
    stuck["tradable"] = False
    file = tmp_path / "stuck.json"
    file.write_text(json.dumps(book))
    desk = await start_desk(book=file)
    report = await flattened(desk)
    assert report["remaining"] == ["main/NEM"]
    assert report["flat_ms"] is None
    assert set(await held(desk)) == {"NEM"}
    assert (await desk.client.status())["trading_state"] == "HALTED"
    async with asyncio.timeout(DEADLINE):
        while "left_open" not in {a["condition"] for a in (await desk.client.status())["alerts"]}:
            await asyncio.sleep(0.02)


async def test_a_desk_that_dies_while_it_flattens_comes_back_halted(start_desk: StartDesk) -> None:
    desk = await start_desk(fill_delay=3000)
    card = await desk.client.flatten_card()
    async with desk.seen(lambda event: event["kind"] == "OrderAcknowledged") as sent:
        asking = asyncio.create_task(desk.client.flatten(card["token"], "a test"))
        await sent
    await desk.kill()
    await asyncio.gather(asking, return_exceptions=True)
    await desk.start()
    assert (await desk.client.status())["trading_state"] == "HALTED"
    assert desk.home.latch.exists()
