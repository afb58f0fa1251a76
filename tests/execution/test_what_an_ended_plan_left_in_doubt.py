"""A plan that was aborted while an order was on its way, and a desk that died before the answer: the
order is asked for like any other (spec 5, Crash and restart; invariant 8)."""

import pytest
from engine_world import World, settle

from db.model.event import EventDraft
from db.model.order import OrderState
from db.model.run import Mode, PlanState
from services.execution.decide import next_child
from services.execution.drafts import of_order


async def aborted(*, sent: bool) -> World:
    """What the journal says when the desk died between an intent and the answer."""
    world = World("sell 50 AAA")
    await world.add()
    await world.approve(Mode.AUTO)
    order = next_child(world.run, world.plan.steps[0], world.clock.now())
    await world.engine.book.record(
        EventDraft(kind="PlanStarted", plan_id=order.plan_id, payload={"mode": "auto"}),
        of_order(order, "OrderIntended", {"order": order.to_json()}),
        *((of_order(order, "OrderSent"),) if sent else ()),
        EventDraft(kind="PlanAborted", plan_id=order.plan_id, payload={"reason": "enough"}),
    )
    assert world.run.state is PlanState.ABORTED
    return world


@pytest.mark.parametrize("sent", [True, False])
async def test_one_that_never_arrived_is_closed_after_two_look_ups(sent: bool) -> None:
    world = await aborted(sent=sent)
    await world.engine.recover(world.journal.events)
    assert world.run.orders[0].state is OrderState.UNKNOWN
    for _ in range(2):
        await world.polled()
        await world.clock.move(2)
    assert world.run.orders[0].state is OrderState.REJECTED
    assert world.run.orders[0].reason == "its plan has ended"
    assert not world.broker.posts


async def test_one_that_did_arrive_is_cancelled() -> None:
    world = await aborted(sent=True)
    name = world.run.orders[0].client_order_id
    world.broker._take(world.run.orders[0].request())
    await world.engine.recover(world.journal.events)
    await world.polled()
    await settle()
    assert world.broker.orders[name].state is OrderState.CANCELED
