"""No send unless the order stream is authorised, the books agree since, and the broker was read a
moment ago (invariant 29). On the real exchange, which is stopped and started under a working desk."""

import asyncio
import json
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from desk_world import DEADLINE, Json, RunningDesk, accepted_orders

from services.desk.client import DeskError

StartDesk = Callable[..., Awaitable[RunningDesk]]


def elsewhere(desk: RunningDesk, **order: Any) -> None:
    """An order of the same account, past our desk."""
    body = {"side": "sell", "type": "market", "time_in_force": "day", **order}
    request = urllib.request.Request(
        f"{desk.exchange.trading_url}/v2/orders",
        data=json.dumps(body).encode(),
        headers={**desk.exchange.headers, "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).read()


async def until(desk: RunningDesk, true: Callable[[Json], bool]) -> Json:
    async with asyncio.timeout(DEADLINE):
        while not true(snapshot := await desk.client.snapshot()):
            await asyncio.sleep(0.05)
    return snapshot


async def until_runs(desk: RunningDesk, plan_id: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await desk.client.run(plan_id)
                return
            except DeskError as error:
                assert "Nothing may be sent" in error.sentence, error.sentence
                await asyncio.sleep(0.05)


async def on_a_fixed_port(start_desk: StartDesk) -> RunningDesk:
    """So that the exchange comes back where the desk looks for it."""
    desk = await start_desk()
    port = desk.exchange.trading_url.rpartition(":")[2]
    desk.exchange.options += ["--port", port]
    return desk


async def test_without_the_order_stream_nothing_starts_and_the_books_come_first_after_it(
    start_desk: StartDesk,
) -> None:
    desk = await on_a_fixed_port(start_desk)
    plan_id = await desk.rebalance()
    await desk.approve(plan_id, "auto")
    await asyncio.to_thread(desk.exchange.stop)
    await until(desk, lambda seen: not seen["feed"]["orders_connected"])
    with pytest.raises(DeskError):
        await desk.client.run(plan_id)
    before = len(await desk.client.events())
    await asyncio.to_thread(desk.exchange.start)
    # Sold by somebody else before the desk is back: the books differ, and everything waits.
    await asyncio.to_thread(elsewhere, desk, symbol="XOM", qty="10")
    seen = await until(desk, lambda now: bool(now["mismatches"]))
    (found,) = seen["mismatches"]
    assert (found["symbol"], found["critical"]) == ("XOM", True)
    assert "(order " in found["explanation"]
    with pytest.raises(DeskError, match="nobody has signed it"):
        await desk.client.run(plan_id)
    key = f"{found['kind']}:{found['account']}:{found['subject']}"
    await desk.client.mismatch(key, "investigate", "asked the other desk", "ann")
    (noted,) = (await desk.client.snapshot())["mismatches"]
    assert noted["note"] == "ann: asked the other desk"
    await until_runs(desk, plan_id)  # its symbol stays locked, no step of the plan needs it
    assert (await desk.until_ended(plan_id))["state"] == "done"
    kinds = [event["kind"] for event in (await desk.client.events())[before:]]
    assert kinds.index("Reconciled") < kinds.index("OrderIntended")


async def test_a_plan_waits_for_the_stream_and_goes_on_by_itself(start_desk: StartDesk) -> None:
    desk = await on_a_fixed_port(start_desk)
    plan_id = await desk.rebalance()
    await desk.start_plan(plan_id, "step")
    await asyncio.to_thread(desk.exchange.stop)
    await until(desk, lambda seen: not seen["feed"]["orders_connected"])
    with pytest.raises(DeskError, match="Nothing may be sent"):
        await desk.client.next(plan_id)
    await asyncio.to_thread(desk.exchange.start)
    assert (await desk.confirm_until_ended(plan_id))["state"] == "done"
    names = [o["client_order_id"] for o in accepted_orders(desk.exchange.requests_log())]
    assert len(names) == len(set(names))


async def test_steps_on_a_locked_symbol_wait_and_the_others_go_on(start_desk: StartDesk) -> None:
    desk = await start_desk()
    plan_id = await desk.rebalance()
    await desk.start_plan(plan_id, "step")
    await asyncio.to_thread(elsewhere, desk, symbol="FCX", qty="10")
    (found,) = (await desk.client.reconcile())["mismatches"]
    for _ in range(3):
        await desk.client.next(plan_id)
    sold = await desk.until(
        plan_id, lambda now: sum(s["state"] == "filled" for s in now["steps"]) == 2
    )
    assert sold["state"] == "selling"
    waiting = [s["symbol"] for s in sold["steps"] if s["side"] == "sell" and s["state"] != "filled"]
    assert waiting == ["FCX"]
    key = f"{found['kind']}:{found['account']}:{found['subject']}"
    await desk.client.mismatch(key, "adopt", "my own sale", "ann")
    assert (await desk.confirm_until_ended(plan_id))["state"] == "done"


async def test_an_outside_order_is_known_or_cancelled_by_a_signature(start_desk: StartDesk) -> None:
    desk = await start_desk()
    limit = {"type": "limit", "limit_price": "9999", "qty": "5"}
    await asyncio.to_thread(elsewhere, desk, symbol="XOM", client_order_id="web-1", **limit)
    await asyncio.to_thread(elsewhere, desk, symbol="FCX", client_order_id="web-2", **limit)
    found = (await desk.client.reconcile())["mismatches"]
    assert [(m["kind"], m["subject"]) for m in found] == [
        ("external_order", "web-1"), ("external_order", "web-2"),
    ]  # fmt: skip
    done = desk.run("reconcile", "settle", "external_order:main:web-1", "adopt", "--reason", "mine")
    assert done.returncode == 10, done.stderr
    with pytest.raises(DeskError, match="reason"):
        await desk.client.mismatch("external_order:main:web-2", "cancel", "")
    done = desk.run(
        "reconcile", "settle", "external_order:main:web-2", "cancel", "--reason", "not mine"
    )
    assert done.returncode == 0, done.stderr
    rows = (await desk.client.snapshot())["orders"]
    assert [row["client_order_id"] for row in rows.values() if row["external"]] == ["web-1"]
