"""The journal fails between an order's departure and its answer: once it can be written again the
broker is asked, and the order is booked, not sent a second time (invariants 1, 3, 8)."""

from decimal import Decimal

import pytest
from engine_world import World, settle

from db.errors import JournalError
from db.model.event import Event, EventDraft
from db.model.order import OrderState
from db.model.run import Mode


def fails_from(world: World, kinds: list[str]) -> None:
    """The journal takes nothing any more once one of these kinds should be written."""
    append, failed = world.journal.append, False

    async def refusing(*drafts: EventDraft) -> tuple[Event, ...]:
        nonlocal failed
        failed = failed or any(draft.kind in kinds for draft in drafts)
        if failed:
            raise JournalError("The disk that holds the journal is full.")
        return await append(*drafts)

    world.journal.append = refusing  # type: ignore[method-assign]


@pytest.mark.parametrize("answer", ["fill", "rest", "silent"])
async def test_the_order_is_asked_for_and_never_sent_twice(answer: str) -> None:
    world = World("sell 10 AAA")
    world.broker.script = {"AAA": [answer]}
    append = world.journal.append
    fails_from(world, ["OrderAcknowledged", "FillReceived", "OrderUnknown"])
    await world.start(Mode.AUTO)
    await settle()
    (sent,) = world.broker.posts
    assert world.run.orders[0].state is OrderState.SENT, "what is not written down is not so"

    world.journal.append = append  # type: ignore[method-assign]
    await world.engine.doubt_answers("the journal could not be written at its answer")
    assert world.run.orders[0].state is OrderState.UNKNOWN
    await world.polled()
    (order,) = world.run.orders
    filled = Decimal(10) if answer == "fill" else Decimal(0)
    assert (order.client_order_id, order.filled_qty) == (sent.client_order_id, filled)
    assert order.state is (OrderState.FILLED if filled else OrderState.ACKNOWLEDGED)
    assert len(world.broker.posts) == 1
    await world.close()


async def test_an_intent_that_can_not_be_written_sends_nothing() -> None:
    world = World("sell 10 AAA")
    fails_from(world, ["OrderIntended"])
    await world.start(Mode.AUTO)
    await settle()
    assert world.broker.posts == []
    assert world.run.orders == ()
    await world.close()
