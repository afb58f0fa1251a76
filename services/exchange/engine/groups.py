"""Bracket, OCO and OTO: what one member's fate does to the others (alpaca.md §8.8).

Members are tied by `parent_id` and `leg_ids`. The two exits of a bracket, and an OCO's parent
and leg, are a pair: one sells, the other is gone.
"""

from collections.abc import Callable

from services.exchange.engine.booking import Booking
from services.exchange.engine.floor import Floor
from services.exchange.engine.orders import UNACKNOWLEDGED, Order, Status
from services.exchange.engine.triggers import waits_for_stop

ENDED = frozenset({Status.CANCELED, Status.EXPIRED, Status.REJECTED})
WITH_GROUP = "its order group has ended"


class Groups:
    def __init__(self, floor: Floor, booking: Booking, release: Callable[[Order], None]) -> None:
        """`release` lets an order meet the market."""
        self._floor, self._booking, self._release = floor, booking, release
        booking.followers.append(self._follow)

    def rejoin(self, order: Order) -> None:
        """A held leg takes its place again: after a restart, a replace or a refused request."""
        parent = self._floor.ledger.orders.get(order.parent_id or "")
        if order.status is not Status.HELD or parent is None or order.order_class == "mleg":
            return
        if order.order_class == "oco":
            if parent.is_open and parent.status not in UNACKNOWLEDGED:
                self._release(order)
        elif parent.status is Status.FILLED:
            self._arm(order, alone=len(parent.leg_ids) == 1)

    def take_over(self, old: Order, new: Order) -> None:
        """A replacement stands where its old order stood: parent, leg and cover."""
        parent = self._floor.ledger.orders.get(new.parent_id or "")
        if parent is not None:
            legs = tuple(new.id if leg == old.id else leg for leg in parent.leg_ids)
            self._booking.change(parent, leg_ids=legs)
        for leg in self._members(new.leg_ids):
            self._booking.change(leg, parent_id=new.id)
        for order in list(self._floor.open.values()):
            if order.covered_by == old.id:
                self._booking.change(order, covered_by=new.id)

    def _follow(self, before: Order | None, order: Order) -> None:
        if not order.order_class or (order.parent_id is None and not order.leg_ids):
            return
        if before is None:
            return
        if order.elected_at and not before.elected_at:
            self._swap_cover(order)
        traded = order.filled_qty != before.filled_qty and order.reserved_qty == before.reserved_qty
        if traded or order.status is not before.status:
            self._follow_parent(before, order)
            self._follow_pair(before, order)

    def _follow_parent(self, before: Order, order: Order) -> None:
        legs = self._members(order.leg_ids)
        if order.order_class == "oco":
            arrived = before.status in UNACKNOWLEDGED and order.status is Status.NEW
            for leg in legs if arrived else ():
                self._release(leg)
        elif order.status in ENDED and order.leg_ids:
            for leg in legs:
                self._end(leg, Status.CANCELED if order.filled_qty else order.status)
        elif order.status is Status.FILLED and order.order_class != "mleg":
            for leg in legs:
                self._arm(leg, alone=len(legs) == 1)
        parent = self._floor.ledger.orders.get(order.parent_id or "")
        if order.status in ENDED and parent is not None and parent.is_open:
            self._end(parent, order.status)

    def _arm(self, leg: Order, *, alone: bool) -> None:
        """The entry is filled: exits work, but a stop beside a target stays held until elected."""
        works = alone or not waits_for_stop(leg)
        if leg.status is Status.HELD and works:
            leg = self._booking.move(leg, Status.NEW, "new")
        elif leg.before is Status.HELD and works:
            leg = self._booking.change(leg, before=Status.NEW)  # told of when the request is over
        if leg.is_open:
            self._release(leg)

    def _follow_pair(self, before: Order, order: Order) -> None:
        sibling = self._sibling(order)
        if sibling is None or not sibling.is_open:
            return
        if order.status is Status.FILLED:
            self._end(sibling, Status.CANCELED)
        elif order.status in ENDED:
            self._end(sibling, order.status)
        elif order.filled_qty > before.filled_qty:
            left = sibling.filled_qty + order.reserved_qty - order.filled_qty
            self._booking.change(sibling, qty=left, reserved_qty=left)

    def _swap_cover(self, stop: Order) -> None:
        """An elected stop keeps the shares for both."""
        target = self._sibling(stop)
        if target is not None and stop.covered_by == target.id:
            self._booking.change(stop, covered_by=None)
            self._booking.change(target, covered_by=stop.id)

    def _sibling(self, order: Order) -> Order | None:
        orders = self._floor.ledger.orders
        if order.order_class == "oco":
            other = order.parent_id or next(iter(order.leg_ids), None)
            return orders.get(other or "")
        parent = orders.get(order.parent_id or "")
        if parent is None or order.order_class == "mleg":
            return None
        return next((orders[leg] for leg in parent.leg_ids if leg != order.id), None)

    def _end(self, order: Order, status: Status) -> None:
        """An order goes with its group. It expires or is cancelled; nobody rejects it."""
        order = self._floor.ledger.orders[order.id]
        if not order.is_open:
            return
        status = Status.CANCELED if status is Status.REJECTED else status
        told = status.value if self._floor.rules.legs_tell_of_cancel else None
        self._booking.move(order, status, told, WITH_GROUP)

    def _members(self, ids: tuple[str, ...]) -> list[Order]:
        return [self._floor.ledger.orders[leg] for leg in ids]
