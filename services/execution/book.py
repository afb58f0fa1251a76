"""The book of runs: the one place where a plan's state changes, and only by an event."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from types import MappingProxyType
from typing import Protocol

from db.model.event import Event, EventDraft
from db.model.order import BrokerOrder, OrderState
from db.model.run import ChildOrder, PlanRun, PlanState
from services.execution.fold import folded
from services.execution.transitions import plan_may


class Recorder(Protocol):
    """The journal, as far as the engine needs it."""

    async def append(self, *drafts: EventDraft) -> tuple[Event, ...]: ...

    def on_append(self, callback: Callable[[tuple[Event, ...]], None]) -> Callable[[], None]:
        """Called after each commit, in order, before the append returns."""
        ...


class NotPossibleError(Exception):
    """What was asked does not fit the state it is in: one sentence."""


class RunBook:
    """All runs, folded. `record` writes facts down first, then lets them count."""

    def __init__(self, journal: Recorder) -> None:
        self._journal = journal
        self._runs: dict[str, PlanRun] = {}
        self._plan_of: dict[str, str] = {}
        """Client order id → plan, of every order that is folded: thousands are asked for at once."""
        self._past: frozenset[str] = frozenset()
        self._change = asyncio.Event()
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        journal.on_append(self._apply)

    @property
    def runs(self) -> Mapping[str, PlanRun]:
        return MappingProxyType(self._runs)

    def load(self, events: Iterable[Event]) -> None:
        """Fold the journal at start."""
        self._runs = folded(events)
        self._plan_of = {
            order.client_order_id: plan_id
            for plan_id, run in self._runs.items()
            for order in run.all_orders
        }

    def remember(self, plan_ids: Iterable[str]) -> None:
        """Plans of before, most of them over and not loaded."""
        self._past = frozenset(plan_ids)

    @property
    def plan_ids(self) -> frozenset[str]:
        """Of every plan there is or was."""
        return self._past | self._runs.keys()

    def _apply(self, events: tuple[Event, ...]) -> None:
        self._runs = folded(events, self._runs)
        self._plan_of |= {
            e.client_order_id: e.plan_id for e in events if e.client_order_id and e.plan_id
        }
        self._change.set()
        self._change = asyncio.Event()

    def lock(self, client_order_id: str) -> asyncio.Lock:
        """Held while a report of this order is turned into events, so that none counts twice."""
        return self._locks[client_order_id]

    def run(self, plan_id: str) -> PlanRun:
        """Raises NotPossibleError when there is no such plan."""
        try:
            return self._runs[plan_id]
        except KeyError:
            raise NotPossibleError(f"There is no plan {plan_id}.") from None

    def order(self, client_order_id: str) -> ChildOrder | None:
        run = self._runs.get(self._plan_of.get(client_order_id, ""))
        return None if run is None else run.order(client_order_id)

    def known(self, report: BrokerOrder) -> ChildOrder | None:
        """Our order that the broker's `report` is about: by our id, or as the tail of a chain."""
        if (order := self.order(report.client_order_id)) is not None:
            return order
        chained = (o for run in self._runs.values() for o in run.all_orders if o.chain)
        return next((order for order in chained if order.order_id == report.order_id), None)

    def knows(self, report: BrokerOrder) -> bool:
        """Whether the broker's `report` is about an order of ours, or about what replaced one."""
        if self.known(report) is not None:
            return True
        ids = (o.order_id for run in self._runs.values() for o in run.protective)
        return report.replaces is not None and report.replaces in ids

    def working_orders(self) -> tuple[ChildOrder, ...]:
        """Perhaps live at the broker, over all plans. Intents that never left are not."""
        return tuple(
            order
            for run in self._runs.values()
            for order in run.all_orders
            if order.state.working and order.state is not OrderState.INTENT
        )

    def restless_orders(self) -> tuple[ChildOrder, ...]:
        """Of those, the ones that must be asked for often. Protection may rest for weeks: it is
        asked for with each comparison of the books."""
        return tuple(
            order
            for order in self.working_orders()
            if not order.protective
            or order.order_id is None
            or order.cancel_requested_at is not None
            or order.state is OrderState.UNKNOWN
            or not order.followed
            or self._alone(order)
        )

    def _alone(self, order: ChildOrder) -> bool:
        """A leg whose pair has ended: it should have, too, or it is being executed."""
        pair = None if order.parent is None else self.order(order.parent)
        return pair is not None and pair.state.terminal

    def working_runs(self) -> tuple[PlanRun, ...]:
        return tuple(run for run in self._runs.values() if run.state.working)

    async def record(self, *drafts: EventDraft) -> tuple[Event, ...]:
        """Append to the journal; returns when durable (spec 7) and folded."""
        return await self._journal.append(*drafts)

    async def advance(
        self, plan_id: str, to: PlanState, kind: str, payload: Mapping[str, object]
    ) -> None:
        """Move a plan along its table. Raises NotPossibleError, journalled, when it may not."""
        async with self._locks[plan_id]:
            await self._advance(self.run(plan_id), to, kind, payload)

    async def advance_from(
        self,
        states: Collection[PlanState],
        plan_id: str,
        to: PlanState,
        kind: str,
        payload: Mapping[str, object],
    ) -> None:
        """As `advance`, for who looked a while ago: nothing when the plan has left `states` since.
        What the trader or a halt did meanwhile stands."""
        async with self._locks[plan_id]:
            run = self.run(plan_id)
            if run.state in states:
                await self._advance(run, to, kind, payload)

    async def _advance(
        self, run: PlanRun, to: PlanState, kind: str, payload: Mapping[str, object]
    ) -> None:
        """Look and move as one: of two callers only the first finds the state it needs."""
        plan_id = run.plan.plan_id
        if not plan_may(run.state, to):
            why = f"{run.state.value} can't become {to.value}"
            await self.record(
                EventDraft(kind="TransitionRefused", plan_id=plan_id, payload={"why": why})
            )
            raise NotPossibleError(
                f"Plan {plan_id} is {run.state.value}: it can't become {to.value}."
            )
        await self.record(EventDraft(kind=kind, plan_id=plan_id, payload=dict(payload)))

    def changed(self) -> Coroutine[object, object, bool]:
        """Wait for the next fact recorded from this call on: also one that is recorded before the
        waiting has begun."""
        return self._change.wait()
