"""Splits and cash dividends: what they do to holdings and to open orders."""

from decimal import ROUND_HALF_EVEN, Decimal

from services.exchange.engine.activities import DIVIDEND, SPLIT
from services.exchange.engine.booking import Booking
from services.exchange.engine.floor import Floor
from services.exchange.engine.orders import Order, Status
from services.exchange.market.quotes import tick_size
from services.exchange.wire import truncated_qty

RESTATED = "stock split"
_PRICES = ("limit_price", "stop_price", "trail_price", "hwm")


class Corporate:
    def __init__(self, floor: Floor, booking: Booking) -> None:
        self._floor, self._booking = floor, booking

    def split(self, symbol: str, new: int, old: int) -> None:
        """`new` shares for each `old`. Costs stay; open orders follow a split into whole shares
        (event `restated`), any other cancels them. Prices are the market's to move."""
        for order in list(self._floor.open.values()):
            now = self._floor.ledger.orders[order.id]
            if order.symbol == symbol and now.is_open:
                self._restate(now, new, old)
        for position in list(self._floor.ledger.positions.values()):
            if position.symbol == symbol and position.qty:
                qty = truncated_qty(position.qty * new / old)
                self._booking.keep_position(position.model_copy(update={"qty": qty}))
                self._booking.enter(
                    position.account,
                    SPLIT,
                    symbol=symbol,
                    qty=qty - position.qty,
                    description=f"{new} for {old}",
                )

    def dividend(self, symbol: str, per_share: Decimal) -> None:
        """Paid at once to who holds the share, and by who is short of it."""
        for position in list(self._floor.ledger.positions.values()):
            if position.symbol == symbol and position.qty:
                self._booking.receive(
                    position.account,
                    DIVIDEND,
                    (position.qty * per_share).quantize(Decimal("0.01"), ROUND_HALF_EVEN),
                    symbol=symbol,
                    qty=position.qty,
                    per_share_amount=per_share,
                )

    def _restate(self, order: Order, new: int, old: int) -> None:
        if new % old or order.status is Status.PENDING_REPLACE:
            self._booking.move(order, Status.CANCELED, "canceled", RESTATED)
            return
        ratio = Decimal(new // old)
        changes = {
            name: _on_tick(price / ratio)
            for name in _PRICES
            if (price := getattr(order, name)) is not None
        }
        self._booking.change(
            order,
            "restated",
            RESTATED,
            qty=None if order.qty is None else order.qty * ratio,
            reserved_qty=order.reserved_qty * ratio,
            reserved_price=order.reserved_price / ratio,
            filled_qty=order.filled_qty * ratio,
            **changes,
        )


def _on_tick(price: Decimal) -> Decimal:
    tick = tick_size(price)
    return max((price / tick).to_integral_value(ROUND_HALF_EVEN) * tick, tick)
