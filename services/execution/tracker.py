"""Polling, as backup of the stream: what became of every order that may be working."""

import asyncio
import logging
from collections.abc import Iterable

from db.clock import Clock
from db.model.event import Event
from db.model.order import BrokerOrder, OrderState
from db.model.run import CancelReason, ChildOrder, Mode, PlanState
from services.brokers.port import Broker, BrokerUnavailableError
from services.execution.book import RunBook
from services.execution.decide import CANCEL_AGAIN
from services.execution.sender import Sender

POLL_SECONDS = 2.0
"""Spec 5, Phases."""
NOT_FOUND_SECONDS = 2.0
"""Two look-ups this far apart must both say "not found" (alpaca.md §2.3)."""
NO_ANSWER = "the broker could not be asked"

log = logging.getLogger(__name__)


class Tracker:
    """Asks every two seconds while anything works, and at once when kicked."""

    def __init__(self, book: RunBook, broker: Broker, sender: Sender, clock: Clock) -> None:
        self._book = book
        self._broker = broker
        self._sender = sender
        self._clock = clock
        self._kicked = asyncio.Event()
        self._not_found_since: dict[str, float] = {}

    def kick(self) -> None:
        self._kicked.set()

    def apply(self, events: Iterable[Event]) -> None:
        """As events come: whose answer is lost is asked for at once."""
        if any(event.kind == "OrderUnknown" for event in events):
            self.kick()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if self._book.restless_orders():
                try:
                    await self.poll()
                except BrokerUnavailableError as error:
                    log.warning("polling orders: %s", error)
            self._kicked.clear()
            wait = asyncio.ensure_future(self._kicked.wait())
            pause = asyncio.ensure_future(self._clock.sleep(POLL_SECONDS))
            try:
                await asyncio.wait({wait, pause}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                wait.cancel()
                pause.cancel()

    async def poll(self) -> None:
        """One look at the broker. Raises BrokerUnavailableError: then of some order nothing was
        learnt."""
        try:
            listed = await self._broker.open_orders()
        except BrokerUnavailableError:
            await self._nobody_answered()
            raise
        by_name = {order.client_order_id: order for order in listed}
        by_id = {order.order_id: order for order in listed}
        failed: BrokerUnavailableError | None = None
        for order in self._book.working_orders():
            if order.chain:
                report = by_id.get(order.order_id or "")
            else:
                report = by_name.get(order.client_order_id)
            try:
                if not order.followed:
                    await self._sender.follow(order)
                elif report is None:
                    await self.look_up(order)
                else:
                    await self._found(order, report)
            except BrokerUnavailableError as error:
                failed = error  # one order's failure must not keep the others in the dark
        if failed is not None:
            raise failed

    async def _nobody_answered(self) -> None:
        for order in self._book.working_orders():
            await self._sender.mark_looked_up(order, NO_ANSWER, absent=False)

    async def _found(self, order: ChildOrder, report: BrokerOrder) -> None:
        self._not_found_since.pop(order.client_order_id, None)
        await self._sender.mark_looked_up(order, f"found: {report.status}", absent=False)
        await self._sender.absorb(report)
        await self._cancel_of_aborted(order.client_order_id)

    async def _cancel_of_aborted(self, client_order_id: str) -> None:
        """An order that still works although its plan was aborted: it was unknown then, or the
        request to cancel it was lost. Nobody drives that plan any more who would ask again."""
        order = self._book.order(client_order_id)
        if order is None or order.state.terminal or order.protective:
            return  # what a plan bought stays protected
        asked = order.cancel_requested_at
        if asked is not None and self._clock.now() - asked < CANCEL_AGAIN:
            return
        if self._book.run(order.plan_id).state is PlanState.ABORTED:
            await self._sender.cancel(order, CancelReason.ABORT, "the plan was aborted")

    async def look_up(self, order: ChildOrder) -> None:
        """Ask for one order, and journal the answer when it is news. Raises
        BrokerUnavailableError: then nothing was learnt."""
        try:
            report = await self._sender.look(order)
        except BrokerUnavailableError:
            await self._sender.mark_looked_up(order, NO_ANSWER, absent=False)
            raise
        if report is not None:
            await self._found(order, report)
            return
        current = self._book.order(order.client_order_id)
        if current is None or current.state is not OrderState.UNKNOWN:
            return  # its answer is still under way, or came meanwhile
        now = self._clock.monotonic()
        first = self._not_found_since.setdefault(order.client_order_id, now)
        twice = now - first >= NOT_FOUND_SECONDS
        # Where the trader confirms orders or phases, he also says what becomes of one of them.
        run = self._book.run(order.plan_id)
        by_itself = order.protective or run.mode is Mode.AUTO or run.state.ended
        absent = twice and not order.protective
        await self._sender.mark_looked_up(order, "not found", absent=absent)
        if twice and by_itself:
            del self._not_found_since[order.client_order_id]
            await self._sender.mark_not_found(order)
