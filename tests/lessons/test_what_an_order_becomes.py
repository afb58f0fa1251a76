"""Orders that are refused, replaced, filled in part or for want of cash, and ways out that must stay
open (invariants 13, 14, 15, 16, 20, 23)."""

from decimal import Decimal

import pytest
from engine_world import MakeWorld, payloads, settle
from execution_makers import report_of
from protection_makers import KEY, Bought

from db.model.order import OrderState, Side
from db.model.run import Mode, PlanState
from services.brokers.port import CancelOutcome
from services.execution.absorb import absorbed
from services.execution.protection import Place

NAME = "qd-3f9a-s01-c1-a1"


async def test_what_is_accepted_while_a_retry_waits_is_not_sent_again(make: MakeWorld) -> None:
    """Failure 14: the timer of a retry went off after the order had been accepted."""
    world = make("sell 50 AAA")
    world.broker.script["AAA"] = ["rate_limit"]
    await world.start(Mode.AUTO)
    assert world.run.orders[0].state is OrderState.REJECTED
    world.broker._take(world.broker.posts[0])  # it works there after all
    await world.clock.move(30)
    assert len(world.broker.posts) == 1
    assert world.run.state is PlanState.PAUSED
    assert "ours says rejected, the broker new" in world.run.reason
    assert payloads(world, "TransitionRefused"), "and its symbol is locked"


ANSWERS = {
    "accepted and cancelled": (CancelOutcome.ACCEPTED, OrderState.CANCELED, 0),
    "no answer, and cancelled all the same": (CancelOutcome.UNRESOLVED, OrderState.CANCELED, 0),
    "no answer, and it works on": (CancelOutcome.UNRESOLVED, None, 0),
    "accepted, and stuck": (CancelOutcome.ACCEPTED, OrderState.PENDING_CANCEL, 0),
    "accepted, and more filled first": (CancelOutcome.ACCEPTED, OrderState.CANCELED, 10),
    "too late: filled": (CancelOutcome.ALREADY_CLOSED, OrderState.FILLED, 30),
    "denied though it is there": (CancelOutcome.NOT_FOUND, None, 0),
}


@pytest.mark.parametrize(("answer", "becomes", "more"), ANSWERS.values(), ids=ANSWERS)
async def test_another_price_is_sent_only_for_what_is_proven_to_be_left(
    make: MakeWorld, answer: CancelOutcome, becomes: OrderState | None, more: int
) -> None:
    """Failure 30: a replace that failed had worked, or left the wrong quantity, or hung. A price is
    changed by cancel, proof, and a new attempt for the verified rest."""
    world = make("sell 50 AAA @ 100.50")
    world.broker.script["AAA"] = ["part:20"]
    await world.start(Mode.PHASE)
    await world.clock.move(61)
    await world.polled()

    async def cancel(_: str) -> CancelOutcome:
        if more:
            world.broker.fill(NAME, Decimal(more))
        if becomes is not None:
            world.broker.change(NAME, state=becomes, status=becomes.value)
        return answer

    world.broker.cancel = cancel  # type: ignore[method-assign]
    await world.engine.remedies.reprice("3f9a")
    for _ in range(3):
        await world.polled()
        await world.clock.move(1)
    rests = [post.qty for post in world.broker.posts[1:]]
    ended = becomes in (OrderState.CANCELED, OrderState.FILLED)
    assert rests == ([30 - more] if ended and more < 30 else [])
    if not ended:  # it fills in the end: nothing was sent beside it
        world.broker.fill(NAME, Decimal(30))
        await world.polled()
        await world.clock.move(5)
        assert len(world.broker.posts) == 1
    assert world.run.filled_qty(1) == 50
    assert world.run.state is PlanState.DONE, world.run.reason


@pytest.mark.parametrize("cash", ["0", "-3000"])
async def test_the_way_out_asks_for_no_cash(make: MakeWorld, cash: str) -> None:
    """Failure 19: exits were checked against cash, which was all spent. A sale, and a buy that
    covers a short, which costs money (invariant 20)."""
    world = make("sell 50 BBB", "buy 10 AAA", cash=cash)
    world.held["AAA"] = Decimal(-10)
    world.plan = world._plan(("buy 10 AAA",))
    await world.start(Mode.AUTO)
    await world.clock.move(5)
    assert world.sent == [("AAA", 10, "a1")]
    assert world.run.state is PlanState.DONE, world.run.reason


def test_what_protects_and_leaves_is_what_filled_never_what_was_ordered() -> None:
    """Failure 23: 30 % of an entry filled, the rest was cancelled, and the exit was for all."""
    made = Bought()
    made.fills(5)
    order = made.log.order(made.entry.client_order_id)
    made.log.add(absorbed(order, report_of(order, OrderState.CANCELED, 5, "180")))
    assert made.log.order(order.client_order_id).state is OrderState.CANCELED
    assert made.holdings[KEY].qty == 5
    protects = made.due()
    assert isinstance(protects, Place)
    assert protects.order.qty == 5


@pytest.mark.parametrize("opening", ["0", "9000"])
async def test_a_plan_without_cash_buys_with_what_its_sells_brought(
    make: MakeWorld, opening: str
) -> None:
    """Failure 32: buys left beside the sells that were to pay for them, and were refused. Even
    where there is cash none leaves before the sell has filled (invariants 15, 16)."""
    world = make("sell 50 AAA", "buy 20 CCC", "buy 15 DDD", cash=opening)
    world.broker.script["AAA"] = ["rest"]
    cash = list[Decimal]()
    submit = world.broker.submit

    async def watched(request, *, permit):  # type: ignore[no-untyped-def]
        if request.side is Side.BUY:
            cash.append(world.now().portfolio.cash - request.qty * 100)
        return await submit(request, permit=permit)

    world.broker.submit = watched  # type: ignore[method-assign]
    await world.start(Mode.AUTO)
    await world.clock.move(20)
    await world.polled()
    assert [symbol for symbol, _, _ in world.sent] == ["AAA"]
    world.broker.fill(NAME, Decimal(50))
    await world.polled()
    await world.clock.move(20)
    await settle()
    assert world.run.state is PlanState.DONE, world.run.reason
    assert [symbol for symbol, _, _ in world.sent] == ["AAA", "CCC", "DDD"]
    assert len(cash) == 2
    assert min(cash) >= 0
