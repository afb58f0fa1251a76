"""Fills that cost what real ones do: only the size that is shown, with slippage, after a delay.

Beside it: fees.py, interest.py, and the market's own halts and bands.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from services.exchange.engine.fill_model import Execution, acceptable, wanted
from services.exchange.engine.orders import ZERO, Order, Side
from services.exchange.market.boards import Board
from services.exchange.market.quotes import Quote, tick_size
from services.exchange.market.walk import Dice

LEAST_SLIPPAGE, MOST_SLIPPAGE = Decimal(2), Decimal(10)  # basis points
FULL_SLIPPAGE_AT = Decimal("0.01")  # of a day's average volume
BASIS = Decimal(10_000)
LATENCY = (0.02, 0.12)  # seconds between acceptance and the first look at the book


class RealisticFills:
    """Takes from each quote no more than it shows, whoever asks, and pays for size.

    Slippage grows from 2 to 10 basis points with the order's size against the average daily
    volume; a limit is never passed. The same seed gives the same latencies.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._taken: dict[tuple[str, Side], tuple[Quote, Decimal]] = {}

    def execute(self, order: Order, quote: Quote, board: Board) -> Execution | None:
        touch, shown = (
            (quote.ask, quote.ask_size) if order.side is Side.BUY else (quote.bid, quote.bid_size)
        )
        if not touch or not acceptable(order, touch):
            return None
        left = shown - self._taken_of(order, quote)
        qty = min(wanted(order, touch), left)
        if qty <= 0:
            return None
        crossed = quote.bid == quote.ask  # an auction: everybody trades at its print
        price = touch if crossed else slipped(order, touch, board.listing.adv)
        self._taken[order.symbol, order.side] = quote, shown - left + qty
        return Execution(min(qty, wanted(order, price)), price)

    def delay(self, order: Order) -> float:
        """Seconds from acceptance to matching."""
        return Dice(f"latency:{self._seed}:{order.sequence}").uniform(*LATENCY)

    def _taken_of(self, order: Order, quote: Quote) -> Decimal:
        """Shares of this very quote that are gone already."""
        seen, taken = self._taken.get((order.symbol, order.side), (None, ZERO))
        return taken if seen is quote else ZERO


def slipped(order: Order, touch: Decimal, adv: int) -> Decimal:
    """The touch, worse by the slippage, on the tick; no worse than the order's limit."""
    off = touch * slippage_bps(order.reserved_qty, adv) / BASIS
    tick = tick_size(touch)
    if order.side is Side.BUY:
        price = ((touch + off) / tick).to_integral_value(ROUND_CEILING) * tick
        return price if order.limit_price is None else min(price, order.limit_price)
    price = max(((touch - off) / tick).to_integral_value(ROUND_FLOOR) * tick, tick)
    return price if order.limit_price is None else max(price, order.limit_price)


def slippage_bps(qty: Decimal, adv: int) -> Decimal:
    """2 for a small order, 10 from one per cent of the average daily volume on."""
    if not adv:
        return MOST_SLIPPAGE
    share = min(qty / adv / FULL_SLIPPAGE_AT, Decimal(1))
    return LEAST_SLIPPAGE + (MOST_SLIPPAGE - LEAST_SLIPPAGE) * share
