"""An account's cash and holdings, and what they amount to (alpaca.md §8.5). Pure arithmetic."""

import hashlib
from base64 import b32encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.exchange.engine.orders import Order, Side, units
from services.exchange.wire import instant, number

ZERO = Decimal(0)
MAINTENANCE = Decimal("0.3")
LEAST_MARGIN_EQUITY = Decimal(2000)
AVERAGE_STEP = Decimal("1e-9")
RATIO_STEP = Decimal("1e-10")


class Configuration(BaseModel):
    """What an account's owner may set: GET and PATCH /v2/account/configurations."""

    model_config = ConfigDict(frozen=True)

    suspend_trade: bool = False
    no_shorting: bool = False
    fractional_trading: bool = True
    max_margin_multiplier: str = "4"
    max_options_trading_level: int | None = None  # None: as approved
    trade_confirm_email: str = "all"
    ptp_no_exception_entry: bool = False
    dtbp_check: str = "entry"  # this and the next only where day trades are counted
    pdt_check: str = "entry"


class Account(BaseModel):
    """Who trades, with what cash. Frozen, like all that is stored."""

    model_config = ConfigDict(frozen=True)

    name: str
    id: str
    account_number: str
    key: str
    secret: str
    cash: Decimal
    multiplier: Decimal
    last_equity: Decimal
    created_at: datetime
    last_position_value: Decimal = ZERO  # Σ |value| of the holdings at the last close
    configuration: Configuration = Configuration()
    options_approved_level: int = 3
    account_blocked: bool = False
    trading_blocked: bool = False
    transfers_blocked: bool = False
    liquidation_only: bool = False


class Position(BaseModel):
    """A holding; a short has negative `qty` and `cost`, which are dollars, kept exact."""

    model_config = ConfigDict(frozen=True)

    account: str
    symbol: str
    qty: Decimal
    cost: Decimal

    @property
    def units(self) -> Decimal:
        return units(self.symbol)

    @property
    def avg_entry_price(self) -> Decimal:
        """Dollars a share, derived from the exact cost."""
        return (self.cost / self.qty / self.units).quantize(AVERAGE_STEP) if self.qty else ZERO

    @property
    def closing_side(self) -> Side:
        return Side.SELL if self.qty > 0 else Side.BUY

    def value(self, price: Decimal) -> Decimal:
        """Dollars it is worth at a price a share; negative for a short."""
        return self.qty * price * self.units

    def after(self, side: Side, qty: Decimal, price: Decimal) -> "Position":
        """The holding after a fill. What closes takes its share of the cost with it; what goes
        beyond zero opens the other way at the fill's price."""
        signed = qty if side is Side.BUY else -qty
        left = self.qty + signed
        if self.qty * signed >= 0:
            cost = self.cost + signed * price * self.units
        elif self.qty * left >= 0:
            cost = (self.cost * left / self.qty).quantize(AVERAGE_STEP)
        else:
            cost = left * price * self.units
        return self.model_copy(update={"qty": left, "cost": cost})


def credentials(name: str) -> tuple[str, str]:
    """Key and secret of a simulated account: the same for the same name, and worth nothing."""
    digest = hashlib.sha512(f"simulated exchange account {name}".encode()).digest()
    text = b32encode(digest).decode().rstrip("=")
    return f"SK{text[:18]}", text[18:58]


@dataclass(frozen=True)
class Standing:
    """What an account is worth and may still spend, at given prices."""

    cash: Decimal
    long_market_value: Decimal
    reserved: Decimal
    multiplier: Decimal

    @property
    def equity(self) -> Decimal:
        return self.cash + self.long_market_value

    @property
    def effective_multiplier(self) -> Decimal:
        return self.multiplier if self.equity >= LEAST_MARGIN_EQUITY else Decimal(1)

    @property
    def initial_margin(self) -> Decimal:
        return self.long_market_value / self.effective_multiplier

    @property
    def buying_power(self) -> Decimal:
        """multiplier × max(equity − initial margin − Σ reserved × margin rate, 0)."""
        used = self.initial_margin + self.reserved / self.effective_multiplier
        return self.effective_multiplier * max(self.equity - used, ZERO)


def standing(account: Account, long_market_value: Decimal, orders: Iterable[Order]) -> Standing:
    """`orders` are the account's open ones: buys keep buying power, sells give nothing yet."""
    reserved = sum((order.reserved_value for order in orders if order.side is Side.BUY), ZERO)
    return Standing(account.cash, long_market_value, reserved, account.multiplier)


def account_as_wire(account: Account, now: Standing, asof: str) -> dict[str, Any]:
    """GET /v2/account without the day-trade fields removed on 2026-07-06 (alpaca.md §3.3)."""
    equity, held = number(now.equity), number(now.long_market_value)
    buying_power = number(now.buying_power)
    without_margin = number(max(now.cash - now.reserved, ZERO))
    return {
        "id": account.id,
        "account_number": account.account_number,
        "status": "ACTIVE",
        "crypto_status": "INACTIVE",
        "currency": "USD",
        "cash": number(now.cash),
        "equity": equity,
        "last_equity": number(account.last_equity),
        "portfolio_value": equity,
        "long_market_value": held,
        "short_market_value": "0",
        "position_market_value": held,
        "initial_margin": number(now.initial_margin),
        "maintenance_margin": number(now.long_market_value * MAINTENANCE),
        "multiplier": number(now.effective_multiplier),
        "buying_power": buying_power,
        "regt_buying_power": buying_power,
        "non_marginable_buying_power": without_margin,
        "options_buying_power": without_margin,
        "options_approved_level": 0,
        "options_trading_level": 0,
        "shorting_enabled": False,
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": False,
        "accrued_fees": "0",
        "pending_transfer_in": "0",
        "pending_reg_taf_fees": "0",
        "intraday_adjustments": "0",
        "balance_asof": asof,
        "created_at": instant(account.created_at),
        "account_name": account.name,
    }
