"""What is checked of orders in options (alpaca.md §8.12): contract, hours, level, money. Pure."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, time
from decimal import Decimal

from services.exchange import sessions
from services.exchange.engine.accounts import Account
from services.exchange.engine.contracts import collateral, uncovered_calls
from services.exchange.engine.errors import Cause, RefusedError
from services.exchange.engine.orders import CONTRACT_SIZE, ZERO, Order, Side, is_contract
from services.exchange.engine.standing import Holding, Standing
from services.exchange.market.options import Contract
from services.exchange.wire import number

LAST_OPENING = time(15, 30)
COVERED, LONG, SPREADS = 1, 2, 3  # the levels that allow them


def check_expired(symbol: str, at: datetime) -> None:
    """Nothing is said of what is no contract at all."""
    with suppress(ValueError):
        if Contract.parsed(symbol).closes <= at:
            raise RefusedError(Cause.CONTRACT_NOT_ACTIVE, {"symbol": symbol})


def check_contract(symbol: str, at: datetime, *, opens: bool) -> None:
    """It has not expired, and on its last day nothing is opened from half past three."""
    check_expired(symbol, at)
    contract, local = Contract.parsed(symbol), at.astimezone(sessions.NEW_YORK)
    if opens and local.date() == contract.expires and local.time() >= LAST_OPENING:
        raise RefusedError(Cause.OPTION_EXPIRY_DAY, {"symbol": symbol})


def check_hours(kind: str, at: datetime) -> None:
    if kind == "market" and not sessions.is_open(at):
        raise RefusedError(Cause.OPTION_MARKET_HOURS)


def trading_level(account: Account) -> int:
    wanted = account.configuration.max_options_trading_level
    return min(account.options_approved_level, 3 if wanted is None else wanted)


def level_of(side: Side) -> int:
    """The level that allows opening in one contract: what is written is covered or secured."""
    return LONG if side is Side.BUY else COVERED


def check_level(account: Account, needed: int) -> None:
    if trading_level(account) < needed:
        raise RefusedError(Cause.OPTIONS_LEVEL, {"level": str(needed)})


class Coverage:
    """Signed contracts and shares of an account, open opening orders as if they had filled."""

    def __init__(self, holdings: Iterable[Holding], orders: Iterable[Order]) -> None:
        self.contracts: dict[str, Decimal] = {}
        self.shares: dict[str, Decimal] = {}
        for holding in holdings:
            position = holding.position
            kept = self.contracts if is_contract(position.symbol) else self.shares
            kept[position.symbol] = position.qty
        for order in orders:
            if is_contract(order.symbol) and order.opens:
                self._add(order.symbol, order.side, order.leaves_qty)

    def after(self, legs: Mapping[str, Decimal]) -> "Coverage":
        """With signed contracts added."""
        later = Coverage((), ())
        later.contracts, later.shares = dict(self.contracts), self.shares
        for symbol, qty in legs.items():
            later.contracts[symbol] = later.contracts.get(symbol, ZERO) + qty
        return later

    def _add(self, symbol: str, side: Side, qty: Decimal) -> None:
        signed = qty if side is Side.BUY else -qty
        self.contracts[symbol] = self.contracts.get(symbol, ZERO) + signed


def tied_up(before: Coverage, legs: Mapping[str, Decimal], debit: Decimal) -> Decimal:
    """Dollars an order in options needs: what it pays and what it must secure, less what it
    gets. Raises the refusal of a call that nothing covers."""
    after = before.after(legs)
    short = uncovered_calls(after.contracts, after.shares)
    if short > uncovered_calls(before.contracts, before.shares):
        written = [symbol for symbol, qty in legs.items() if qty < 0]
        underlying = Contract.parsed(written[0]).underlying
        needed = -sum((legs[symbol] for symbol in written), ZERO) * CONTRACT_SIZE
        free = max(needed - short * CONTRACT_SIZE, ZERO)
        held = max(before.shares.get(underlying, ZERO), ZERO)
        words = {"required": number(needed), "available": number(min(free, held))}
        raise RefusedError(Cause.NOT_COVERED, words)
    more = collateral(after.contracts, after.shares) - collateral(before.contracts, before.shares)
    return max(debit + max(more, ZERO), ZERO)


def check_cost(cost: Decimal, now: Standing) -> None:
    power = now.options_buying_power
    if cost > power:
        extra = {"options_buying_power": number(power), "cost_basis": number(cost)}
        raise RefusedError(Cause.OPTIONS_BUYING_POWER, extra=extra)
