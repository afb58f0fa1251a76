"""Option contracts that turn into shares, or into nothing (alpaca.md §8.12)."""

from datetime import date
from decimal import Decimal

from services.exchange.engine.accounts import Position
from services.exchange.engine.activities import ASSIGNED, EXERCISED, EXPIRED
from services.exchange.engine.booking import Booking
from services.exchange.engine.errors import Cause, RefusedError
from services.exchange.engine.floor import Floor
from services.exchange.engine.matching import symbols_of
from services.exchange.engine.orders import CONTRACT_SIZE, ZERO, Side, Status, is_contract
from services.exchange.engine.pre_trade import kept_qty
from services.exchange.market.options import Contract

IN_THE_MONEY = Decimal("0.01")
OVER = "the contract has expired"
DELIVERED = "its shares were delivered"


class Exercise:
    def __init__(self, floor: Floor, booking: Booking) -> None:
        self._floor, self._booking = floor, booking

    def exercise(self, account: str, symbol: str) -> None:
        """All contracts of a long holding, now. Raises RefusedError when none are held, or when
        open orders keep them."""
        position = self._bought(account, symbol)
        if self._floor.available_qty(position) < position.qty:
            raise RefusedError(Cause.FORBIDDEN, {"reason": "contracts are held for open orders"})
        self._turn_into_shares(position, EXERCISED)

    def do_not_exercise(self, account: str, symbol: str) -> None:
        """A long holding of contracts shall expire, whatever it is worth then. RefusedError."""
        position = self._bought(account, symbol)
        self._booking.keep_position(position.model_copy(update={"not_to_exercise": True}))

    def _bought(self, account: str, symbol: str) -> Position:
        position, _ = self._floor.position(account, symbol)
        if not is_contract(position.symbol) or position.qty < 0:
            raise RefusedError(Cause.NO_POSITION)
        return position

    def expire(self, day: date) -> None:
        """Everything whose last day was `day` or before: a cent in the money is exercised, or
        assigned to who wrote it; the rest is worth nothing."""
        for order in list(self._floor.open.values()):
            now = self._floor.ledger.orders[order.id]
            if now.is_open and any(_is_over(s, day) for s in symbols_of(now)):
                self._booking.move(now, Status.EXPIRED, "expired", OVER)
        for position in list(self._floor.ledger.positions.values()):
            if not position.qty or not _is_over(position.symbol, day):
                continue
            contract = Contract.parsed(position.symbol)
            worth = _worth(contract, self._floor.price(contract.underlying))
            if worth >= IN_THE_MONEY and not position.not_to_exercise:
                kind = EXERCISED if position.qty > 0 else ASSIGNED
                self._turn_into_shares(position, kind)
            else:
                self._remove(position, EXPIRED)

    def _turn_into_shares(self, position: Position, kind: str) -> None:
        """The premium is realised with the contract; shares move at the strike."""
        contract = Contract.parsed(position.symbol)
        self._remove(position, kind)
        takes = (contract.right == "C") == (position.qty > 0)
        shares = abs(position.qty) * CONTRACT_SIZE
        side = Side.BUY if takes else Side.SELL
        self._booking.exchange_shares(
            position.account, contract.underlying, side, shares, contract.strike
        )
        self._cancel_misplaced(position.account, contract.underlying)
        paid = shares * contract.strike
        self._booking.enter(
            position.account,
            kind,
            net_amount=-paid if takes else paid,
            symbol=contract.underlying,
            qty=shares if takes else -shares,
            per_share_amount=contract.strike,
            description=f"{position.symbol} at {contract.strike}",
        )

    def _cancel_misplaced(self, account: str, symbol: str) -> None:
        """Orders that were to close shares which are gone now, or to open the other way, the
        newest first."""
        position = self._floor.ledger.positions[account, symbol]
        orders = [o for o in self._floor.open_orders(account) if o.symbol == symbol]
        for order in sorted(orders, key=lambda o: -o.sequence):
            now = self._floor.ledger.orders[order.id]
            closing_side = bool(position.qty) and now.side is position.closing_side
            if now.opens:
                misplaced = closing_side
            else:
                kept = kept_qty(self._floor.open_orders(account), symbol)
                misplaced = bool(now.kept_qty) and (not closing_side or kept > abs(position.qty))
            if now.is_open and misplaced:
                self._booking.move(now, Status.CANCELED, "canceled", DELIVERED)

    def _remove(self, position: Position, kind: str) -> None:
        self._booking.exchange_shares(
            position.account, position.symbol, position.closing_side, abs(position.qty), ZERO
        )
        self._booking.enter(position.account, kind, symbol=position.symbol, qty=-position.qty)


def _is_over(symbol: str, day: date) -> bool:
    return is_contract(symbol) and Contract.parsed(symbol).expires <= day


def _worth(contract: Contract, price: Decimal) -> Decimal:
    """Of a share of it, at a price of the underlying."""
    return price - contract.strike if contract.right == "C" else contract.strike - price
