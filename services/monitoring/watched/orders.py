"""Orders that did not do what was asked of them. Pure."""

from collections.abc import Iterator

from db.model.base import plain
from db.model.order import OrderState
from db.model.run import CancelReason
from services.monitoring.situation import Situation
from services.monitoring.watched.observation import Observation


def rejected(now: Situation) -> Iterator[Observation]:
    yield from _orders_in(now, OrderState.REJECTED)


def unknown(now: Situation) -> Iterator[Observation]:
    yield from _orders_in(now, OrderState.UNKNOWN)


def _orders_in(now: Situation, state: OrderState) -> Iterator[Observation]:
    for order in now.orders:
        if order.state is state:
            values = {
                "order": order.client_order_id,
                "side": order.side.value,
                "qty": plain(order.qty),
                "symbol": order.symbol,
                "reason": order.reason or "no reason was given",
            }
            yield Observation(order.client_order_id, on=True, over=False, values=values)


def short(now: Situation) -> Iterator[Observation]:
    """Orders whose rest we gave up by ourselves at their time limit."""
    for order in now.orders:
        given_up = order.cancel_reason in (CancelReason.TIME_LIMIT, CancelReason.ACCEPT)
        if given_up and order.state.terminal and order.filled_qty < order.qty:
            values = {
                "order": order.client_order_id,
                "side": order.side.value,
                "qty": plain(order.qty),
                "filled": plain(order.filled_qty),
                "symbol": order.symbol,
            }
            yield Observation(order.client_order_id, on=True, over=False, values=values)
