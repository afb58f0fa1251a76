"""After a kill nothing leaves, whatever was queued, waiting to be tried again, or next in turn
(failure 28: orders went on after the stop; invariants 26, 28)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal

import pytest
from engine_world import World, settle
from restarts import MemoryLatch, reborn

from db.model.order import OrderState
from db.model.run import Mode, PlanState
from db.model.trading import TradingState
from services.execution.book import NotPossibleError

Moment = Callable[[World], Awaitable[None]]


async def queued(world: World) -> None:
    """The broker's lane is full: the order waits for a thread when the halt comes."""
    gate, submit = asyncio.Event(), world.broker.submit

    async def waits(request, *, permit):  # type: ignore[no-untyped-def]
        await gate.wait()
        return await submit(request, permit=permit)

    world.broker.submit = waits  # type: ignore[method-assign]
    await world.engine.start("3f9a")
    await settle()
    asyncio.get_running_loop().call_later(0.01, gate.set)


async def to_be_tried_again(world: World) -> None:
    world.broker.script["AAA"] = ["rate_limit"]
    await world.engine.start("3f9a")
    await settle()
    assert world.run.orders[0].state is OrderState.REJECTED


async def never_arrived(world: World) -> None:
    """Unknown, found missing twice by then: it would be sent under its own id again."""
    world.broker.script["AAA"] = ["lost"]
    await world.engine.start("3f9a")
    await settle()
    await world.polled()
    await world.clock.move(1.9)


async def before_the_buys(world: World) -> None:
    world.broker.script["AAA"] = ["rest"]
    await world.engine.start("3f9a")
    await settle()


MOMENTS: dict[str, tuple[Moment, int]] = {
    "queued for a thread": (queued, 0),
    "a retry waits": (to_be_tried_again, 1),
    "unknown": (never_arrived, 1),
    "the buys are next": (before_the_buys, 1),
}
"""When the halt comes, and how many orders have left by then."""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World("sell 50 AAA", "buy 20 CCC")
    reborn(made)
    await made.add()
    await made.approve(Mode.AUTO)
    yield made
    await made.close()


@pytest.mark.parametrize(("moment", "left"), MOMENTS.values(), ids=MOMENTS)
async def test_nothing_leaves_after_a_halt(world: World, moment: Moment, left: int) -> None:
    await moment(world)
    engine = world.engine
    halting = asyncio.create_task(engine.halt("a test", "enough"))
    await asyncio.sleep(0.02)
    tracking = asyncio.create_task(engine.tracker.run())
    for order in tuple(world.broker.orders.values()):
        if order.state is OrderState.ACKNOWLEDGED:  # the sell fills while it is cancelled
            world.broker.fill(order.client_order_id, Decimal(50))
    await world.clock.move(300)
    await halting
    assert len(world.broker.posts) == left
    assert world.run.state is PlanState.HALTED
    for forbidden in (engine.continue_("3f9a"), engine.confirm_next("3f9a")):
        with pytest.raises(NotPossibleError):
            await forbidden
    tracking.cancel()
    await world.clock.move(300)
    assert len(world.broker.posts) == left


async def test_a_halt_of_before_is_one_of_now() -> None:
    """Started again with the latch alone: the journal says nothing of the halt (invariant 25)."""
    made, latch = World("sell 50 AAA"), MemoryLatch()
    await made.add()
    latch.set("another process", "enough")
    engine = reborn(made, latch=latch)
    await engine.recover(made.journal.events)
    assert engine.safety.state is TradingState.HALTED
    await made.approve(Mode.AUTO)
    with pytest.raises(NotPossibleError, match="HALTED"):
        await engine.start("3f9a")
    assert made.broker.posts == []
    await made.close()
