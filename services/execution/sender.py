"""Orders out, answers in. The only caller of the broker's writes."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from db.model.base import plain
from db.model.event import EventDraft
from db.model.order import BrokerOrder, Fill, OrderState
from db.model.run import ChildOrder
from services.brokers.port import (
    Broker,
    CancelOutcome,
    Confirmed,
    Denied,
    Rejected,
    RejectionClass,
    SubmitOutcome,
    Unresolved,
)
from services.execution import legs
from services.execution.book import RunBook
from services.execution.chain import as_leg, followed, needs_executions
from services.execution.drafts import of_order
from services.execution.rejections import Treatment, treatment
from services.execution.safety import Safety

log = logging.getLogger(__name__)


class Sender:
    """Sends intents that are on disk, and turns every answer and report into events."""

    def __init__(
        self,
        book: RunBook,
        broker: Broker,
        safety: Safety,
        locked: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        """`locked`: the symbols on which our book and the broker differ now."""
        self._book = book
        self._broker = broker
        self._safety = safety
        self._locked = locked
        self._refusals: set[tuple[str, str]] = set()

    async def place(self, orders: Iterable[ChildOrder], *beside: EventDraft) -> None:
        """Write the intents of all `orders` in one synced commit, before any byte leaves, then send
        side by side; returns when each has its answer on record. `beside` is written with them, and
        so is that they are on their way: from here on each counts as one that may have left."""
        orders = tuple(orders)
        await self._book.record(
            *beside,
            *(of_order(order, "OrderIntended", {"order": order.terms()}) for order in orders),
            *(of_order(order, "OrderSent") for order in orders),
        )
        await _side_by_side(self._leave(order) for order in orders)

    async def send(self, orders: Iterable[ChildOrder]) -> None:
        """Send intents of before side by side; returns when each has its answer on record."""
        await _side_by_side(self._send(order) for order in orders)

    def locked_symbols(self) -> frozenset[str]:
        """On which nothing is sent now."""
        return self._locked()

    def permit(self, order: ChildOrder) -> str | None:
        """Why the order may not leave now, or None. Asked in the last moment, too."""
        if order.symbol in self._locked():
            return f"our book and the broker differ on {order.symbol}"
        return self._safety.refuses(order)

    async def _send(self, order: ChildOrder) -> None:
        async with self._book.lock(order.client_order_id):
            current = self._book.order(order.client_order_id)
            if current is None or current.state is not OrderState.INTENT:
                return
            if (why := self.permit(order)) is not None:
                await self._book.record(of_order(order, "OrderDenied", {"reason": why}))
                return
            await self._book.record(of_order(order, "OrderSent"))
        await self._leave(order)

    async def _leave(self, order: ChildOrder) -> None:
        """Off to the broker, unless that is forbidden in the last moment."""
        await self._record_answer(order, await self._answer(order))

    async def _answer(self, order: ChildOrder) -> SubmitOutcome:
        try:
            return await self._broker.submit(order.request(), permit=lambda: self.permit(order))
        except Exception as error:  # whatever it was, the order may have left
            log.exception("submitting %s", order.client_order_id)
            return Unresolved(reason=f"the send failed inside: {type(error).__name__}")

    async def deny(self, order: ChildOrder, reason: str) -> None:
        """An intent that will not be sent: it provably never left."""
        async with self._book.lock(order.client_order_id):
            current = self._book.order(order.client_order_id)
            if current is not None and current.state is OrderState.INTENT:
                await self._book.record(of_order(order, "OrderDenied", {"reason": reason}))

    async def _record_answer(self, order: ChildOrder, outcome: SubmitOutcome) -> None:
        if isinstance(outcome, Confirmed):
            await self.absorb(outcome.order)
            return
        async with self._book.lock(order.client_order_id):
            current = self._book.order(order.client_order_id)
            if current is None or current.state is not OrderState.SENT:
                return  # the stream knew better meanwhile
            await self._book.record(of_order(order, *_answer_event(outcome)))

    async def absorb(self, report: BrokerOrder, fill: Fill | None = None) -> bool:
        """Book a report of one of our orders, from wherever it came. False when it isn't ours."""
        if (known := self._book.known(report)) is None:
            return False
        async with self._book.lock(known.client_order_id):
            order = self._book.known(report)
            told = None if order is None else as_leg(order, report)
            if order is None or told is None:
                return True  # an earlier link of a chain, or one that is still to be followed
            drafts = tuple(
                self._as_halted(draft)
                for draft in legs.told(order, told, fill, self._book.knows)
                if self._is_new(draft)
            )
            if drafts:
                await self._book.record(*drafts)
        for leg in report.legs:
            await self.absorb(leg)
        return True

    def _as_halted(self, draft: EventDraft) -> EventDraft:
        """What ends while trading is halted was ended by the halt, whichever process asked: its
        step may be sent again after the resume."""
        if draft.payload.get("state") != OrderState.CANCELED or not self._safety.halted:
            return draft
        return draft.model_copy(update={"payload": {**draft.payload, "halted": True}})

    def _is_new(self, draft: EventDraft) -> bool:
        """An impossible report comes with every poll: it is journalled once."""
        if draft.kind != "TransitionRefused":
            return True
        key = (draft.client_order_id or "", str(draft.payload))
        seen = key in self._refusals
        self._refusals.add(key)
        return not seen

    async def mark_unknown(self, order: ChildOrder, reason: str) -> None:
        """The answer will not come any more: only the broker's word leaves this state."""
        async with self._book.lock(order.client_order_id):
            await self._book.record(of_order(order, "OrderUnknown", {"reason": reason}))

    async def follow(self, order: ChildOrder) -> None:
        """Somebody replaced the order at the broker: find the tail and count it as the same leg.
        Raises BrokerUnavailableError."""
        tail = await self._broker.order_by_id(order.order_id or "")
        if tail is None:
            return  # the broker named it: it is looked for again
        executed = Decimal(0)
        if needs_executions(order, tail) and tail.submitted_at is not None:
            since = tail.submitted_at - timedelta(seconds=1)
            fills = await self._broker.fills_since(since)
            executed = sum((f.qty for f in fills if f.order_id == tail.order_id), Decimal(0))
        async with self._book.lock(order.client_order_id):
            current = self._book.order(order.client_order_id)
            if current is None or current.followed or current.order_id != tail.order_id:
                return
            draft = followed(current, tail, executed)
            if draft is None or not self._is_new(draft):
                return
            await self._book.record(draft)
        await self.absorb(tail)

    async def look(self, order: ChildOrder) -> BrokerOrder | None:
        """What the broker says of the order, or of the tail of its chain; None: it has none.
        Raises BrokerUnavailableError."""
        if (order.chain or order.parent is not None) and order.order_id is not None:
            return await self._broker.order_by_id(order.order_id)
        found = await self._broker.order(order.client_order_id)
        if found is not None and order.oco:  # only asked for by the broker's id it shows its leg
            return await self._broker.order_by_id(found.order_id)
        return found

    async def verify(self, order: ChildOrder) -> str | None:
        """Prove at the broker how a closed order ended, before its rest is sent again. Returns
        what stands against it. Raises BrokerUnavailableError."""
        report = await self.look(order)
        if report is not None:
            await self.absorb(report)
        async with self._book.lock(order.client_order_id):
            current = self._book.order(order.client_order_id) or order
            if not current.state.terminal or current.verified:
                return None
            why = _against(current, None if report is None else as_leg(current, report))
            if why is None:
                answer = "not found" if report is None else report.status
                filled = plain(current.filled_qty)
                payload = {"answer": answer, "filled_qty": filled}
                await self._book.record(of_order(current, "RemainderVerified", payload))
                return None
            draft = of_order(
                current,
                "TransitionRefused",
                {"why": why, "filled_qty": None if report is None else plain(report.filled_qty)},
            )
            if self._is_new(draft):
                await self._book.record(draft)
            return f"{order.client_order_id}: {why}"

    async def mark_looked_up(self, order: ChildOrder, answer: str, *, absent: bool) -> None:
        """Journal an answer about an unknown order, when it says something new."""
        async with self._book.lock(order.client_order_id):
            current = self._book.order(order.client_order_id)
            if current is None or current.state is not OrderState.UNKNOWN:
                return
            last = current.look_ups[-1].answer if current.look_ups else None
            if answer != last or absent != current.absent:
                payload = {"asked": "client_order_id", "answer": answer, "absent": absent}
                await self._book.record(of_order(current, "OrderLookedUp", payload))

    async def mark_not_found(self, order: ChildOrder) -> None:
        """The broker said twice that it has no such order: the intent stands, unsent."""
        async with self._book.lock(order.client_order_id):
            current = self._book.order(order.client_order_id)
            if current is not None and current.state is OrderState.UNKNOWN:
                await self._book.record(of_order(order, "OrderNotFound"))
        if self._book.run(order.plan_id).state.ended and not order.protective:
            await self.deny(order, "its plan has ended")

    async def cancel(self, order: ChildOrder, reason: str, words: str = "") -> CancelOutcome:
        """Ask for a cancel. It is one only when the broker reports it (invariant 14)."""
        if order.order_id is None:
            return CancelOutcome.UNRESOLVED
        await self._book.record(
            of_order(order, "CancelRequested", {"reason": reason, "words": words or reason})
        )
        return await self._broker.cancel(order.order_id)


async def _side_by_side(sends: Iterable[Coroutine[Any, Any, None]]) -> None:
    each = tuple(sends)
    if len(each) == 1:
        await each[0]  # a task of its own would only delay it
    else:
        await asyncio.gather(*each)


def _against(order: ChildOrder, report: BrokerOrder | None) -> str | None:
    """Why the broker's word does not prove the end that we know of, or None."""
    if report is None:
        existed = order.order_id is not None or order.filled_qty > 0
        return "the broker does not know it any more" if existed else None
    if not (report.state and report.state.terminal):
        return f"ours says {order.state.value}, the broker {report.status}"
    if report.filled_qty != order.filled_qty:
        return f"{plain(order.filled_qty)} filled by our book, {plain(report.filled_qty)} by the broker's"
    return None


def _answer_event(outcome: Rejected | Denied | Unresolved) -> tuple[str, dict[str, object]]:
    if isinstance(outcome, Denied):
        return "OrderDenied", {"reason": outcome.reason}
    if isinstance(outcome, Unresolved):
        return "OrderUnknown", {"reason": outcome.reason}
    if outcome.category is RejectionClass.DUPLICATE_ID:
        return "OrderUnknown", {"reason": "the broker already knows this id"}
    return "OrderRejected", {
        "category": outcome.category.value,
        "status": outcome.status,
        "code": outcome.code,
        "message": outcome.message,
        "temporary": treatment(outcome.category.value) is Treatment.RETRY,
    }
