"""A broker that answers late, no, or with less, as the director says."""

from services.exchange.engine.behaviour import PROMPT, TOO_LATE, Behaviour, Reply
from services.exchange.engine.fill_model import Execution
from services.exchange.engine.orders import Order
from services.exchange.scenarios.director import Director
from services.exchange.scenarios.faults import (
    CancelLost,
    CancelRejected,
    CancelStuck,
    PartialFill,
    ReplaceRejected,
    SlowAcknowledge,
    VenueReject,
)
from services.exchange.scenarios.triggers import Occasion
from services.exchange.wire import truncated_qty

NO_VENUE = "rejected by the venue"


class SpoiltBehaviour(Behaviour):
    def __init__(self, director: Director) -> None:
        self._director = director

    def acknowledge(self, order: Order) -> Reply:
        occasion = self._occasion(order)
        slow = self._director.on_order(occasion, SlowAcknowledge)
        after = float(slow.seconds) if slow else 0.0
        if self._director.on_order(occasion, VenueReject):
            return Reply(after, refused=NO_VENUE)
        return Reply(after)

    def cancel(self, order: Order) -> Reply:
        occasion = self._occasion(order)
        if self._director.on_order(occasion, CancelLost):
            return Reply(refused=TOO_LATE, fills_first=True)
        stuck = self._director.on_order(occasion, CancelStuck)
        after = float(stuck.seconds) if stuck else 0.0
        if self._director.on_order(occasion, CancelRejected):
            return Reply(after, refused=TOO_LATE)
        return Reply(after)

    def replace(self, order: Order) -> Reply:
        if self._director.on_order(self._occasion(order), ReplaceRejected):
            return Reply(refused=TOO_LATE)
        return PROMPT

    def fill(self, order: Order, execution: Execution) -> Execution | None:
        cut = self._director.on_order(self._occasion(order), PartialFill)
        if cut is None:
            return execution
        qty = truncated_qty(execution.qty * cut.share)
        if not order.fractional:
            qty = qty.to_integral_value(rounding="ROUND_DOWN")
        return execution._replace(qty=qty) if qty else execution

    def _occasion(self, order: Order) -> Occasion:
        return Occasion(order.account, order.symbol, order=self._director.number_of(order.id))
