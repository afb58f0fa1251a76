"""A driver looks at the broker, and then moves its plan on. What the trader did between the two stands:
a pause is not undone, an abort is not an error (spec 5, Plan states; invariant 7)."""

import pytest
from engine_world import World, settle

from db.model.plan import Plan
from db.model.run import Mode, PlanState
from services.risk.facts import Facts


@pytest.mark.parametrize("state", [PlanState.PAUSED, PlanState.ABORTED])
async def test_while_the_desk_looks_before_the_buys(
    state: PlanState, caplog: pytest.LogCaptureFixture
) -> None:
    world = World("sell 50 AAA", "buy 20 CCC")
    told = world._facts

    async def slow(plan: Plan) -> Facts:
        if world.run.state is PlanState.SETTLING:
            await world.clock.sleep(1)
        return await told(plan)

    world.engine._driver._facts = slow
    try:
        await world.start(Mode.AUTO)
        await settle()
        assert world.run.state is PlanState.SETTLING
        if state is PlanState.PAUSED:
            await world.engine.pause(world.plan.plan_id)
        else:
            await world.engine.abort(world.plan.plan_id, "changed my mind")
        await world.clock.move(5)
        assert world.run.state is state
        assert world.sent == [("AAA", 50, "a1")]
        assert world.journal.of("TransitionRefused") == []
        assert not [record for record in caplog.records if record.exc_info]
    finally:
        await world.close()
