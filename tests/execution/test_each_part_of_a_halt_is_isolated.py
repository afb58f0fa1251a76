"""One part of a halt that fails, or never answers, stops no other (invariant 28; failure 28)."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from execution_makers import Log, intended
from plan_makers import NOON, make_plan
from test_only_what_reduces import Files

from db.errors import JournalError
from db.model.event import Event, EventDraft
from db.model.order import BrokerOrder, OrderState, Side
from db.model.run import PlanState
from db.model.trading import HaltReport, TradingState
from services.brokers.port import BrokerUnavailableError, CancelOutcome
from services.execution.book import RunBook
from services.execution.decide import next_child
from services.execution.kill import KillSwitch
from services.execution.safety import Safety
from services.execution.sender import Sender


class Ticks:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        await asyncio.sleep(0)


class Journal:
    """The journal's face, over a list; `broken` and `stalled` are what they say."""

    def __init__(self) -> None:
        self.log = Log()
        self.broken = False
        self.stalled = False
        self._told: list[Callable[[tuple[Event, ...]], None]] = []

    async def append(self, *drafts: EventDraft) -> tuple[Event, ...]:
        if self.stalled:
            await asyncio.Event().wait()
        if self.broken:
            raise JournalError("the disk is full.")
        first = len(self.log.events)
        self.log.add(drafts)
        new = tuple(self.log.events[first:])
        for callback in self._told:
            callback(new)
        return new

    def on_append(self, callback: Callable[[tuple[Event, ...]], None]) -> Callable[[], None]:
        self._told.append(callback)
        return lambda: None


class Floor:
    """A broker with open orders, and calls that fail as they are told."""

    def __init__(self, *orders: BrokerOrder) -> None:
        self.open = {order.order_id: order for order in orders}
        self.gone: dict[str, BrokerOrder] = {}
        self.asked: list[str] = []
        self.raising: dict[str, int] = {}
        """Call → how often it fails yet."""

    def _fails(self, call: str) -> None:
        self.asked.append(call)
        if self.raising.get(call, 0):
            self.raising[call] -= 1
            raise RuntimeError(f"{call} broke")

    async def open_orders(self) -> tuple[BrokerOrder, ...]:
        self._fails("open_orders")
        return tuple(self.open.values())

    async def cancel(self, order_id: str) -> CancelOutcome:
        self._fails(f"cancel {order_id}")
        return self._end(order_id)

    async def cancel_all(self) -> dict[str, CancelOutcome]:
        self._fails("cancel_all")
        return {order_id: self._end(order_id) for order_id in tuple(self.open)}

    async def order(self, client_order_id: str) -> BrokerOrder | None:
        self._fails("order")
        every = (*self.open.values(), *self.gone.values())
        return next((o for o in every if o.client_order_id == client_order_id), None)

    def _end(self, order_id: str) -> CancelOutcome:
        if (order := self.open.pop(order_id, None)) is not None:
            ended = {"status": "canceled", "state": OrderState.CANCELED}
            self.gone[order_id] = order.model_copy(update=ended)
        return CancelOutcome.ACCEPTED


def resting(name: str, **changed: Any) -> BrokerOrder:
    return BrokerOrder(
        order_id=name,
        client_order_id=f"theirs-{name}",
        account="main",
        symbol="AAA",
        side=Side.BUY,
        qty=Decimal(5),
        type="limit",
        status="new",
        state=OrderState.ACKNOWLEDGED,
    ).model_copy(update=changed)


PROTECTION = resting("stop", type="stop", side=Side.SELL)


class World:
    """A working plan with an order at the broker, and the switch."""

    def __init__(self, *orders: BrokerOrder) -> None:
        self.journal, self.clock, self.files = Journal(), Ticks(), Files()
        self.broker: Any = Floor(*orders)
        self.book = RunBook(self.journal)
        self.safety = Safety(self.files)
        sender = Sender(self.book, self.broker, self.safety)
        self.kill = KillSwitch(self.book, self.broker, sender, self.safety, self.clock)

    async def with_a_plan(self) -> "World":
        plan = make_plan()
        await self.book.record(
            EventDraft(kind="PlanCreated", plan_id=plan.plan_id, payload={"plan": plan.to_json()}),
            EventDraft(kind="PlanStarted", plan_id=plan.plan_id, payload={"mode": "auto"}),
        )
        child = next_child(self.book.run(plan.plan_id), plan.steps[0])
        told = {"order_id": "ours", "state": "acknowledged", "status": "new"}
        await self.book.record(
            intended(child),
            EventDraft(
                kind="OrderSent", plan_id=plan.plan_id, client_order_id=child.client_order_id
            ),
            EventDraft(
                kind="OrderAcknowledged",
                plan_id=plan.plan_id,
                client_order_id=child.client_order_id,
                payload=told,
            ),
        )
        self.broker.open["ours"] = resting(
            "ours", client_order_id=child.client_order_id, symbol=child.symbol, side=child.side,
            qty=child.qty,
        )  # fmt: skip
        return self

    async def halt(self) -> HaltReport:
        async with asyncio.timeout(10):
            return await self.kill.halt("a test", "because")


def fail_latch(world: World) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    world.files.set = full  # type: ignore[method-assign]


def fail_journal(world: World) -> None:
    world.journal.broken = True


def stall_journal(world: World) -> None:
    world.journal.stalled = True


def fail_calls(**calls: int) -> Callable[[World], None]:
    def fail(world: World) -> None:
        world.broker.raising = {name.replace("__", " "): times for name, times in calls.items()}

    return fail


STEPS: dict[str, Callable[[World], None]] = {
    "nothing": lambda world: None,
    "the latch": fail_latch,
    "the journal": fail_journal,
    "a journal that never answers": stall_journal,
    "the first look": fail_calls(open_orders=1),
    "the bulk cancel": fail_calls(cancel_all=1),
    "one order's cancel, twice": fail_calls(cancel_all=1, cancel__a=2),
    "every look-up": fail_calls(order=99),
}


@pytest.mark.parametrize("step", STEPS)
async def test_whatever_step_fails_every_order_goes_and_nothing_leaves(step: str) -> None:
    world = await World(resting("a"), resting("b")).with_a_plan()
    STEPS[step](world)
    report = await world.halt()
    assert world.broker.open == {}
    assert (report.remaining, report.complete) == (0, True)
    assert world.safety.state is TradingState.HALTED
    assert world.safety.forbids(reducing=True) is not None
    if "journal" not in step:
        assert world.book.run("3f9a").state is PlanState.HALTED


@pytest.mark.parametrize("step", ["the journal", "a journal that never answers"])
async def test_without_a_journal_the_latch_holds_and_no_cancel_waits_for_it(step: str) -> None:
    """Invariant 5."""
    world = await World(resting("a"), PROTECTION).with_a_plan()
    STEPS[step](world)
    await world.halt()
    assert world.files.says is TradingState.HALTED
    assert list(world.broker.open) == ["stop"]


async def test_with_nothing_to_keep_one_request_cancels_all() -> None:
    world = World(resting("a"), resting("b"), resting("c"))
    await world.halt()
    assert "cancel_all" in world.broker.asked
    assert not any(call.startswith("cancel ") for call in world.broker.asked)


async def test_with_protection_to_keep_each_order_is_cancelled_by_itself() -> None:
    world = World(resting("a"), resting("b"), PROTECTION)
    report = await world.halt()
    assert "cancel_all" not in world.broker.asked
    assert list(world.broker.open) == ["stop"]
    assert {o.order_id: o.outcome for o in report.orders}["stop"] == "protective, kept"
    assert report.complete


async def test_what_can_t_be_read_is_never_taken_for_none() -> None:
    """Invariant 30."""
    world = World(resting("a"))

    async def away() -> tuple[BrokerOrder, ...]:
        raise BrokerUnavailableError("the line is dead")

    world.broker.open_orders = away
    report = await world.halt()
    assert (report.remaining, report.complete, report.cancelled_ms) == (None, False, None)


async def test_what_the_halt_ended_may_be_sent_again_and_says_so_before_it_ends() -> None:
    world = await World(resting("a")).with_a_plan()
    await world.halt()
    kinds = [event.kind for event in world.journal.log.events]
    asked = kinds.index("CancelRequested")
    assert kinds.index("Halted") < kinds.index("PlanHalted") < asked
    assert world.journal.log.events[asked].payload["reason"] == "halt"
