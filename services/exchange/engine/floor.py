"""The state of the engine, as everybody looks at it: orders, positions, what accounts amount to."""

from datetime import timedelta
from decimal import Decimal

from services.exchange.clock import Clock, Stamps
from services.exchange.engine.accounts import Position
from services.exchange.engine.errors import Cause, RefusedError
from services.exchange.engine.ledger import Ledger
from services.exchange.engine.open_orders import OpenOrders
from services.exchange.engine.orders import ZERO, Order, is_contract
from services.exchange.engine.pre_trade import kept_qty
from services.exchange.engine.rules import Rules
from services.exchange.engine.standing import Holding, Standing
from services.exchange.ids import Ids
from services.exchange.market.boards import Board, Market
from services.exchange.market.options import Contract


class Floor:
    """Ledger and market with the indexes that answer fast. `stamp` gives times that never repeat.

    Only `booking.Booking` changes what is here.
    """

    def __init__(
        self, ledger: Ledger, market: Market, clock: Clock, rules: Rules, ids: Ids
    ) -> None:
        self.ledger, self.market, self.clock, self.rules = ledger, market, clock, rules
        self.ids = ids
        last = max((order.updated_at for order in ledger.orders.values()), default=None)
        self.stamp = Stamps(clock, last)
        self._asked = OpenOrders((o for o in ledger.orders.values() if o.is_open), self._in_full)
        self.open = self._asked.by_id
        self._by_client = {(o.account, o.client_order_id): o.id for o in ledger.orders.values()}

    def keep(self, order: Order) -> None:
        """An order's new state."""
        self.ledger.orders[order.id] = order
        self._by_client[order.account, order.client_order_id] = order.id
        self._asked.keep(order)

    def is_taken(self, account: str, client_order_id: str) -> bool:
        """For ever, or as long as the order is open and for the days after its creation that the
        rule says."""
        order_id = self._by_client.get((account, client_order_id))
        days = timedelta(days=self.rules.client_id_retention)
        if order_id is None or not days:
            return order_id is not None
        order = self.ledger.orders[order_id]
        return order.is_open or self.clock.now() - order.created_at < days

    def order(self, account: str, order_id: str) -> Order:
        found = self.ledger.orders.get(order_id)
        if found is None or found.account != account:
            raise RefusedError(Cause.NO_ORDER, {"id": order_id})
        return found

    def order_by_client_id(self, account: str, client_order_id: str) -> Order:
        order_id = self._by_client.get((account, client_order_id))
        if order_id is None:
            raise RefusedError(Cause.NO_ORDER, {"id": client_order_id})
        return self.ledger.orders[order_id]

    def open_orders(self, account: str, symbol: str | None = None) -> list[Order]:
        return self._asked.of(account, symbol)

    def positions(self, account: str) -> list[Position]:
        held = self.ledger.positions.values()
        return [p for p in held if p.account == account and p.qty]

    def position(self, account: str, symbol_or_id: str) -> tuple[Position, Board]:
        board = self.market.find(symbol_or_id)
        if board is None:
            raise RefusedError(Cause.NO_SYMBOL, {"symbol": symbol_or_id})
        held = self.ledger.positions.get((account, board.listing.symbol))
        if held is None or not held.qty:
            raise RefusedError(Cause.NO_POSITION)
        return held, board

    def price(self, symbol: str) -> Decimal:
        """Of a share, as positions are valued; a contract past its end is worth its exercise."""
        if is_contract(symbol) and self.market.find(symbol) is None:
            contract = Contract.parsed(symbol)
            return contract.intrinsic(self.price(contract.underlying))
        return self._board(symbol).price

    def available_qty(self, position: Position) -> Decimal:
        """Of a long or a short: what open orders leave of it to close, never negative."""
        orders = self.open_orders(position.account, position.symbol)
        kept = kept_qty(orders, position.symbol)
        return max(abs(position.qty) - kept, ZERO)

    def equities(self) -> list[tuple[str, Decimal]]:
        """What each account is worth, in dollars."""
        return [(name, self.standing(name).equity) for name in self.ledger.accounts]

    def standing(self, account: str, without: Order | None = None) -> Standing:
        """`without` an order that another is to replace."""
        holdings = tuple(self._holding(position) for position in self.positions(account))
        reserved = self._asked.reserved(account, without)
        return Standing(self.ledger.accounts[account], holdings, *reserved)

    def _holding(self, position: Position) -> Holding:
        contract = is_contract(position.symbol)
        marginable = not contract and self._board(position.symbol).listing.marginable
        return Holding(position, self.price(position.symbol), marginable)

    def _in_full(self, order: Order) -> bool:
        """Whether no margin helps to pay for it."""
        contract = order.is_spread or is_contract(order.symbol)
        return contract or not self._board(order.symbol).listing.marginable

    def _board(self, symbol: str) -> Board:
        board = self.market.find(symbol)
        if board is None:
            raise ValueError(f"{symbol} has no price")
        return board
