"""Orders out, answers in. The only caller of the broker's writes."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from db.model.event import EventDraft
from db.model.order import BrokerOrder, Fill, OrderState, Side
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
from services.execution.absorb import absorbed
from services.execution.book import RunBook
from services.execution.safety import Safety

log = logging.getLogger(__name__)

_TEMPORARY = frozenset({RejectionClass.RATE_LIMIT, RejectionClass.CONNECTIVITY})


def _draft(order: ChildOrder, kind: str, payload: dict[str, object] | None = None) -> EventDraft:
    return EventDraft(
        kind=kind,
        plan_id=order.plan_id,
        step=order.step,
        client_order_id=order.client_order_id,
        account=order.account,
        symbol=order.symbol,
        payload=payload or {},
    )


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

    async def intend(self, orders: Iterable[ChildOrder]) -> None:
        """Write the intents of all `orders` in one synced commit, before any byte leaves."""
        await self._book.record(
            *(_draft(order, "OrderIntended", {"order": order.to_json()}) for order in orders)
        )

    async def send(self, orders: Iterable[ChildOrder]) -> None:
        """Send side by side; returns when each has its answer on record."""
        await asyncio.gather(*(self._send(order) for order in orders))

    def permit(self, order: ChildOrder) -> str | None:
        """Why the order may not leave now, or None. Asked in the last moment, too."""
        if order.symbol in self._locked():
            return f"our book and the broker differ on {order.symbol}"
        return self._safety.forbids(reducing=order.side is Side.SELL)

    async def _send(self, order: ChildOrder) -> None:
        async with self._book.lock(order.client_order_id):
            current = self._book.order(order.client_order_id)
            if current is None or current.state is not OrderState.INTENT:
                return
            if (why := self.permit(order)) is not None:
                await self._book.record(_draft(order, "OrderDenied", {"reason": why}))
                return
            # The intent is on disk; the note that it left may be written while it travels.
            answer = asyncio.create_task(
                self._broker.submit(order.request(), permit=lambda: self.permit(order))
            )
            await self._book.record(_draft(order, "OrderSent"))
        try:
            outcome = await answer
        except Exception as error:  # whatever it was, the order may have left
            log.exception("submitting %s", order.client_order_id)
            outcome = Unresolved(reason=f"the send failed inside: {type(error).__name__}")
        await self._record_answer(order, outcome)

    async def deny(self, order: ChildOrder, reason: str) -> None:
        """An intent that will not be sent: it provably never left."""
        async with self._book.lock(order.client_order_id):
            current = self._book.order(order.client_order_id)
            if current is not None and current.state is OrderState.INTENT:
                await self._book.record(_draft(order, "OrderDenied", {"reason": reason}))

    async def _record_answer(self, order: ChildOrder, outcome: SubmitOutcome) -> None:
        if isinstance(outcome, Confirmed):
            await self.absorb(outcome.order)
            return
        async with self._book.lock(order.client_order_id):
            current = self._book.order(order.client_order_id)
            if current is None or current.state is not OrderState.SENT:
                return  # the stream knew better meanwhile
            await self._book.record(_draft(order, *_answer_event(outcome)))

    async def absorb(self, report: BrokerOrder, fill: Fill | None = None) -> bool:
        """Book a report of one of our orders, from wherever it came. False when it isn't ours."""
        async with self._book.lock(report.client_order_id):
            order = self._book.order(report.client_order_id)
            if order is None:
                return False
            drafts = tuple(
                self._as_halted(d) for d in absorbed(order, report, fill) if self._is_new(d)
            )
            if drafts:
                await self._book.record(*drafts)
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
            await self._book.record(_draft(order, "OrderUnknown", {"reason": reason}))

    async def mark_not_found(self, order: ChildOrder) -> None:
        """The broker said twice that it has no such order: the intent stands, unsent."""
        async with self._book.lock(order.client_order_id):
            current = self._book.order(order.client_order_id)
            if current is not None and current.state is OrderState.UNKNOWN:
                await self._book.record(_draft(order, "OrderNotFound"))
        if self._book.run(order.plan_id).state.ended:
            await self.deny(order, "its plan has ended")

    async def cancel(self, order: ChildOrder, reason: str, words: str = "") -> CancelOutcome:
        """Ask for a cancel. It is one only when the broker reports it (invariant 14)."""
        if order.order_id is None:
            return CancelOutcome.UNRESOLVED
        await self._book.record(
            _draft(order, "CancelRequested", {"reason": reason, "words": words or reason})
        )
        return await self._broker.cancel(order.order_id)


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
        "temporary": outcome.category in _TEMPORARY,
    }
