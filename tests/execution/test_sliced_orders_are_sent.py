"""A sliced step on its way, whatever fills and whoever interrupts: one child at a time, each once,
nothing lost, over by its end (spec 5, Sliced orders; invariants 2, 3, 9, 14, 15)."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from execution_makers import Log, fill_of, intended, report_of
from hypothesis import given
from hypothesis import strategies as st
from plan_makers import BUY, NOON, SELL, make_plan, make_step

from db.model.order import OrderState
from db.model.plan import Step
from db.model.run import CancelReason, ChildOrder, Mode, PlanRun, PlanState
from db.model.slicing import Algorithm, AlgorithmName
from services.execution import decide as d
from services.execution.absorb import absorbed
from services.execution.ids import client_order_id
from services.execution.schedule import scheduled
from services.execution.time_limit import Limits

LIMITS = Limits()
CLOSE = NOON + timedelta(hours=3)
FULL = 100


class Market:
    """Plays driver and broker for one sliced sell: each child fills as much as it is told."""

    def __init__(self, algorithm: Algorithm, qty: int) -> None:
        self.log = Log()
        step = make_step(1, SELL, "NEM", qty, "80").model_copy(update={"algorithm": algorithm})
        plan = make_plan(step, make_step(2, BUY, "LLY", 1, "800"))
        self.log.write("PlanCreated", payload={"plan": plan.to_json()})
        self.now = NOON
        self.log.write("PlanStarted", payload={"mode": Mode.AUTO.value})

    @property
    def run(self) -> PlanRun:
        return self.log.run()

    @property
    def step(self) -> Step:
        return self.run.plan.step(1)

    def write(self, kind: str, name: str | None = None, **payload: object) -> None:
        fields: dict[str, object] = {"step": 1, "payload": payload}
        if name is not None:
            fields["client_order_id"] = name
        self.log.write(kind, self.now, **fields)

    def until_over(
        self, percents: list[int], pauses: dict[int, int] | None = None
    ) -> list[ChildOrder]:
        """The children sent, in order. `percents`: what each fills; `pauses`: after so many
        children the plan stands still for so many seconds."""
        sent: list[ChildOrder] = []
        pauses = dict(pauses or {})
        for _ in range(20_000):
            if len(sent) in pauses:
                self._pause(pauses.pop(len(sent)))
            match d.decide(self.run, self.now, LIMITS):
                case d.ScheduleSlices(steps):
                    self._schedule(steps[0])
                case d.Intend((order,)):
                    assert not any(not o.state.terminal for o in self.run.orders)
                    assert all(o.verified for o in self.run.orders)
                    assert self.run.filled_qty(1) + order.qty <= self.step.qty
                    part = percents[len(sent)] if len(sent) < len(percents) else FULL
                    sent.append(order)
                    self._send(order, part)
                case d.Verify(orders):
                    for order in orders:
                        self.write("RemainderVerified", order.client_order_id)
                case d.Cancel(orders, reason):
                    assert reason is CancelReason.SLICE
                    self._cancel(orders[0], reason)
                case d.Wait(_, datetime() as until):
                    assert until > self.now
                    self.now = until
                case d.GiveUp(_, reason, False):
                    self.write("StepGivenUp", reason=reason)
                case d.Advance(PlanState.SETTLING):
                    assert self.run == self.log.restarted()
                    return sent
                case other:
                    raise AssertionError(other)
        raise AssertionError("it never ends")

    def _schedule(self, step: Step) -> None:
        assert step.algorithm is not None
        made = scheduled(
            step.algorithm,
            step.qty,
            now=self.now,
            market_now=self.now,
            session_ends_at=CLOSE,
            seed=client_order_id("3f9a", 1),
            daily_volume=Decimal(1_000_000),
        )
        self.write("SliceScheduled", slice=made.to_json())

    def _send(self, order: ChildOrder, percent: int) -> None:
        name = order.client_order_id
        self.log.add([intended(order)], self.now)
        self.write("OrderSent", name)
        qty = int(order.qty * percent / 100)
        state = OrderState.FILLED if qty == order.qty else OrderState.PARTIALLY_FILLED
        self._report(name, state if qty else OrderState.ACKNOWLEDGED, qty)

    def _cancel(self, order: ChildOrder, reason: CancelReason) -> None:
        name = order.client_order_id
        self.write("CancelRequested", name, reason=reason.value, words="said")
        self._report(name, OrderState.CANCELED, int(order.filled_qty))

    def _report(self, name: str, state: OrderState, filled: int) -> None:
        order = self.log.order(name)
        gained = filled - order.filled_qty
        fill = fill_of(order, f"x-{name}-{filled}", gained, "80") if gained else None
        self.log.add(absorbed(order, report_of(order, state, filled), fill), self.now)

    def _pause(self, seconds: int) -> None:
        """As the driver does: what works of a slice is cancelled."""
        self.write("PlanPaused", reason="a test")
        for order in self.run.orders:
            if order.state.working:
                self._cancel(order, CancelReason.PAUSE)
        self.now += timedelta(seconds=seconds)
        self.write("PlanContinued", to="selling")


@st.composite
def algorithms(draw: st.DrawFn) -> Algorithm:
    name = draw(st.sampled_from(AlgorithmName))
    return Algorithm(
        name=name,
        minutes=draw(st.integers(1, 200)),
        participation=Decimal("0.5") if name is AlgorithmName.POV else None,
        urgency=Decimal("0.7") if name is AlgorithmName.IS else None,
        min_clip=draw(st.integers(1, 40)),
        interval_seconds=draw(st.integers(60, 900)),
    )


QTY = st.integers(1, 500)
PARTS = st.lists(st.integers(0, FULL), max_size=12)


@given(algorithms(), QTY)
def test_when_all_fills_the_children_make_up_the_step_exactly(
    algorithm: Algorithm, qty: int
) -> None:
    market = Market(algorithm, qty)
    children = market.until_over([])
    assert sum(child.qty for child in children) == qty == market.run.filled_qty(1)
    assert [child.child for child in children] == list(range(1, len(children) + 1))
    assert [child.qty for child in children] == [clip.qty for clip in market.run.slices[1].clips]
    assert all(child.client_order_id == f"qd-3f9a-s01-c{child.child}-a1" for child in children)


@given(
    algorithms(), QTY, PARTS, st.dictionaries(st.integers(0, 6), st.integers(0, 4000), max_size=2)
)
def test_what_fills_counts_and_the_rest_is_said(
    algorithm: Algorithm, qty: int, parts: list[int], pauses: dict[int, int]
) -> None:
    market = Market(algorithm, qty)
    children = market.until_over(parts, pauses)
    run, made = market.run, market.run.slices[1]
    assert len({child.client_order_id for child in children}) == len(children)
    assert run.filled_qty(1) <= qty
    assert run.filled_qty(1) == sum(order.filled_qty for order in run.orders)
    assert run.filled_qty(1) == qty or f"of {qty} filled" in run.given_up[1]
    assert all(o.sent_at is not None and o.sent_at < made.ends_at for o in run.orders)
    assert all(o.state.terminal for o in run.orders)
    for child in children:
        left = qty - sum(o.filled_qty for o in run.orders if place(o) < place(child))
        assert child.qty >= min(algorithm.min_clip, left)


def place(order: ChildOrder) -> tuple[int, int]:
    return order.child, order.attempt


def twap(qty: int = 100, minutes: int = 4) -> Market:
    return Market(Algorithm(name=AlgorithmName.TWAP, minutes=Decimal(minutes)), qty)


def test_what_did_not_fill_is_spread_over_the_children_to_come() -> None:
    assert [int(child.qty) for child in twap().until_over([0, 0])] == [25, 33, 50, 50]
    assert [int(child.qty) for child in twap().until_over([40])] == [25, 30, 30, 30]


def test_no_buy_before_the_last_child_of_a_sliced_sell_has_ended() -> None:
    """Invariant 15."""
    market = twap()
    children = market.until_over([FULL, 20])
    assert len(children) == 4
    assert isinstance(d.decide(market.run, market.now, LIMITS), d.Advance)


def test_a_pause_in_the_last_interval_sends_the_last_piece_again() -> None:
    market = twap()
    children = market.until_over([FULL, FULL, FULL, 0], {4: 1})
    assert [c.client_order_id[-5:] for c in children[-2:]] == ["c4-a1", "c4-a2"]
    assert market.run.filled_qty(1) == 100


@pytest.mark.parametrize("reason", [CancelReason.TRADER, CancelReason.REST])
def test_a_child_that_the_trader_cancels_ends_the_slice(reason: CancelReason) -> None:
    market = twap()
    market._schedule(market.step)
    action = d.decide(market.run, market.run.slices[1].clips[0].at, LIMITS)
    assert isinstance(action, d.Intend)
    market._send(action.orders[0], 20)
    market._cancel(market.run.orders[0], reason)
    assert market.run.step_done(market.step)
    assert not d.needs_order(market.run, market.step)


def test_an_unknown_child_stops_the_slice() -> None:
    market = twap()
    market._schedule(market.step)
    first, second = market.run.slices[1].clips[:2]
    action = d.decide(market.run, first.at, LIMITS)
    assert isinstance(action, d.Intend)
    market.log.add([intended(action.orders[0])], first.at)
    market.write("OrderUnknown", action.orders[0].client_order_id, reason="no answer")
    assert isinstance(d.decide(market.run, second.at, LIMITS), d.Wait)
