"""A trade made elsewhere is found, told, and keeps every plan off its symbol until it is settled
(spec 6, Reconciliation)."""

import asyncio
import json
import urllib.request
from collections.abc import Awaitable, Callable

import pytest
from desk_world import RunningDesk, accepted_orders

from services.desk.client import DeskError

StartDesk = Callable[..., Awaitable[RunningDesk]]


def trade_elsewhere(desk: RunningDesk, symbol: str, qty: int) -> None:
    """A market order by the same account, past our desk."""
    body = {"symbol": symbol, "qty": str(qty), "side": "sell", "type": "market",
            "time_in_force": "day"}  # fmt: skip
    request = urllib.request.Request(
        f"{desk.exchange.trading_url}/v2/orders",
        data=json.dumps(body).encode(),
        headers={**desk.exchange.headers, "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).read()


async def test_an_outside_trade_locks_its_symbol_until_the_broker_is_believed(
    start_desk: StartDesk,
) -> None:
    desk = await start_desk()
    plan_id = await desk.rebalance()
    await desk.approve(plan_id, "auto")
    await asyncio.to_thread(trade_elsewhere, desk, "FCX", 10)
    found = await desk.client.reconcile()
    (mismatch,) = found["mismatches"]
    assert (mismatch["kind"], mismatch["ours"], mismatch["broker"]) == ("quantity", "300", "290")
    with pytest.raises(DeskError, match="FCX"):
        await desk.client.run(plan_id)
    snapshot = await desk.client.snapshot()
    assert snapshot["positions"]["FCX"]["locked"] is True
    assert snapshot["reconciled"] is False
    key = f"{mismatch['kind']}:{mismatch['account']}:{mismatch['subject']}"
    with pytest.raises(DeskError, match="reason"):
        await desk.client.mismatch(key, "adopt", " ")
    assert (await desk.client.mismatch(key, "adopt", "my own sale"))["mismatches"] == []
    await desk.client.run(plan_id)
    assert (await desk.until_ended(plan_id))["state"] == "done"
    assert len(accepted_orders(desk.exchange.requests_log())) == 9
    assert desk.run("journal", "verify").returncode == 0


async def test_a_second_look_over_unchanged_books_writes_nothing(start_desk: StartDesk) -> None:
    desk = await start_desk()
    await desk.client.reconcile()
    before = (await desk.client.snapshot())["journal_seq"]
    assert (await desk.client.reconcile())["mismatches"] == []
    kinds = {e["kind"] for e in await desk.client.events(after=before)}
    assert "Reconciled" not in kinds
    assert "PositionAdopted" not in kinds
