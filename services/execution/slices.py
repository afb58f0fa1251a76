"""Sliced steps where they touch the world: fixed in the journal, priced at the touch, put to rest."""

import asyncio
from collections.abc import Awaitable, Callable

from db.clock import Clock
from db.model.event import EventDraft
from db.model.order import OrderState
from db.model.plan import Plan, Step
from db.model.run import CancelReason, ChildOrder, PlanRun
from services.execution.book import RunBook
from services.execution.ids import client_order_id
from services.execution.schedule import scheduled
from services.execution.sender import Sender
from services.execution.slicing import priced
from services.execution.time_limit import WORDS
from services.risk.facts import Facts


class Slices:
    """`facts` are fresh ones; it raises BrokerUnavailableError when there are none."""

    def __init__(
        self,
        book: RunBook,
        sender: Sender,
        clock: Clock,
        facts: Callable[[Plan], Awaitable[Facts]],
    ) -> None:
        self._book = book
        self._sender = sender
        self._clock = clock
        self._facts = facts

    async def schedule(self, run: PlanRun, steps: tuple[Step, ...]) -> None:
        """Write down the pieces of each step. A restart goes on with these."""
        facts = await self._facts(run.plan)
        now, drafts = self._clock.now(), []
        for step in steps:
            if step.algorithm is None:
                continue
            pieces = scheduled(
                step.algorithm,
                step.qty - run.filled_qty(step.n),
                now=now,
                market_now=facts.now,
                session_ends_at=None if facts.clock is None else facts.clock.next_close,
                seed=client_order_id(run.plan.plan_id, step.n),
                daily_volume=facts.adv(step.symbol),
                profile=facts.volume_profile(step.symbol),
            )
            drafts.append(_of_step(run, step, "SliceScheduled", {"slice": pieces.to_json()}))
        await self._book.record(*drafts)

    async def priced(self, run: PlanRun, orders: tuple[ChildOrder, ...]) -> tuple[ChildOrder, ...]:
        """The orders with the limits of pieces at today's touch. The session over, no piece
        leaves: the rest of its step is given up, and said so."""
        if all(order.step not in run.slices for order in orders):
            return orders
        facts = await self._facts(run.plan)
        if self._book.run(run.plan.plan_id).state is not run.state:
            return ()  # paused or halted while we looked
        over, ready = session_over(facts), []
        for order in orders:
            step = run.plan.step(order.step)
            if step.n not in run.slices:
                ready.append(order)
            elif over is None:
                ready.append(priced(order, step, facts))
            else:
                await self._book.record(_of_step(run, step, "StepGivenUp", {"reason": over}))
        return tuple(ready)

    async def rest(self, run: PlanRun) -> None:
        """Nothing of a sliced step works on while its plan is paused or halted."""
        working = [
            order
            for order in run.orders
            if order.step in run.slices
            and order.state.working
            and order.state is not OrderState.UNKNOWN
            and order.order_id is not None
            and order.cancel_requested_at is None
        ]
        why = CancelReason.PAUSE
        await asyncio.gather(*(self._sender.cancel(o, why, WORDS[why]) for o in working))


def session_over(facts: Facts) -> str | None:
    """Why no piece may leave any more."""
    return None if facts.market_open else "the session is over, and a sliced step ends with it"


def _of_step(run: PlanRun, step: Step, kind: str, payload: dict[str, object]) -> EventDraft:
    return EventDraft(
        kind=kind,
        plan_id=run.plan.plan_id,
        step=step.n,
        account=step.account,
        symbol=step.symbol,
        payload=payload,
    )
