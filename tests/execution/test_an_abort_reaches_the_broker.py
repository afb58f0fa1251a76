"""What works when a plan is aborted is cancelled, also when the request is lost on its way: a cancel
is one only when the broker reports it (invariant 14)."""

from engine_world import World

from db.model.order import OrderState
from db.model.run import Mode, PlanState
from services.brokers.port import CancelOutcome


async def test_a_lost_cancel_of_an_aborted_plan_is_asked_for_again_invariant_14() -> None:
    world = World("sell 50 AAA @ 101")
    world.broker.script = {"AAA": ["rest"]}
    reached, lost = world.broker.cancel, [1, 2]

    async def cancel(order_id: str) -> CancelOutcome:
        if lost:
            lost.pop()
            return CancelOutcome.UNRESOLVED
        return await reached(order_id)

    world.broker.cancel = cancel  # type: ignore[method-assign]
    try:
        await world.start(Mode.AUTO)
        await world.engine.abort(world.plan.plan_id, "changed my mind")
        await world.polled()
        assert len(lost) == 1  # not asked for at every look
        for _ in range(2):
            await world.clock.move(6)
            await world.polled()
        await world.polled()
        assert world.run.state is PlanState.ABORTED
        assert [order.state for order in world.run.orders] == [OrderState.CANCELED]
    finally:
        await world.close()
