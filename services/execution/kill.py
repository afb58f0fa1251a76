"""The kill switch: stop first, report later; one failure never stops the rest (invariant 28)."""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from db.clock import Clock
from db.model.base import plain
from db.model.event import EventDraft
from db.model.order import BrokerOrder
from db.model.run import CancelReason, ChildOrder, PlanState
from db.model.trading import HaltedOrder, HaltReport
from services.brokers.port import Broker, CancelOutcome
from services.execution.book import RunBook
from services.execution.drafts import of_order
from services.execution.safety import Safety
from services.execution.sender import Sender

MOST_ROUNDS = 40
ROUND_SECONDS = 0.25
JOURNAL_SECONDS = 1.0
"""A journal that does not answer within this is not waited for: memory and latch hold the halt."""
STREAM_SECONDS = 0.5
"""How long the stream may take to tell how the cancelled orders ended, before the broker is asked."""
MOST_LOOK_UPS = 10
"""Orders asked for one by one; more of them are read as one list."""

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class KillSwitch:
    """HALT, in the order of spec 5: nothing leaves; written down twice; plans halt; cancels."""

    def __init__(
        self, book: RunBook, broker: Broker, sender: Sender, safety: Safety, clock: Clock
    ) -> None:
        self._book = book
        self._broker = broker
        self._sender = sender
        self._safety = safety
        self._clock = clock
        self._current: asyncio.Task[HaltReport] | None = None
        self._outcomes: dict[str, HaltedOrder] = {}
        """What became of every order since trading was halted, by the broker's id."""
        self._noted: set[str] = set()
        """Orders whose cancel by this halt is in the journal, or was meant to be."""
        self._journal_answers = True
        self._oldest: datetime | None = None
        """When the oldest order that this halt cancels was sent, in market time."""
        self.report: HaltReport | None = None

    @property
    def busy(self) -> bool:
        """A halt is still at work."""
        return self._current is not None and not self._current.done()

    async def halt(self, by: str, reason: str, cause: str = "") -> HaltReport:
        """Returns when the broker shows no working order but protective ones, or with what
        remains. Never raises: what failed is in the report or the log. `cause`: the trigger that
        tripped, if one did."""
        self._safety.halt_in_memory()
        if self._current is None or self._current.done():
            carried = self._carry_through(by, reason, cause)
            self._current = asyncio.create_task(carried, name="halt")
        return await asyncio.shield(self._current)

    def recovered(self, report: HaltReport) -> None:
        """The last report in the journal. While it is in force, a later halt adds to it."""
        self.report = report
        self._outcomes = {order.order_id: order for order in report.orders}

    def lifted(self) -> None:
        """Trading was resumed: the next halt begins its own report."""
        self._outcomes = {}

    async def _carry_through(self, by: str, reason: str, cause: str) -> HaltReport:
        began = self._clock.monotonic()
        self._journal_answers, self._noted, self._oldest = True, set(), None
        report = HaltReport(at=self._clock.now(), by=by, reason=reason, cause=cause)
        try:
            self._safety.latch(by, reason, report.at)
            report = report.model_copy(update={"latch_ms": self._since(began)})
        except Exception:  # memory holds it, and the journal will
            log.exception("the halt latch could not be written")
        self.report = report
        why = {"by": by, "reason": reason, "cause": cause}
        await self._note(EventDraft(kind="Halted", payload=why))
        await self._step("halting the plans", self._halt_plans(f"halted by {by}: {reason}"))
        open_at_end = await self._step("cancelling", self._cancel_until_none())
        complete = open_at_end == 0 and not self._in_flight()
        report = report.model_copy(
            update={
                "remaining": open_at_end,
                "complete": complete,
                "cancelled_ms": self._since(began) if complete else None,
            }
        )
        await self._step("asking what became of the orders", self._find_out())
        self.report = report.model_copy(update={"orders": tuple(self._outcomes.values())})
        payload = {"report": self.report.to_json()}
        await self._note(EventDraft(kind="HaltCompleted", payload=payload))
        return self.report

    def _since(self, began: float) -> Decimal:
        return Decimal(f"{(self._clock.monotonic() - began) * 1000:.2f}")

    async def _step(self, what: str, step: Awaitable[Result]) -> Result | None:
        """One part of the halt. What fails in it must not keep the others from being done."""
        try:
            return await step
        except Exception:
            log.exception("halt: %s", what)
            return None

    async def _note(self, *drafts: EventDraft) -> None:
        if drafts:
            await self._written(drafts[0].kind, self._book.record(*drafts))

    async def _absorb(self, report: BrokerOrder) -> None:
        await self._written(report.client_order_id, self._sender.absorb(report))

    async def _written(self, what: str, writing: Coroutine[Any, Any, object]) -> None:
        """A halt goes on when the journal can't: it neither fails with it nor waits for it."""
        task = asyncio.ensure_future(writing)
        task.add_done_callback(_seen)
        try:
            limit = JOURNAL_SECONDS if self._journal_answers else 0
            await asyncio.wait_for(asyncio.shield(task), limit)
        except TimeoutError:
            self._journal_answers = False
            log.warning("the journal does not answer: the halt goes on without it")
        except Exception as error:  # whatever the journal's failure is, cancelling must go on
            log.warning("%s could not be journalled: %s", what, error)

    async def _halt_plans(self, reason: str) -> None:
        runs = [run for run in self._book.working_runs() if run.state is not PlanState.HALTED]
        await self._note(
            *(
                EventDraft(kind="PlanHalted", plan_id=run.plan.plan_id, payload={"reason": reason})
                for run in runs
            )
        )

    # --- cancels ------------------------------------------------------------------------------

    async def _cancel_until_none(self) -> int | None:
        """How many orders, not protective, were open at the last look; None: nobody could look."""
        remaining: int | None = None
        for round_number in range(MOST_ROUNDS):
            try:
                open_orders = await self._broker.open_orders()
            except Exception as error:  # not read is not gone (invariant 30): look again
                log.warning("halt: reading open orders: %s", error)
                remaining = None
                await self._clock.sleep(ROUND_SECONDS)
                continue
            for order in open_orders:
                self._outcomes.setdefault(order.order_id, _halted(order, "protective, kept"))
            doomed = [order for order in open_orders if not order.protective]
            remaining = len(doomed)
            self._oldest = min(
                (o.submitted_at for o in doomed if o.submitted_at), default=self._oldest
            )
            if not doomed and not self._in_flight():
                break
            if doomed:
                await self._step("noting the cancels", self._note_cancels(doomed))
                # In bulk everything goes, protective orders too: only where none must be kept.
                bulk = round_number == 0 and len(doomed) > 1 and len(doomed) == len(open_orders)
                answers = await self._cancel(doomed, bulk=bulk)
                if all(answer is CancelOutcome.BY_HAND for answer in answers):
                    break  # the report lists them; the trader's word ends each
            if round_number:
                await self._clock.sleep(ROUND_SECONDS)
        return remaining

    async def _note_cancels(self, doomed: Iterable[BrokerOrder]) -> None:
        """Why they will end, on record before they do: what a halt ended may be sent again."""
        drafts = []
        for order in doomed:
            ours = self._book.known(order)
            if ours is not None and ours.order_id is None:
                await self._absorb(order)
                ours = self._book.known(order)
            if ours is None or ours.resend or order.order_id in self._noted:
                continue
            self._noted.add(order.order_id)
            payload = {"reason": CancelReason.HALT.value, "words": "cancelled by the halt"}
            drafts.append(of_order(ours, "CancelRequested", payload))
        await self._note(*drafts)

    async def _cancel(self, doomed: list[BrokerOrder], *, bulk: bool) -> tuple[CancelOutcome, ...]:
        answers: dict[str, CancelOutcome] = {}
        if bulk:
            answers = await self._step("the bulk cancel", self._broker.cancel_all()) or {}
        one_by_one = [order for order in doomed if order.order_id not in answers]
        each = await asyncio.gather(*(self._cancel_one(order) for order in one_by_one))
        answers |= {o.order_id: answer for o, answer in zip(one_by_one, each, strict=True)}
        for order in doomed:
            words = f"cancel {answers[order.order_id].value.replace('_', ' ')}"
            self._outcomes[order.order_id] = _halted(order, words)
        return tuple(answers[order.order_id] for order in doomed)

    async def _cancel_one(self, order: BrokerOrder) -> CancelOutcome:
        try:
            return await self._broker.cancel(order.order_id)
        except Exception:  # one order's failure must not keep the others working
            log.exception("halt: cancelling %s", order.client_order_id)
            return CancelOutcome.UNRESOLVED

    def _in_flight(self) -> bool:
        """Orders that left or may have left and that the broker has not named yet."""
        return any(order.order_id is None for order in self._book.working_orders())

    # --- what became of them ------------------------------------------------------------------

    async def _find_out(self) -> None:
        """By our own book where the stream has told it already, else by the broker."""
        asked = [o for o in self._outcomes.values() if o.outcome != "protective, kept"]
        ours = [o for o in asked if self._book.order(o.client_order_id) is not None]
        await self._told(ours)
        unsaid = []
        for halted in asked:
            known = self._book.order(halted.client_order_id)
            if known is not None and known.state.terminal:
                self._outcomes[halted.order_id] = _ended(halted, known.state.value, known)
            else:
                unsaid.append(halted)
        if len(unsaid) > MOST_LOOK_UPS and self._oldest is not None:
            listed = await self._broker.orders_since(self._oldest - timedelta(seconds=1))
            reports = {order.order_id: order for order in listed}
            await asyncio.gather(*(self._said(h, reports.get(h.order_id)) for h in unsaid))
        else:
            await asyncio.gather(*(self._step("a look-up", self._look_up(h)) for h in unsaid))

    async def _told(self, ours: Iterable[HaltedOrder]) -> None:
        """Wait a moment for the stream."""
        waiting = [order.client_order_id for order in ours]
        deadline = self._clock.monotonic() + STREAM_SECONDS
        while any(self._works(name) for name in waiting) and self._clock.monotonic() < deadline:
            await self._clock.sleep(STREAM_SECONDS / 20)

    def _works(self, client_order_id: str) -> bool:
        order = self._book.order(client_order_id)
        return order is not None and not order.state.terminal

    async def _look_up(self, halted: HaltedOrder) -> None:
        await self._said(halted, await self._broker.order(halted.client_order_id))

    async def _said(self, halted: HaltedOrder, report: BrokerOrder | None) -> None:
        if report is None:
            return
        await self._absorb(report)
        if not report.protective:
            self._outcomes[halted.order_id] = _ended(halted, report.status, report)


def _seen(writing: "asyncio.Future[object]") -> None:
    """What comes of a write that nobody waits for any more is not news."""
    if not writing.cancelled():
        writing.exception()


def _ended(halted: HaltedOrder, status: str, order: BrokerOrder | ChildOrder) -> HaltedOrder:
    filled = order.filled_qty and status != "filled"
    words = f"{status}, {plain(order.filled_qty)} filled" if filled else status
    return halted.model_copy(update={"outcome": words})


def _halted(order: BrokerOrder, outcome: str) -> HaltedOrder:
    return HaltedOrder(
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side.value if order.side else "",
        outcome=outcome,
    )
