"""When and at what price an order fills. Pure: an order and a quote in, an execution out."""

from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple, Protocol

from services.exchange.engine.orders import ZERO, Order, Side
from services.exchange.market.boards import Board
from services.exchange.market.quotes import Quote
from services.exchange.market.walk import Dice
from services.exchange.wire import truncated_qty

PARTIAL_SHARE = 0.1


class Execution(NamedTuple):
    qty: Decimal
    price: Decimal


class FillModel(Protocol):
    def execute(self, order: Order, quote: Quote, board: Board) -> Execution | None:
        """What of a working order trades against this quote, None when nothing does.

        `order` carries the limit it really works at: a collar, or an elected stop's; an auction
        is a quote with both sides at its print. `board` is the instrument's, for what else counts.
        """


class TouchFills:
    """Alpaca's paper fills (alpaca.md §8.11): at the touch, whatever the size.

    A market buy pays the ask, a market sell gets the bid; a limit fills at the touch as soon
    as that is at the limit or better.
    """

    def execute(self, order: Order, quote: Quote, board: Board) -> Execution | None:
        price = quote.ask if order.side is Side.BUY else quote.bid
        if not price or not acceptable(order, price):
            return None
        qty = wanted(order, price)
        return Execution(qty, price) if qty else None


class PartialFills:
    """Another model, one fill in ten cut to a random part of it (whole shares)."""

    def __init__(self, model: FillModel, seed: int) -> None:
        self._model, self._dice = model, Dice(f"partials:{seed}")

    def execute(self, order: Order, quote: Quote, board: Board) -> Execution | None:
        whole = self._model.execute(order, quote, board)
        if whole is None or whole.qty < 2 or self._dice.random() >= PARTIAL_SHARE:
            return whole
        part = Decimal(self._dice.randrange(1, int(whole.qty.to_integral_value(ROUND_DOWN))))
        return Execution(part, whole.price)


def acceptable(order: Order, price: Decimal) -> bool:
    if order.limit_price is None:
        return True
    if order.side is Side.BUY:
        return price <= order.limit_price
    return price >= order.limit_price


def wanted(order: Order, price: Decimal) -> Decimal:
    """Shares of a notional order follow the price, but what closes never exceeds what is held."""
    if order.notional is None:
        return order.leaves_qty
    qty = truncated_qty(order.leaves_notional / price)
    return max(qty, ZERO) if order.opens else min(qty, order.leaves_qty)
