"""What takes time after its answer: acknowledging, cancelling and replacing, and who wins a race.

A request that was answered with success is only asked for (alpaca.md §8.9): it is granted or
refused some time later, and fills may come in between.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from services.exchange import sessions
from services.exchange.engine.behaviour import PROMPT, TOO_LATE, Behaviour, Reply
from services.exchange.engine.booking import Booking
from services.exchange.engine.floor import Floor
from services.exchange.engine.groups import Groups
from services.exchange.engine.hours import works_in
from services.exchange.engine.matching import Matching
from services.exchange.engine.orders import UNACKNOWLEDGED, WORKING, Order, Status
from services.exchange.engine.triggers import trailing_stop

Schedule = Callable[[float, Callable[[], None]], object]
FillDelay = Callable[[Order], float]
HALTED = "market order rejected due to trading halt on symbol: {symbol}"
OLD_ENDED = "the order to be replaced has ended"


class Routing:
    def __init__(
        self,
        floor: Floor,
        booking: Booking,
        matching: Matching,
        fill_delay: FillDelay,
        schedule: Schedule,
    ) -> None:
        self._floor, self._booking, self._matching = floor, booking, matching
        self._fill_delay, self._schedule = fill_delay, schedule
        self.behaviour = Behaviour()
        self.groups = Groups(floor, booking, matching.add)
        self._routed: set[str] = set()  # orders whose acknowledgement is on its way
        orders = floor.open.values()
        self._replacements = {o.replaces: o.id for o in orders if o.replaces}
        booking.followers.append(self._follow)

    # -- acknowledging ------------------------------------------------------------------------

    def route(self, order: Order) -> None:
        """Send an order to the market, if it may work now; it comes back `new` or `rejected`."""
        if order.status not in UNACKNOWLEDGED or order.id in self._routed:
            return
        phase = sessions.phase_at(self._floor.clock.now())
        if not works_in(order, phase) or self._waits_for_old(order):
            return
        self._routed.add(order.id)
        reply = self.behaviour.acknowledge(order)
        self._schedule(reply.after, lambda: self._acknowledge(order.id, reply))

    def _acknowledge(self, order_id: str, reply: Reply) -> None:
        self._routed.discard(order_id)
        order = self._floor.ledger.orders[order_id]
        if order.status not in UNACKNOWLEDGED:
            return
        board = self._floor.market.find(order.symbol)
        refused = reply.refused
        if board and board.halted and order.type == "market" and self._floor.rules.halt_rejects:
            refused = HALTED.format(symbol=order.symbol)
        if refused is not None:
            self._booking.move(order, Status.REJECTED, "rejected", refused)
            return
        order = self._booking.move(order, Status.NEW, "new")
        if order.type == "trailing_stop" and order.hwm is None and board:
            stop = trailing_stop(order, board.price)
            order = self._booking.change(order, hwm=board.price, stop_price=stop)
        self.work(order)

    def work(self, order: Order) -> None:
        """Let it meet the market after its latency; not if it has ended by then."""

        def begin() -> None:
            now = self._floor.ledger.orders[order.id]
            if now.is_open:
                self._matching.add(now)

        delay = self._fill_delay(order)
        if delay:
            self._schedule(delay, begin)
        else:
            begin()

    def _waits_for_old(self, order: Order) -> bool:
        old = self._floor.ledger.orders.get(order.replaces or "")
        return old is not None and old.status is Status.PENDING_REPLACE

    # -- cancelling ---------------------------------------------------------------------------

    def cancel(self, order: Order) -> None:
        """From now on `pending_cancel`; told of only when it lasts."""
        reply = self.behaviour.cancel(order)
        self._booking.move(
            order,
            Status.PENDING_CANCEL,
            "pending_cancel" if reply.after else None,
            before=order.status,
            cancel_requested_at=self._floor.stamp(),
        )
        self._schedule(reply.after, lambda: self.confirm_cancel(order.id, reply))

    def confirm_cancel(self, order_id: str, reply: Reply = PROMPT) -> None:
        """The cancel arrives; when its order has ended, that was told already."""
        order = self._floor.ledger.orders[order_id]
        under_way = order.status is Status.PENDING_CANCEL
        if under_way and reply.fills_first and order.before in WORKING:
            self._matching.match(order_id, at_any_price=True)
            order = self._floor.ledger.orders[order_id]
        if order.status is not Status.PENDING_CANCEL:
            return
        if reply.refused is not None:
            self._back(order, "order_cancel_rejected", reply.refused)
        else:
            self._booking.move(order, Status.CANCELED, "canceled", before=None)

    # -- replacing ----------------------------------------------------------------------------

    def replace(self, old: Order, new: Order) -> Order:
        """`new` is accepted and not kept yet. It waits as the old one does."""
        reply = self.behaviour.replace(old)
        new = self._without_fills(old, new)
        if old.status is Status.HELD:
            new = new.model_copy(update={"status": Status.HELD})
        self._replacements[old.id] = new.id
        self._booking.record(new)
        self._booking.move(
            old,
            Status.PENDING_REPLACE,
            "pending_replace" if reply.after else None,
            before=old.status,
        )
        self._schedule(reply.after, lambda: self.confirm_replace(old.id, reply))
        return new

    def confirm_replace(self, old_id: str, reply: Reply = PROMPT) -> None:
        """The replace arrives; when the old order has ended, its replacement is gone already."""
        old = self._floor.ledger.orders[old_id]
        if old.status is not Status.PENDING_REPLACE:
            return
        new = self._floor.ledger.orders[self._replacements.pop(old_id)]
        too_small = new.qty is not None and new.qty <= new.filled_qty
        refused = TOO_LATE if too_small else reply.refused
        if refused is not None and new.is_open:
            self._reject(new, refused)
            self._back(old, "order_replace_rejected", refused)
            return
        self._booking.move(old, Status.REPLACED, "replaced", replaced_by=new.id, before=None)
        self.groups.take_over(old, new)
        new = self._trailed(self._floor.ledger.orders[new.id])
        self._begin(new)

    def _begin(self, new: Order) -> None:
        """A replacement takes its place: passive, waiting for its hours, or on its way."""
        if new.status is Status.HELD and new.elected_at:
            self._matching.add(self._booking.move(new, Status.NEW, "new"))
        elif new.status is Status.HELD:
            self.groups.rejoin(self._booking.change(new, "held"))
        elif new.status is Status.ACCEPTED:
            self.route(self._booking.change(new, "accepted"))
        else:
            self.route(new)

    def _trailed(self, order: Order) -> Order:
        if order.type != "trailing_stop" or order.hwm is None or order.elected_at:
            return order
        return self._booking.change(order, stop_price=trailing_stop(order, order.hwm))

    # -- races --------------------------------------------------------------------------------

    def _back(self, order: Order, event: str, reason: str) -> None:
        """A request is refused: the order is what it was, or what fills made of it."""
        was = order.before or Status.NEW
        order = self._booking.move(order, was, event, reason, before=None)
        self.groups.rejoin(order)
        self.route(order)

    def _follow(self, before: Order | None, order: Order) -> None:
        """A request loses against whatever ends its order first."""
        if before is None:
            return
        if before.status is Status.PENDING_CANCEL and order.status is Status.FILLED:
            self._booking.tell("order_cancel_rejected", order, TOO_LATE)
        new = self._floor.ledger.orders.get(self._replacements.get(order.id, ""))
        if new is None or not new.is_open:
            return
        if not order.is_open and order.status is not Status.REPLACED:
            self._replacements.pop(order.id)
            self._booking.tell("order_replace_rejected", order, TOO_LATE)
            self._reject(new, OLD_ENDED)
        elif order.status is Status.PENDING_REPLACE:
            self._keep_up(before, order, new)

    def _keep_up(self, before: Order, old: Order, new: Order) -> None:
        """While both are there the replacement counts what the old one fills, and a leg its
        sibling's fills."""
        changes: dict[str, Any] = {}
        traded = old.filled_qty - before.filled_qty
        if traded and self._floor.rules.replace_keeps_fills:
            changes |= {"filled_qty": old.filled_qty, "filled_cost": old.filled_cost}
        elif traded:
            changes |= _less(new, traded)
        if old.parent_id and old.reserved_qty != before.reserved_qty:
            changes |= {"qty": old.qty, "reserved_qty": old.reserved_qty}
        for name in ("covered_by", "elected_at"):  # the old one's stop was reached meanwhile
            if getattr(old, name) != getattr(before, name):
                changes[name] = getattr(old, name)
        if changes:
            self._booking.change(new, **changes)

    def _without_fills(self, old: Order, new: Order) -> Order:
        """Where fills stay with the old order, its replacement is for what they left."""
        if self._floor.rules.replace_keeps_fills or not old.filled_qty:
            return new
        return new.model_copy(update=_less(new, old.filled_qty))

    def _reject(self, order: Order, reason: str) -> None:
        """Not as a member of its group: its place there was never taken."""
        alone = order.model_copy(update={"parent_id": None, "leg_ids": (), "covered_by": None})
        self._booking.move(alone, Status.REJECTED, "rejected", reason)

    # -- after a restart ----------------------------------------------------------------------

    def resume(self) -> None:
        """Finish what was under way, then let what works meet the market."""
        for order in list(self._floor.open.values()):
            if order.status is Status.PENDING_CANCEL:
                self.confirm_cancel(order.id)
            elif order.status is Status.PENDING_REPLACE:
                self.confirm_replace(order.id)
        for order in list(self._floor.open.values()):
            now = self._floor.ledger.orders[order.id]
            if now.status in WORKING or (now.status is Status.HELD and now.elected_at):
                self._matching.add(now)
            self.groups.rejoin(self._floor.ledger.orders[order.id])
            self.route(self._floor.ledger.orders[order.id])


def _less(order: Order, qty: Decimal) -> dict[str, Any]:
    left = order.reserved_qty - qty
    return {"qty": left, "reserved_qty": left}
