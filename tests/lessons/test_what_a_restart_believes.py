"""What a desk believes after it was stopped dead: what its journal says, completed by the broker's
word, and nothing else (invariants 1, 4, 5, 8, 9, 18, 30)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from books_world import books, child
from engine_world import MakeWorld, World, payloads, settle
from restarts import reborn, restart

from db.model.order import OrderState, Side
from db.model.run import Mode, PlanState
from services.brokers.port import CancelOutcome
from services.execution.book import NotPossibleError


def booked(world: World) -> Decimal:
    return sum((Decimal(p["fill"]["qty"]) for p in payloads(world, "FillReceived")), Decimal(0))


async def test_partial_fills_across_restarts_are_differences_not_sums(make: MakeWorld) -> None:
    """Failure 8: the broker's running total was added up, and the position doubled."""
    world = make("sell 50 AAA @ 100.50")
    world.broker.script["AAA"] = ["part:20"]
    await world.start(Mode.PHASE)
    for more, total in ((15, 35), (5, 40), (10, 50)):
        assert booked(world) == total - more
        await restart(world)
        world.broker.fill("qd-3f9a-s01-c1-a1", Decimal(more))
        await world.polled()
        await world.polled()
        assert world.run.filled_qty(1) == booked(world) == total
    assert world.run.orders[0].state is OrderState.FILLED
    assert len(world.broker.posts) == 1


async def test_three_restarts_change_nothing(make: MakeWorld) -> None:
    """Failure 15: each restart made fills of its own, or believed to hold nothing."""
    world = make("sell 50 AAA @ 100.50", "sell 10 BBB")
    world.broker.script["AAA"] = ["part:20"]
    await world.start(Mode.PHASE)
    world.broker.fill("qd-3f9a-s01-c1-a1", Decimal(7))
    await restart(world)
    await world.polled()
    first, written = dict(world.engine.book.runs), len(world.journal.events)
    for _ in range(3):
        await restart(world)
        await world.polled()
        assert dict(world.engine.book.runs) == first
        assert len(world.journal.events) == written
    assert booked(world) == 37


async def test_fourteen_resting_orders_are_known_after_a_kill(make: MakeWorld) -> None:
    """Failure 16: executions did not explain the position, so that working orders were dropped."""
    steps = [f"sell {n} {symbol} @ 100.50" for symbol in ("AAA", "BBB") for n in range(3, 10)]
    world = make(*steps)
    world.broker.script = {"AAA": ["rest"] * 7, "BBB": ["rest"] * 7}
    await world.start(Mode.PHASE)
    assert len(world.broker.posts) == 14
    world.held["AAA"] -= 20  # sold elsewhere: nothing of ours explains it
    await restart(world)
    await world.polled()
    assert len(world.engine.book.working_orders()) == 14
    for post in world.broker.posts:
        world.broker.fill(post.client_order_id, post.qty or Decimal(0))
    await world.polled()
    assert not world.engine.book.working_orders()
    assert booked(world) == 2 * sum(range(3, 10))


async def test_an_unknown_order_of_any_age_stays_unknown_while_nobody_answers(
    make: MakeWorld,
) -> None:
    """Failure 24: any error of a look-up at start closed the order."""
    world = make("sell 50 AAA")
    world.broker.script["AAA"] = ["silent"]
    world.broker.reachable = False
    await world.start(Mode.AUTO)
    for days in (0, 1, 4, 5, 6, 30):
        await world.clock.move(timedelta(days=days).total_seconds() - world.clock.seconds)
        await restart(world)
        with pytest.raises(Exception, match="nobody answers"):
            await world.polled()
        assert world.run.orders[0].state is OrderState.UNKNOWN
    world.broker.reachable = True
    await world.polled()
    assert world.run.orders[0].state is OrderState.ACKNOWLEDGED
    assert len(world.broker.posts) == 1


async def test_with_a_locked_journal_nothing_is_sent_or_what_was_sent_is_found(
    make: MakeWorld,
) -> None:
    """Failure 22: a buy filled whose order could not be written down. Here the journal is locked
    before each of its writes in turn: what it does not hold was not sent, the rest is found again,
    and the plan ends as if nothing had been (invariants 1, 5)."""
    whole = make("sell 50 AAA", "buy 20 CCC")
    await whole.start(Mode.AUTO)
    await whole.clock.move(5)
    ended = len(whole.journal.events)
    approved = 2
    for room in range(approved, ended):
        world = make("sell 50 AAA", "buy 20 CCC")
        await world.add()
        reborn(world, room=room).book.load(world.journal.events)
        try:
            await world.approve(Mode.AUTO)
            await world.engine.start("3f9a")
        except Exception as error:
            assert "locked" in str(error), error
        await world.clock.move(10)
        intended = {p["order"]["client_order_id"] for p in payloads(world, "OrderIntended")}
        assert {post.client_order_id for post in world.broker.posts} <= intended
        await restart(world)
        await _to_its_end(world)
        assert world.run.state is PlanState.DONE, (room, world.run.state, world.run.reason)
        assert [(p.symbol, p.qty) for p in world.broker.posts] == [("AAA", 50), ("CCC", 20)], room
        assert booked(world) == 70


async def _to_its_end(world: World) -> None:
    if world.run.state is PlanState.CHECKED:
        await world.approve(Mode.AUTO)
    if world.run.state is PlanState.APPROVED:
        await world.engine.start("3f9a")
    for _ in range(12):
        await world.polled()
        await world.clock.move(3)
        if world.run.state is PlanState.PAUSED and not world.run.unknown_orders:
            await world.engine.continue_("3f9a")
    await settle()


async def test_a_repair_that_failed_is_no_reconciliation() -> None:
    """Failure 17: the books were called reconciled although the repair had failed."""
    world = books()
    await world.reconciler.reconcile()
    world.broker.list_order("w1", "NEM", Side.BUY, 10)
    (found,) = (await world.reconciler.reconcile()).mismatches

    async def unheard(_: str) -> CancelOutcome:
        return CancelOutcome.UNRESOLVED

    world.broker.cancel = unheard  # type: ignore[method-assign]
    with pytest.raises(NotPossibleError, match="not known"):
        await world.reconciler.settle(found.key, "cancel", "not mine", "ann")
    assert not world.reconciler.clean
    assert world.reconciler.locked_symbols == {"NEM"}
    assert world.reconciler.obstacle() is not None
    assert not (await world.reconciler.reconcile()).clean


@pytest.mark.parametrize("state", [OrderState.CANCELED, OrderState.FILLED])
async def test_a_broker_id_that_is_used_again_credits_no_order_of_before(state: OrderState) -> None:
    """Failure 18: the broker counted its ids anew, and a fill went to the order that had had it."""
    world = books()
    await world.reconciler.reconcile()
    filled = Decimal(10) if state is OrderState.FILLED else Decimal(0)
    world.own(child("qd-old", order_id="b1", state=state, filled_qty=filled))
    world.reconciler.distrust("a restart")  # orders of any status are read again
    world.broker.trade("b1", "NEM", Side.SELL, 4)  # somebody else's, under the old id
    await world.reconciler.reconcile()
    old = world.engine.book.order("qd-old")
    assert old is not None
    assert (old.filled_qty, old.state) == (filled, state)
    assert "FillReceived" not in world.journal.kinds()
    assert world.reconciler.open, "and it is not passed over"
    assert world.reconciler.locked_symbols == {"NEM"}
