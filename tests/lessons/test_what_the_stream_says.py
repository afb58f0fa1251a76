"""A stream that goes deaf, loses a frame, says things again, or meets a handler that fails: what
filled counts once, and is never missed (invariants 9, 10, 12)."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from desk_here import DeskHere, desk_on
from execution_makers import Log, fill_of, intended, report_of
from plan_makers import make_plan
from running_exchange import RunningExchange

from db.model.order import OrderState
from db.model.run import Mode, PlanState
from services.brokers.port import OrderUpdate
from services.desk import supervision
from services.execution.absorb import absorbed
from services.execution.decide import next_child

FAR = {"type": "limit", "limit_price": "83.00"}
EVENTS = {"stream": "trade_updates"}


@pytest.fixture
async def desk(bad_day: RunningExchange, quick_polls: None) -> AsyncIterator[DeskHere]:
    async with desk_on(bad_day) as made:
        yield made


async def booked(desk: DeskHere, plan_id: str) -> Decimal:
    """Shares of the plan's executions in the journal."""
    events = await desk.desk.journal.events()
    fills = [e.payload["fill"] for e in events if e.kind == "FillReceived" and e.plan_id == plan_id]
    return sum((Decimal(fill["qty"]) for fill in fills), Decimal(0))


DEAF = {"stream": "trade_updates"}
SAYINGS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("mute_stream", {}, DEAF),
    ("lose_event", {**EVENTS, "event": "fill"}, {}),
    ("duplicate_event", EVENTS, {}),
    ("replay_events", EVENTS, {}),
    ("swap_events", {**EVENTS, "every": 2}, {}),
    ("missing_event_field", EVENTS, {"field": "filled_qty"}),
]


@pytest.mark.parametrize(("fault", "when", "how"), SAYINGS, ids=[s[0] for s in SAYINGS])
async def test_what_filled_counts_once_whatever_the_stream_says(
    desk: DeskHere, fault: str, when: dict[str, Any], how: dict[str, Any]
) -> None:
    """Failures 6, 7 and 9: filled and never told; told again and booked three times; one frame
    lost and the same position sold for ever."""
    before = desk.held("NEM")
    with desk.fault(fault, when, **how):
        plan_id = await desk.started(symbol="NEM", side="sell", qty="3")
        run = await desk.ended(plan_id)
    assert run.state is PlanState.DONE, run.reason
    assert desk.posts(run.orders[0].client_order_id) == 1
    assert await booked(desk, plan_id) == 3
    assert desk.held("NEM") == before - 3
    assert (await desk.desk.reconciler.reconcile()).clean


async def test_a_handler_that_fails_does_not_deafen_the_stream(
    desk: DeskHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failure 3: after one handler raised, the stream looked alive and handled nothing more."""
    monkeypatch.setattr(supervision, "RESTART_SECONDS", 0.05)
    handled, whole = list[str](), desk.desk.engine.on_update

    async def failing(update: OrderUpdate) -> bool:
        if not handled:
            handled.append("failed")
            raise RuntimeError("a bug")
        handled.append(update.order.client_order_id)
        return await whole(update)

    monkeypatch.setattr(desk.desk.engine, "on_update", failing)
    first = await desk.started(Mode.PHASE, symbol="NEM", side="sell", qty="1")
    await desk.ended(first)
    second = await desk.started_when_possible(Mode.PHASE, symbol="NEM", side="sell", qty="2")
    await desk.until(lambda: any(second in name for name in handled))
    assert (await desk.ended(second)).state is PlanState.DONE
    assert await booked(desk, first) == 1
    assert await booked(desk, second) == 2


def test_the_same_story_told_three_times_is_one_fill() -> None:
    """Failure 7: new, fill, new, fill, new, fill was booked three times."""
    log = Log()
    log.write("PlanCreated", payload={"plan": make_plan().to_json()})
    order = next_child(log.run(), log.run().plan.step(1))
    log.add([intended(order)])
    log.write("OrderSent", client_order_id=order.client_order_id)
    fill = fill_of(order, "x1", 150, "80")
    for _ in range(3):
        for report, execution in (
            (report_of(order, OrderState.ACKNOWLEDGED), None),
            (report_of(order, OrderState.FILLED, 150), fill),
        ):
            log.add(absorbed(log.order(order.client_order_id), report, execution))
    assert sum(event.kind == "FillReceived" for event in log.events) == 1
    assert log.order(order.client_order_id).filled_qty == 150


def test_filled_of_nothing_is_refused_and_said() -> None:
    """Failure 11: `filled` without a quantity is no fill of all, and none of nothing either."""
    log = Log()
    log.write("PlanCreated", payload={"plan": make_plan().to_json()})
    order = next_child(log.run(), log.run().plan.step(1))
    log.add([intended(order)])
    log.write("OrderSent", client_order_id=order.client_order_id)
    log.add(absorbed(log.order(order.client_order_id), report_of(order, OrderState.FILLED, 0)))
    assert not log.order(order.client_order_id).state.terminal
    assert log.events[-1].kind == "TransitionRefused"


async def test_what_fills_while_nobody_listens_is_booked_before_anything_is_sent(
    bad_day: RunningExchange, quick_polls: None
) -> None:
    """Failure 10: after a reconnect nobody asked for the executions in between."""
    async with desk_on(bad_day) as desk:
        plan_id = await desk.started(Mode.PHASE, symbol="NEM", side="sell", qty="4", **FAR)
        name = (await desk.resting(plan_id)).client_order_id
        await desk.desk.stop()
        with desk.jump("NEM", 6):
            await asyncio.to_thread(desk.await_status, name, "filled")
        await desk.start()
        assert desk.order(plan_id).state is OrderState.FILLED, "before the start has returned"
        assert await booked(desk, plan_id) == 4
        assert (await desk.desk.reconciler.reconcile()).clean


@pytest.mark.parametrize("fault", ["cancel_lost", "cancel_rejected", "cancel_stuck"])
async def test_a_cancel_is_one_only_when_the_broker_says_so(desk: DeskHere, fault: str) -> None:
    """Failure 31: an order taken for cancelled filled. Here it fills before its cancel arrives,
    its cancel is accepted and refused later, or hangs while it fills (invariants 12, 14)."""
    plan_id = await desk.started(Mode.PHASE, symbol="NEM", side="sell", qty="2", **FAR)
    order = await desk.resting(plan_id)
    with desk.fault(fault, {"symbol": "NEM"}):
        await desk.desk.engine.cancel(order.client_order_id)
        if fault != "cancel_lost":
            await asyncio.sleep(0.15)
            assert not desk.order(plan_id).state.terminal
            assert desk.desk.engine.protector.reserved(("main", "NEM")) == 2, "still spoken for"
            with desk.jump("NEM", 6):
                await desk.until(lambda: desk.order(plan_id).filled_qty == 2)
        await desk.ended(plan_id)
    assert desk.order(plan_id).state is OrderState.FILLED
    assert await booked(desk, plan_id) == 2
    assert (await desk.desk.reconciler.reconcile()).clean
