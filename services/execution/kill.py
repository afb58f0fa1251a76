"""The kill switch: stop first, report later; one failure never stops the rest (invariant 28)."""

import asyncio
import logging

from db.clock import Clock
from db.errors import JournalError
from db.model.event import EventDraft
from db.model.order import BrokerOrder
from db.model.run import PlanState
from db.model.trading import HaltedOrder, HaltReport
from services.brokers.port import Broker, BrokerUnavailableError, CancelOutcome
from services.execution.book import RunBook
from services.execution.safety import Safety
from services.execution.sender import Sender

MOST_ROUNDS = 40
ROUND_SECONDS = 0.25

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
        self.report: HaltReport | None = None

    @property
    def busy(self) -> bool:
        """A halt is still at work."""
        return self._current is not None and not self._current.done()

    async def halt(self, by: str, reason: str) -> HaltReport:
        """Returns when the broker shows no working order but protective ones, or with what
        remains. Never raises: what failed is in the report or the log."""
        self._safety.halt_in_memory()
        if self._current is None or self._current.done():
            self._current = asyncio.create_task(self._carry_through(by, reason), name="halt")
        return await asyncio.shield(self._current)

    def recovered(self, report: HaltReport) -> None:
        """The last report in the journal. While it is in force, a later halt adds to it."""
        self.report = report
        self._outcomes = {order.order_id: order for order in report.orders}

    def lifted(self) -> None:
        """Trading was resumed: the next halt begins its own report."""
        self._outcomes = {}

    async def _carry_through(self, by: str, reason: str) -> HaltReport:
        at = self._clock.now()
        try:
            self._safety.latch(by, reason, at)
        except OSError as error:
            log.error("the halt latch could not be written: %s", error)
        self.report = HaltReport(at=at, by=by, reason=reason)
        await self._journal(EventDraft(kind="Halted", payload={"by": by, "reason": reason}))
        for run in self._book.working_runs():
            if run.state is not PlanState.HALTED:
                await self._journal(
                    EventDraft(
                        kind="PlanHalted",
                        plan_id=run.plan.plan_id,
                        payload={"reason": f"halted by {by}: {reason}"},
                    )
                )
        self.report = await self._cancel_until_none(self.report)
        payload = {"report": self.report.to_json()}
        await self._journal(EventDraft(kind="HaltCompleted", payload=payload))
        return self.report

    async def _journal(self, draft: EventDraft) -> None:
        """A halt goes on when the journal can't: memory and latch hold it already."""
        try:
            await self._book.record(draft)
        except JournalError as error:
            log.warning("%s could not be journalled: %s", draft.kind, error)
        except Exception:  # whatever the journal's failure is, cancelling must go on
            log.exception("the halt could not be journalled")

    async def _cancel_until_none(self, report: HaltReport) -> HaltReport:
        outcomes = self._outcomes
        remaining: int | None = None
        """Not protective and open at the last look; None while nobody could look."""
        for round_number in range(MOST_ROUNDS):
            try:
                open_orders = await self._broker.open_orders()
            except BrokerUnavailableError as error:
                log.warning("halt: reading open orders: %s", error)
                remaining = None
                await self._clock.sleep(ROUND_SECONDS)
                continue
            for order in open_orders:
                outcomes.setdefault(order.order_id, _halted(order, "protective, kept"))
            doomed = [order for order in open_orders if not order.protective]
            remaining = len(doomed)
            if not doomed and not self._in_flight():
                break
            answers = await asyncio.gather(*(self._cancel(order) for order in doomed))
            for order, outcome in zip(doomed, answers, strict=True):
                outcomes[order.order_id] = _halted(order, f"cancel {outcome.value}")
            if round_number:
                await self._clock.sleep(ROUND_SECONDS)
        final = tuple([await self._final(order) for order in tuple(outcomes.values())])
        outcomes.update({order.order_id: order for order in final})
        complete = remaining == 0 and not self._in_flight()
        return report.model_copy(
            update={"orders": final, "remaining": remaining, "complete": complete}
        )

    def _in_flight(self) -> bool:
        """Orders that left or may have left and that the broker has not named yet."""
        return any(order.order_id is None for order in self._book.working_orders())

    async def _cancel(self, order: BrokerOrder) -> CancelOutcome:
        ours = self._book.order(order.client_order_id)
        try:
            if ours is not None:
                if ours.order_id is None:
                    await self._sender.absorb(order)
                    ours = self._book.order(order.client_order_id) or ours
                if not ours.resend:
                    return await self._sender.cancel(ours, "halt", "cancelled by the halt")
            return await self._broker.cancel(order.order_id)
        except Exception:  # one order's failure must not keep the others working
            log.exception("halt: cancelling %s", order.client_order_id)
            return CancelOutcome.UNRESOLVED

    async def _final(self, halted: HaltedOrder) -> HaltedOrder:
        """What became of it, as the broker says."""
        try:
            report = await self._broker.order(halted.client_order_id)
        except BrokerUnavailableError:
            return halted
        if report is None:
            return halted
        await self._sender.absorb(report)
        if report.protective:
            return halted
        words = report.status
        if report.filled_qty and report.status != "filled":
            words = f"{report.status}, {report.filled_qty} filled"
        return halted.model_copy(update={"outcome": words})


def _halted(order: BrokerOrder, outcome: str) -> HaltedOrder:
    return HaltedOrder(
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side.value if order.side else "",
        outcome=outcome,
    )
