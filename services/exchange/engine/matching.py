"""Who trades: working orders against quotes, stops against trades, auctions against a print."""

from collections.abc import Iterable
from decimal import Decimal

from services.exchange import sessions
from services.exchange.engine import triggers
from services.exchange.engine.behaviour import Behaviour
from services.exchange.engine.booking import PENDING, Booking
from services.exchange.engine.fill_model import FillModel
from services.exchange.engine.floor import Floor
from services.exchange.engine.hours import matches_in
from services.exchange.engine.order_types import TIMES_IN_FORCE
from services.exchange.engine.orders import WORKING, ZERO, Order, Side, Status
from services.exchange.market.boards import Board
from services.exchange.market.quotes import Quote, Trade
from services.exchange.sessions import Phase

UNFILLED = "the rest of an immediate order is cancelled"


class Matching:
    """The orders that are at work, by symbol, in the order they came to work."""

    def __init__(self, floor: Floor, booking: Booking, model: FillModel) -> None:
        self._floor, self._booking, self._model = floor, booking, model
        self.behaviour = Behaviour()
        self._at_work: dict[str, dict[str, None]] = {}
        booking.followers.append(self._follow)

    def add(self, order: Order) -> None:
        """Let an order meet the market from now on."""
        for symbol in symbols_of(order):
            self._at_work.setdefault(symbol, {})[order.id] = None
        self.match(order.id)

    def turn(self, ticks: Iterable[Quote | Trade]) -> None:
        """One tick of the market: quotes fill what works, then trades move and elect stops, which
        so meet a quote once."""
        ticks = list(ticks)
        phase = sessions.phase_at(self._floor.clock.now())
        if phase is not Phase.CLOSED:
            for symbol in dict.fromkeys(t.symbol for t in ticks if isinstance(t, Quote)):
                for order_id in list(self._at_work.get(symbol, ())):
                    self._match(order_id, phase)
        if phase is Phase.REGULAR:
            self._trigger(ticks)

    def match(self, order_id: str, *, at_any_price: bool = False) -> None:
        """Try an order against the quote as it stands; `at_any_price` at the touch, limit or
        not, as when it fills before its cancel arrives."""
        phase = sessions.phase_at(self._floor.clock.now())
        self._match(order_id, phase, at_any_price=at_any_price)

    def _match(self, order_id: str, phase: Phase, *, at_any_price: bool = False) -> None:
        order = self._floor.ledger.orders[order_id]
        if order.order_class == "mleg":
            self._match_group(order, phase)
            return
        if not _may_trade(order) or not matches_in(order, phase):
            return
        board = self._floor.market.find(order.symbol)
        if board is None or board.halted or board.quote is None:
            self._give_up(order)
        else:
            self._meet(order, board.quote, board, at_any_price=at_any_price)

    def auction(self, order: Order, price: Decimal) -> Order:
        """One print at which everybody trades who accepts it (alpaca.md §8.2)."""
        board = self._floor.market.find(order.symbol)
        if board is None or board.halted or not order.is_open:
            return order
        size = int(order.leaves_qty) + 1
        cross = Quote(order.symbol, price, size, price, size, self._floor.clock.now())
        self._meet(order, cross, board)
        return self._floor.ledger.orders[order.id]

    def _meet(
        self, order: Order, quote: Quote, board: Board, *, at_any_price: bool = False
    ) -> None:
        asked = triggers.bounded(order, board.price)
        if at_any_price:
            asked = asked.model_copy(update={"limit_price": None})
        execution = self._model.execute(asked, quote, board)
        if execution is not None:
            execution = self.behaviour.fill(order, execution)
        rule = TIMES_IN_FORCE[order.time_in_force]
        if execution is not None and rule.whole:
            whole = order.model_copy(update={"filled_qty": order.filled_qty + execution.qty})
            execution = execution if whole.is_complete_at(execution.price) else None
        if execution is not None:
            order = self._booking.fill(order, *execution)
        self._give_up(order)

    def _give_up(self, order: Order) -> None:
        """What has to fill at once and did not is cancelled."""
        immediate = TIMES_IN_FORCE[order.time_in_force].immediate
        if immediate and order.status in WORKING:
            self._booking.move(order, Status.CANCELED, "canceled", UNFILLED)

    # -- stops --------------------------------------------------------------------------------

    def _trigger(self, ticks: Iterable[Quote | Trade]) -> None:
        quotes: dict[str, Quote] = {}
        for tick in ticks:
            if isinstance(tick, Quote):
                quotes[tick.symbol] = tick
                continue
            board = self._floor.market.find(tick.symbol)
            at_work = self._at_work.get(tick.symbol)
            if board is None or board.halted or not at_work:
                continue
            if triggers.counts(tick, quotes.get(tick.symbol, board.quote)):
                for order_id in list(at_work):
                    self._show(order_id, tick)

    def _show(self, order_id: str, trade: Trade) -> None:
        """Let one order see a trade: a stop may be elected, a trailing one follow."""
        order = self._floor.ledger.orders[order_id]
        if not order.is_open or not triggers.waits_for_stop(order):
            return
        if triggers.reaches(order, trade):
            self.elect(order)
        elif order.type == "trailing_stop":
            hwm = triggers.best_of(order, trade)
            if hwm != order.hwm:
                stop = triggers.trailing_stop(order, hwm)
                self._booking.change(order, hwm=hwm, stop_price=stop)

    def elect(self, order: Order) -> None:
        """A stop is reached. A passive leg that does not fill at once is told of as `new`."""
        before = Status.NEW if order.before is Status.HELD else order.before
        order = self._booking.change(order, elected_at=self._floor.stamp(), before=before)
        self.match(order.id)
        order = self._floor.ledger.orders[order.id]
        if order.status is Status.HELD:
            self._booking.move(order, Status.NEW, "new")

    # -- several contracts at once ------------------------------------------------------------

    def _match_group(self, order: Order, phase: Phase) -> None:
        """All legs at the touch, or none: their net price must be within the limit."""
        if order.status not in WORKING | PENDING or phase is not Phase.REGULAR:
            return
        fills: list[tuple[Order, Decimal]] = []
        net = ZERO
        for leg_id, asked in zip(order.leg_ids, order.option_legs, strict=True):
            leg = self._floor.ledger.orders[leg_id]
            board = self._floor.market.find(leg.symbol)
            quote = board.quote if board and not board.halted else None
            price = (quote.ask if leg.side is Side.BUY else quote.bid) if quote else ZERO
            if not price:
                return
            net += (price if leg.side is Side.BUY else -price) * asked.ratio_qty
            fills.append((leg, price))
        if order.limit_price is not None and net > order.limit_price:
            return
        for leg, price in fills:
            self._booking.fill(leg, leg.reserved_qty - leg.filled_qty, price)
        self._booking.fill_group(self._floor.ledger.orders[order.id], net)

    def _follow(self, before: Order | None, order: Order) -> None:
        if not order.is_open:
            for symbol in symbols_of(order):
                self._at_work.get(symbol, {}).pop(order.id, None)


def symbols_of(order: Order) -> Iterable[str]:
    if order.order_class == "mleg":
        return [leg.symbol for leg in order.option_legs]
    return [order.symbol]


def _may_trade(order: Order) -> bool:
    if triggers.waits_for_stop(order):
        return False
    passive = order.status is Status.HELD and order.elected_at is not None
    return passive or order.status in WORKING | PENDING
