"""A stop, a trim, a flatten: a marketable limit, then the market (spec 4, Order guidance)."""

from dataclasses import replace
from decimal import Decimal

import pytest
from engine_world import MakeWorld, World, settle
from risk_world import NOW, world

from db.model.order import OrderType, Side
from db.model.run import Mode, PlanState
from db.model.slicing import Algorithm, AlgorithmName
from services.execution.closing import closing_steps


def hurried(made: World, **changed: object) -> World:
    update = {"urgency": "high", **changed}
    steps = tuple(step.model_copy(update=update) for step in made.plan.steps)
    made.plan = made.plan.model_copy(update={"steps": steps})
    return made


def posts(made: World) -> list[tuple[str, Decimal | None, Decimal | None, str]]:
    return [(p.type.value, p.qty, p.limit_price, p.client_order_id[-2:]) for p in made.broker.posts]


async def polled(made: World, seconds: int) -> None:
    for _ in range(seconds):
        await made.clock.move(1)
        await made.polled()


LIMIT = Decimal("99.5")


@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.STEP])
@pytest.mark.parametrize(("script", "left"), [("rest", 10), ("part:3", 7), ("part:9", 1)])
async def test_what_the_limit_did_not_fill_goes_at_the_market(
    make: MakeWorld, script: str, left: int, mode: Mode
) -> None:
    """Nobody is asked, and no part filled is called enough: the approval says so. The cancel is
    proven before the rest leaves (invariant 3)."""
    made = hurried(make("sell 10 AAA @ 99.5"))
    made.broker.script["AAA"] = [script]
    await made.start(mode)
    if mode is Mode.STEP:
        await made.engine.confirm_next(made.plan.plan_id)
        await settle()
    await polled(made, 9)
    assert posts(made) == [("limit", 10, LIMIT, "a1")]
    await polled(made, 4)
    assert posts(made) == [("limit", 10, LIMIT, "a1"), ("market", left, None, "a2")]
    assert made.run.state is PlanState.DONE
    assert made.run.filled_qty(1) == 10


async def test_what_is_in_no_hurry_waits_as_ever(make: MakeWorld) -> None:
    made = make("sell 10 AAA @ 99.5")
    made.broker.script["AAA"] = ["rest"]
    await made.start(Mode.AUTO)
    await polled(made, 30)
    assert posts(made) == [("limit", 10, LIMIT, "a1")]
    assert made.run.orders[0].cancel_requested_at is None


async def test_a_limit_that_was_refused_is_not_followed_by_the_market(
    make: MakeWorld,
) -> None:
    """It never worked: it is tried again as it was."""
    made = hurried(make("sell 10 AAA @ 99.5"))
    made.broker.script["AAA"] = ["rate_limit"]
    await made.start(Mode.AUTO)
    await polled(made, 5)
    assert posts(made) == [("limit", 10, LIMIT, "a1"), ("limit", 10, LIMIT, "a2")]


async def test_pieces_take_their_time(make: MakeWorld) -> None:
    """A share of the volume is what a large order in a hurry may take."""
    pov = Algorithm(name=AlgorithmName.POV, minutes=Decimal(10), participation=Decimal("0.1"))
    made = hurried(make("sell 100 AAA @ 99.5"), algorithm=pov)
    made.broker.script["AAA"] = ["rest", "rest"]
    await made.start(Mode.AUTO)
    await polled(made, 40)
    assert {post.type for post in made.broker.posts} == {OrderType.LIMIT}


def test_what_closes_everything_is_in_a_hurry() -> None:
    """Bid 99.99 less 0.5% is 99.490…, up to the tick 99.50; ask 100.01 plus 0.5% is 100.510…, down to
    100.51. Where the price is old: the market at once."""
    facts = world(held={"AAA": "10", "BBB": "-5", "CCC": "7"})
    old = facts.quotes["CCC"].model_copy(update={"at": NOW.replace(hour=9)})
    facts = replace(facts, quotes={**facts.quotes, "CCC": old})
    steps = closing_steps(facts, facts.portfolio.positions)
    assert [(s.side, s.type, s.limit_price, s.urgency) for s in steps] == [
        (Side.SELL, OrderType.LIMIT, Decimal("99.50"), "high"),
        (Side.BUY, OrderType.LIMIT, Decimal("100.51"), "high"),
        (Side.SELL, OrderType.MARKET, None, "high"),
    ]
