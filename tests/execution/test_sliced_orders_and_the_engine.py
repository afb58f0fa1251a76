"""Sliced steps carried out by the engine: at the touch, through the gate, at rest with their plan
(spec 5, Sliced orders; invariants 1, 15, 16)."""

from collections.abc import AsyncIterator, Callable
from decimal import Decimal

import pytest
from engine_world import World, settle

from db.model.market import MarketClock
from db.model.order import OrderState, OrderType
from db.model.plan import Plan
from db.model.run import Mode, PlanState
from db.model.slicing import Algorithm, AlgorithmName
from services.risk.facts import Facts

MakeWorld = Callable[..., World]
MINUTES = 4


@pytest.fixture
async def make() -> AsyncIterator[MakeWorld]:
    made: list[World] = []

    def one(*steps: str, **more: object) -> World:
        """The first step in four pieces, one a minute."""
        world = World(*steps)
        algorithm = Algorithm(name=AlgorithmName.TWAP, minutes=Decimal(MINUTES), **more)
        first, *rest = world.plan.steps
        sliced = first.model_copy(update={"algorithm": algorithm})
        world.plan = world.plan.model_copy(update={"steps": (sliced, *rest)})
        made.append(world)
        return world

    yield one
    for each in made:
        await each.close()


def sent(world: World) -> list[tuple[str, Decimal | None]]:
    return [(post.client_order_id[-9:], post.qty) for post in world.broker.posts]


FOUR = [(f"s01-c{n}-a1", 10) for n in range(1, 5)]


async def test_a_sliced_sell_goes_out_in_pieces_and_the_buy_waits_for_the_last(
    make: MakeWorld,
) -> None:
    world = make("sell 40 AAA", "buy 20 CCC")
    await world.start(Mode.AUTO)
    await world.clock.move(100)
    assert 1 < len(sent(world)) < 4
    await world.clock.move(200)
    assert sent(world) == [*FOUR, ("s02-c1-a1", 20)]
    assert world.run.state is PlanState.DONE, world.run.reason


async def test_each_piece_is_a_limit_at_the_touch_within_the_band(make: MakeWorld) -> None:
    world = make("sell 40 AAA")
    await world.start(Mode.AUTO)
    await world.clock.move(30)
    world.prices["AAA"] = "110"
    await world.clock.move(300)
    posts = world.broker.posts
    assert {post.type for post in posts} == {OrderType.LIMIT}
    assert posts[0].limit_price == Decimal("99.50")
    assert posts[-1].limit_price == Decimal("109.45")


async def test_no_piece_goes_below_the_limit_of_the_algorithm(make: MakeWorld) -> None:
    world = make("sell 40 AAA", limit_price=Decimal("105"))
    await world.start(Mode.AUTO)
    await world.clock.move(300)
    assert {post.limit_price for post in world.broker.posts} == {Decimal(105)}


async def test_every_piece_of_a_buy_passes_the_gate(make: MakeWorld) -> None:
    world = make("buy 40 CCC")
    await world.start(Mode.AUTO)
    await world.clock.move(300)
    assert sent(world) == FOUR
    assert len(world.journal.of("GateChecked")) == 4
    assert world.run.state is PlanState.DONE


async def test_a_pause_takes_back_what_works_and_the_slice_goes_on_after_it(
    make: MakeWorld,
) -> None:
    world = make("sell 40 AAA")
    world.broker.script["AAA"] = ["rest"]
    await world.start(Mode.AUTO)
    await world.clock.move(20)
    assert len(world.broker.posts) == 1
    await world.engine.pause(world.plan.plan_id)
    await settle()
    await world.polled()
    (order,) = world.run.orders
    assert (order.state, order.cancel_reason) == (OrderState.CANCELED, "pause")
    await world.clock.move(10)
    await world.engine.continue_(world.plan.plan_id)
    await world.clock.move(300)
    assert sum(post.qty or 0 for post in world.broker.posts[1:]) == 40
    assert world.run.state is PlanState.DONE, world.run.reason


async def test_a_pause_while_the_touch_is_looked_up_stops_the_piece(make: MakeWorld) -> None:
    world = make("sell 40 AAA")
    await world.start(Mode.AUTO)
    before = len(world.broker.posts)
    slices = world.engine._driver._slices

    async def paused_meanwhile(_: Plan) -> Facts:
        await world.engine.pause(world.plan.plan_id)
        return world.now()

    slices._facts = paused_meanwhile
    await world.clock.move(120)
    assert world.run.state is PlanState.PAUSED
    assert len(world.broker.posts) == before
    assert len(world.run.orders) == before


async def test_what_never_fills_is_cancelled_at_the_end_and_told(make: MakeWorld) -> None:
    world = make("sell 40 AAA")
    world.broker.script["AAA"] = ["rest"] * 9
    await world.start(Mode.AUTO)
    for _ in range(60):
        await world.clock.move(5)
        await world.polled()
    assert all(order.state is OrderState.CANCELED for order in world.run.orders)
    assert world.run.state is PlanState.DONE_WITH_EXCEPTIONS
    assert "0 of 40 filled" in world.run.given_up[1]


async def test_nothing_leaves_once_the_session_is_over(make: MakeWorld) -> None:
    world = make("sell 40 AAA")
    await world.start(Mode.AUTO)
    await world.clock.move(100)
    before = len(world.broker.posts)

    def closed(facts):  # type: ignore[no-untyped-def]
        from dataclasses import replace

        assert isinstance(facts.clock, MarketClock)
        return replace(facts, clock=facts.clock.model_copy(update={"is_open": False}))

    world.change = closed
    await world.clock.move(300)
    assert len(world.broker.posts) == before
    assert "the session is over" in world.run.given_up[1]
    assert world.run.state is PlanState.DONE_WITH_EXCEPTIONS
