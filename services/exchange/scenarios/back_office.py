"""A broker that answers late, no, or with less, as the director says."""

from services.exchange.engine.behaviour import TOO_LATE, Behaviour, Reply
from services.exchange.engine.fill_model import Execution
from services.exchange.engine.orders import Order
from services.exchange.scenarios.director import Director, Kind
from services.exchange.scenarios.faults import (
    CancelLost,
    CancelRejected,
    CancelStuck,
    PartialFill,
    ReplaceRejected,
    ReplaceStuck,
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
        slow, rejected = self._struck(order, SlowAcknowledge), self._struck(order, VenueReject)
        after = float(slow.seconds) if slow else 0.0
        return Reply(after, refused=NO_VENUE if rejected else None)

    def cancel(self, order: Order) -> Reply:
        lost, stuck = self._struck(order, CancelLost), self._struck(order, CancelStuck)
        rejected = self._struck(order, CancelRejected)
        after = float(stuck.seconds) if stuck else 0.0
        return Reply(after, TOO_LATE if rejected or lost else None, fills_first=bool(lost))

    def replace(self, order: Order) -> Reply:
        stuck, rejected = self._struck(order, ReplaceStuck), self._struck(order, ReplaceRejected)
        after = float(stuck.seconds) if stuck else 0.0
        return Reply(after, refused=TOO_LATE if rejected else None)

    def fill(self, order: Order, execution: Execution) -> Execution | None:
        cut = self._struck(order, PartialFill)
        if cut is None:
            return execution
        qty = truncated_qty(execution.qty * cut.share)
        if not order.fractional:
            qty = qty.to_integral_value(rounding="ROUND_DOWN")
        return execution._replace(qty=qty) if qty else execution

    def _struck(self, order: Order, kind: type[Kind]) -> Kind | None:
        """Each kind is asked about each order it could strike, so that each counts alike."""
        if self._director.idle:
            return None
        number = self._director.number_of(order.id)
        return self._director.on_order(Occasion(order.account, order.symbol, order=number), kind)
