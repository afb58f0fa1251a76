"""What is held: the broker's account, positions and cash, at an instant."""

from decimal import Decimal
from functools import cached_property

from db.model.base import Exact, Noun, Utc
from db.model.order import BrokerOrder


class Account(Noun):
    """A named brokerage account as the broker reports it. Money in dollars."""

    name: str
    number: str
    status: str = "ACTIVE"
    cash: Exact
    equity: Exact
    last_equity: Exact | None = None
    buying_power: Exact
    multiplier: Exact | None = None
    """Of equity that may be held; 1 lends nothing, None where nobody says."""
    trading_blocked: bool = False
    shorting_enabled: bool = False
    maintenance_margin: Exact | None = None
    """What equity must not fall under while money is borrowed; None where the broker does not say."""
    day_trades: int | None = None
    """In five days, where the broker still counts them."""

    @property
    def lends(self) -> bool:
        """Its broker says that there is margin."""
        return self.multiplier is not None and self.multiplier > 1

    @property
    def margin_deficit(self) -> Decimal | None:
        """Dollars missing to the maintenance margin, negative when there is room; None: not known."""
        return None if self.maintenance_margin is None else self.maintenance_margin - self.equity


class Position(Noun):
    """Shares held (negative when short). `qty_available` is what no open order holds."""

    account: str
    symbol: str
    qty: Exact
    qty_available: Exact
    avg_entry_price: Exact
    current_price: Exact | None = None
    qty_protected: Exact = Decimal(0)
    """Shares that our own protection holds: given free before they are sold."""
    qty_unsettled: Exact = Decimal(0)
    """Shares of a cash account that proceeds paid for which have not settled yet."""

    @property
    def sellable(self) -> Decimal:
        """What a plan may sell of it: no order but our own protection holds it."""
        return self.qty_available + self.qty_protected

    @property
    def market_value(self) -> Decimal | None:
        """qty × current price; None while the price is unknown."""
        return None if self.current_price is None else self.qty * self.current_price

    @property
    def unrealized_plpc(self) -> Decimal | None:
        """Unrealised gain as a fraction of cost."""
        if self.current_price is None or not self.avg_entry_price:
            return None
        gain = self.current_price / self.avg_entry_price - 1
        return gain if self.qty >= 0 else -gain


class Portfolio(Noun):
    """Accounts, positions and open orders at one instant, with its age.

    Value is equity: cash plus long and short market value, loans negative (spec 1, Words)."""

    as_of: Utc
    accounts: tuple[Account, ...]
    positions: tuple[Position, ...] = ()
    orders: tuple[BrokerOrder, ...] = ()

    @cached_property
    def equity(self) -> Decimal:
        return sum((account.equity for account in self.accounts), Decimal(0))

    @cached_property
    def cash(self) -> Decimal:
        return sum((account.cash for account in self.accounts), Decimal(0))

    def account(self, name: str) -> Account:
        """The account of that name; KeyError when it is not ours."""
        for account in self.accounts:
            if account.name == name:
                return account
        raise KeyError(name)

    def position(self, symbol: str, account: str | None = None) -> Position | None:
        """The holding of `symbol` in `account` (the first one holding it when None)."""
        for position in self.positions:
            if position.symbol == symbol and account in (None, position.account):
                return position
        return None
