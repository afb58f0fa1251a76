"""kill -9 of the desk at any moment of a plan: after restart and "continue" the exchange has exactly
the plan's orders, once each, and the journal verifies (issue 2; invariants 1-4)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from desk_world import RunningDesk, accepted_orders, as_steps, planned_steps

StartDesk = Callable[..., Awaitable[RunningDesk]]

MOMENTS = [
    ("PlanApproved", None),
    ("PlanStarted", None),
    ("OrderIntended", 3),
    ("OrderSent", 2),
    ("OrderAcknowledged", 1),
    ("FillReceived", 2),
    ("PlanAdvanced", None),
    ("OrderIntended", 4),
    ("OrderSent", 5),
    ("FillReceived", 7),
    ("ProtectionSet", None),
]


@pytest.mark.parametrize(("kind", "step"), MOMENTS, ids=[f"{k}-{s}" for k, s in MOMENTS])
async def test_no_order_is_sent_twice_and_none_is_forgotten(
    start_desk: StartDesk, kind: str, step: int | None
) -> None:
    desk = await start_desk(fill_delay=30)
    plan_id = await desk.rebalance()

    def now(event: dict[str, Any]) -> bool:
        return event["kind"] == kind and step in (None, event["step"])

    async with desk.seen(now) as seen:
        await desk.approve(plan_id, "auto")
        if kind != "PlanApproved":
            await desk.client.run(plan_id)
        await seen
    await desk.kill()
    await desk.start()
    plan = await desk.client.plan(plan_id)
    if plan["state"] == "approved":
        await desk.client.run(plan_id)
    elif plan["state"] == "paused":
        assert "interrupted" in plan["reason"]
        await desk.client.continue_(plan_id)
    plan = await desk.until_ended(plan_id)
    assert plan["state"] == "done"
    orders = accepted_orders(desk.exchange.requests_log())
    assert as_steps(orders) == planned_steps(plan)
    ids = [order["client_order_id"] for order in orders]
    assert len(set(ids)) == len(ids)
    assert desk.run("journal", "verify").returncode == 0
    assert (await desk.client.reconcile())["mismatches"] == []
