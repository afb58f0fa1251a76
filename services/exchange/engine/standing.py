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

    @property
    def value(self) -> Decimal:
        return self.position.value(self.price)


@dataclass(frozen=True)
class Standing:
    """Values are dollars; those of shorts negative. `reserved` is what open opening orders keep,
    `reserved_in_full` the part of it that no margin helps to pay."""

    account: Account
    holdings: tuple[Holding, ...]
    reserved: Decimal = ZERO
    reserved_in_full: Decimal = ZERO

    @property
    def cash(self) -> Decimal:
        return self.account.cash

    @cached_property
    def long_market_value(self) -> Decimal:
        return sum((h.value for h in self.holdings if h.value > 0), ZERO)

    @cached_property
    def short_market_value(self) -> Decimal:
        return sum((h.value for h in self.holdings if h.value < 0), ZERO)

    @property
    def position_value(self) -> Decimal:
        """Σ |value|."""
        return self.long_market_value - self.short_market_value

    @cached_property
    def equity(self) -> Decimal:
        return self.cash + self.long_market_value + self.short_market_value

    @cached_property
    def multiplier(self) -> Decimal:
        """As granted, unless the owner asks for less or there is too little equity."""
        wanted = Decimal(self.account.configuration.max_margin_multiplier)
        if self.equity < LEAST_MARGIN_EQUITY:
            return CASH
        return min(self.account.multiplier, wanted)

    @property
    def may_short(self) -> bool:
        return self.multiplier > CASH and not self.account.configuration.no_shorting

    @property
    def margin_rate(self) -> Decimal:
        return CASH if self.multiplier == CASH else INITIAL

    @cached_property
    def collateral(self) -> Decimal:
        """Dollars tied up by written options."""
        contracts: dict[str, Decimal] = {}
        shares: dict[str, Decimal] = {}
        for holding in self.holdings:
            position = holding.position
            kind = contracts if is_contract(position.symbol) else shares
            kind[position.symbol] = position.qty
        return collateral(contracts, shares)

    @cached_property
    def initial_margin(self) -> Decimal:
        return self._margin(self.margin_rate)

    @property
    def maintenance_margin(self) -> Decimal:
        return self._margin(MAINTENANCE)

    @property
    def last_maintenance_margin(self) -> Decimal:
        return self.account.last_position_value * MAINTENANCE

    def _margin(self, rate: Decimal) -> Decimal:
        """A long option is paid in full, a written one by its collateral."""
        total = self.collateral
        for h in self.holdings:
            if is_contract(h.position.symbol):
                total += max(h.value, ZERO)
            else:
                total += abs(h.value) * (rate if h.marginable else CASH)
        return total

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
