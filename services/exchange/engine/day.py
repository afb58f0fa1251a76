"""What a day does to orders: they are released, meet in auctions, and come to their end."""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

from services.exchange import sessions
from services.exchange.engine.booking import Booking
from services.exchange.engine.floor import Floor
from services.exchange.engine.matching import Matching
from services.exchange.engine.orders import WORKING, Order, Status
from services.exchange.market.boards import Board
from services.exchange.market.quotes import Quote, Trade
from services.exchange.sessions import Phase

OVER = "the order's time in force is over"
AGED = "90 days have passed since the order was made"


class Day:
    def __init__(
        self,
        floor: Floor,
        booking: Booking,
        matching: Matching,
        route: Callable[[Order], None],
    ) -> None:
        """`route` sends an order to the market when it may work now."""
        self._floor, self._booking, self._matching = floor, booking, matching
        self._route = route

    def turn(self, ticks: Iterable[Quote | Trade]) -> None:
        """End what is over, release what waited for its hours, then the opening auctions."""
        now = self._floor.clock.now()
        for order_id in list(self._floor.open):
            order = self._floor.ledger.orders[order_id]  # its group may have ended it
            if order.is_open and order.expires_at <= now:
                self._finish(order)
            elif order.status is Status.ACCEPTED:
                self._route(order)
        if sessions.phase_at(now) is Phase.REGULAR:
            self._open(ticks)

    def _open(self, ticks: Iterable[Quote | Trade]) -> None:
        """Who waits for the opening auction meets the first print after the open, once."""
        waiting = [order for order in self._floor.open.values() if order.time_in_force == "opg"]
        if not waiting:
            return
        prints: dict[str, Decimal] = {}
        for tick in ticks:
            if isinstance(tick, Trade):
                prints.setdefault(tick.symbol, tick.open)
        for order in waiting:
            if order.symbol in prints and order.status in WORKING:
                left = self._matching.auction(order, prints[order.symbol])
                if left.is_open:
                    self._booking.move(left, Status.EXPIRED, "expired", OVER)

    def _finish(self, order: Order) -> None:
        """The end of a time in force (alpaca.md §8.2); for cls the closing auction before."""
        if order.time_in_force == "cls" and order.status in WORKING:
            board = self._floor.market.find(order.symbol)
            price = board and closing_print(board, order.expires_at)
            if price:
                order = self._matching.auction(order, price)
        if not order.is_open:
            return
        if order.time_in_force == "gtc":
            self._booking.move(order, Status.CANCELED, "canceled", AGED)
        elif order.time_in_force == "day" and self._floor.rules.day_end == "canceled":
            self._booking.move(order, Status.CANCELED, "canceled", OVER)
        else:
            self._booking.move(order, Status.EXPIRED, "expired")


def closing_print(board: Board, closes: datetime) -> Decimal:
    """The last price of a session that is over; the next may have printed already."""
    if board.trade is None or board.trade.at <= closes:
        return board.price
    return board.previous_close
