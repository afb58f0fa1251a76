"""What an account is worth and may still spend, at given prices (alpaca.md §8.5). Pure."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from services.exchange.engine.accounts import Account, Position
from services.exchange.engine.contracts import collateral
from services.exchange.engine.orders import ZERO, is_contract

MAINTENANCE = Decimal("0.3")
INITIAL = Decimal("0.5")
LEAST_MARGIN_EQUITY = Decimal(2000)
DAY_TRADER, MARGIN, CASH = Decimal(4), Decimal(2), Decimal(1)


@dataclass(frozen=True)
class Holding:
    """A position at a price. What is not marginable is paid in full."""

    position: Position
    price: Decimal
    marginable: bool

    @cached_property
    def value(self) -> Decimal:
        return self.position.value(self.price)


class Holdings(tuple[Holding, ...]):
    """All of an account at the prices of one moment; its sums are worked out once."""

    @cached_property
    def long_value(self) -> Decimal:
        return sum((h.value for h in self if h.value > 0), ZERO)

    @cached_property
    def short_value(self) -> Decimal:
        return sum((h.value for h in self if h.value < 0), ZERO)

    @cached_property
    def collateral(self) -> Decimal:
        """Dollars tied up by written options."""
        held = {h.position.symbol: h.position.qty for h in self}
        contracts = {symbol: qty for symbol, qty in held.items() if is_contract(symbol)}
        if not contracts:
            return ZERO
        shares = {symbol: qty for symbol, qty in held.items() if symbol not in contracts}
        return collateral(contracts, shares)

    @cached_property
    def on_margin(self) -> Decimal:
        """Σ |value| of what margin helps to pay."""
        return sum((abs(h.value) for h in self if h.marginable and not _contract(h)), ZERO)

    @cached_property
    def in_full(self) -> Decimal:
        """Dollars that no margin helps to pay: a long option in full, a written one by its
        collateral."""
        shares = (abs(h.value) for h in self if not h.marginable and not _contract(h))
        options = (max(h.value, ZERO) for h in self if _contract(h))
        return sum(shares, ZERO) + sum(options, ZERO) + self.collateral


def _contract(holding: Holding) -> bool:
    return is_contract(holding.position.symbol)


class Standing:
    """Values are dollars; those of shorts negative. `reserved` is what open opening orders keep,
    `reserved_in_full` the part of it that no margin helps to pay."""

    def __init__(
        self,
        account: Account,
        holdings: Holdings,
        reserved: Decimal = ZERO,
        reserved_in_full: Decimal = ZERO,
    ) -> None:
        self.account, self.holdings = account, holdings
        self.reserved, self.reserved_in_full = reserved, reserved_in_full
        self.equity = account.cash + holdings.long_value + holdings.short_value
        self.multiplier = self._multiplier()

    def _multiplier(self) -> Decimal:
        """As granted, unless the owner asks for less or there is too little equity."""
        if self.equity < LEAST_MARGIN_EQUITY:
            return CASH
        return min(
            self.account.multiplier, Decimal(self.account.configuration.max_margin_multiplier)
        )

    @property
    def cash(self) -> Decimal:
        return self.account.cash

    @property
    def long_market_value(self) -> Decimal:
        return self.holdings.long_value

    @property
    def short_market_value(self) -> Decimal:
        return self.holdings.short_value

    @property
    def position_value(self) -> Decimal:
        """Σ |value|."""
        return self.long_market_value - self.short_market_value

    @property
    def may_short(self) -> bool:
        return self.multiplier > CASH and not self.account.configuration.no_shorting

    @property
    def margin_rate(self) -> Decimal:
        return CASH if self.multiplier == CASH else INITIAL

    @property
    def collateral(self) -> Decimal:
        return self.holdings.collateral

    @property
    def initial_margin(self) -> Decimal:
        return self._margin(self.margin_rate)

    @property
    def maintenance_margin(self) -> Decimal:
        return self._margin(MAINTENANCE)

    @property
    def last_maintenance_margin(self) -> Decimal:
        return self.account.last_position_value * MAINTENANCE

    def _margin(self, rate: Decimal) -> Decimal:
        return self.holdings.on_margin * rate + self.holdings.in_full

    @property
    def excess(self) -> Decimal:
        """Equity that no holding and no order ties up."""
        partly = self.reserved - self.reserved_in_full
        tied = self.initial_margin + partly * self.margin_rate + self.reserved_in_full
        return max(self.equity - tied, ZERO)

    @property
    def regt_buying_power(self) -> Decimal:
        return min(self.multiplier, MARGIN) * self.excess

    @property
    def daytrading_buying_power(self) -> Decimal:
        """4 × (last equity − last maintenance margin) − what was put on or asked for since."""
        base = self.account.last_equity - self.last_maintenance_margin
        since = max(self.position_value - self.account.last_position_value, ZERO)
        return max(DAY_TRADER * base - since - self.reserved, ZERO)

    @property
    def buying_power(self) -> Decimal:
        if self.multiplier == DAY_TRADER:
            return self.daytrading_buying_power
        return self.regt_buying_power

    @property
    def non_marginable_buying_power(self) -> Decimal:
        """Cash that is free: a short's proceeds and margin are not."""
        shares = (h.value for h in self.holdings if not is_contract(h.position.symbol))
        shorts = sum((value for value in shares if value < 0), ZERO)
        tied = -shorts * (CASH + self.margin_rate) + self.collateral + self.reserved
        return max(self.cash - tied, ZERO)

    @property
    def options_buying_power(self) -> Decimal:
        return self.non_marginable_buying_power
