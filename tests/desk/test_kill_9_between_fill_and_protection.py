"""kill -9 of the desk at any moment between a fill and its protection, or while protection makes room
for a sale: after the restart what is held is protected at the exchange, exactly once."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from desk_world import RunningDesk, accepted_orders, protective_orders
from protection_world import bought, covered, eventually, held, with_cash

StartDesk = Callable[..., Awaitable[RunningDesk]]

AFTER_THE_FILL = [
    ("FillReceived", "-c"),
    ("OrderIntended", "-p"),
    ("OrderSent", "-p"),
    ("LegAcknowledged", ""),
    ("OrderAcknowledged", "-p"),
    ("ProtectionConfirmed", ""),
]
MAKING_ROOM = [
    ("ProtectionReleased", ""),
    ("CancelRequested", ""),
    ("OrderUpdated", ""),
    ("OrderIntended", "-c"),
    ("OrderSent", "-c"),
    ("FillReceived", "-c"),
]


def guarded(desk: RunningDesk) -> int:
    """Shares that work under protection: in one pair, or in two when the answer for one was lost."""
    return sum(map(int, covered(desk, "ABBV")))


async def killed_at(desk: RunningDesk, plan_id: str, kind: str, order: str) -> dict[str, Any]:
    """The plan, once the desk was killed at such an event, started again, and let go on."""

    def now(event: dict[str, Any]) -> bool:
        return event["kind"] == kind and order in (event["client_order_id"] or "")

    async with desk.seen(now) as seen:
        await desk.start_plan(plan_id, "auto")
        await seen
    await desk.kill()
    await desk.start()
    plan = await desk.client.plan(plan_id)
    if plan["state"] == "paused":
        await eventually(lambda: guarded(desk) in (10, 6))
        await desk.client.continue_(plan_id)
    return await desk.until_ended(plan_id)


async def assert_sound(desk: RunningDesk) -> None:
    log = desk.exchange.requests_log()
    for orders in (accepted_orders(log), protective_orders(log)):
        ids = [order["client_order_id"] for order in orders]
        assert len(set(ids)) == len(ids)
    assert desk.run("journal", "verify").returncode == 0
    assert (await desk.client.reconcile())["mismatches"] == []


@pytest.mark.parametrize(("kind", "order"), AFTER_THE_FILL)
async def test_what_filled_is_protected_exactly_once(
    start_desk: StartDesk, kind: str, order: str
) -> None:
    desk = await start_desk(fill_delay=30)
    await with_cash(desk)
    made = await desk.client.ticket(symbol="ABBV", side="buy", qty="10")
    plan = await killed_at(desk, made["plan_id"], kind, order)
    assert plan["state"] == "done"
    await eventually(lambda: covered(desk, "ABBV") == ["10"])
    assert len(protective_orders(desk.exchange.requests_log())) == 1
    await assert_sound(desk)


@pytest.mark.parametrize(("kind", "order"), MAKING_ROOM)
async def test_a_sale_cut_short_leaves_no_share_bare_and_sells_none_twice(
    start_desk: StartDesk, kind: str, order: str
) -> None:
    desk = await start_desk(fill_delay=30)
    await with_cash(desk)
    await bought(desk)
    made = await desk.client.ticket(symbol="ABBV", side="sell", qty="4")
    plan = await killed_at(desk, made["plan_id"], kind, order)
    assert plan["state"] == "done"
    assert held(desk, "ABBV") == "6"
    await eventually(lambda: guarded(desk) == 6)
    await assert_sound(desk)
