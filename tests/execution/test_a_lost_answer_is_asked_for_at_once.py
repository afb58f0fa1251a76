"""An unknown order stays so no longer than the broker takes to tell of it (spec 5, Submitting, step 5)."""

import asyncio

from engine_world import World, payloads, settle

from db.model.order import OrderState
from db.model.run import Mode


async def test_whose_answer_is_lost_is_asked_for_before_the_next_poll() -> None:
    world = World("sell 50 AAA")
    world.broker.script["AAA"] = ["silent"]
    tracking = asyncio.create_task(world.engine.tracker.run())
    try:
        await settle()  # it has looked once, and waits
        await world.start(Mode.AUTO)
        await settle()
        assert payloads(world, "OrderUnknown"), "the answer was lost"
        assert world.clock.seconds == 0
        assert world.run.orders[0].state is OrderState.ACKNOWLEDGED
    finally:
        tracking.cancel()
        await asyncio.gather(tracking, return_exceptions=True)
        await world.close()
