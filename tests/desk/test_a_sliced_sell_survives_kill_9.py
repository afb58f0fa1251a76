"""A sliced sell in auto mode, the desk killed with -9 in its middle: the total is exact, and every
child was sent once (spec 5, Sliced orders; invariants 1-4, 15)."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from desk_world import RunningDesk, accepted_orders

StartDesk = Callable[..., Awaitable[RunningDesk]]


def child_event(kind: str, child: int) -> Callable[[dict[str, Any]], bool]:
    return lambda event: (
        event["kind"] == kind and str(event["client_order_id"]).endswith(f"-s01-c{child}-a1")
    )


@pytest.mark.parametrize(("kind", "child"), [("OrderIntended", 3), ("FillReceived", 2)])
async def test_the_slice_goes_on_where_it_was(start_desk: StartDesk, kind: str, child: int) -> None:
    desk = await start_desk()
    plan_id = await desk.rebalance()
    algorithm = {"name": "twap", "minutes": "0.15", "interval_seconds": 1}
    plan = await desk.client.slice(plan_id, 1, algorithm)
    qty = Decimal(plan["steps"][0]["qty"])
    async with desk.seen(child_event(kind, child)) as seen:
        await desk.start_plan(plan_id, "auto")
        await seen
    await desk.kill()
    await desk.start()
    before = (await desk.client.plan(plan_id))["steps"][0]["slice"]
    await desk.client.continue_(plan_id)
    plan = await desk.until_ended(plan_id)
    step = plan["steps"][0]
    orders = accepted_orders(desk.exchange.requests_log())
    ids = [order["client_order_id"] for order in orders]
    assert len(set(ids)) == len(ids)
    sells = [o for o in orders if o["client_order_id"].startswith(f"qd-{plan_id}-s01-")]
    assert len(sells) >= child
    assert step["slice"] == before
    assert plan["state"] == "done"
    assert sum(Decimal(str(order["qty"])) for order in sells) == qty == Decimal(step["filled_qty"])
    last_sell = max(order["seq"] for order in orders if order["side"] == "sell")
    assert all(order["seq"] > last_sell for order in orders if order["side"] == "buy")
    assert desk.run("journal", "verify").returncode == 0
