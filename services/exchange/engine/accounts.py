"""Accounts, what their owners set, and what they hold. What it amounts to: standing."""

import hashlib
from base64 import b32encode
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from services.exchange.engine.orders import Side, units

ZERO = Decimal(0)
AVERAGE_STEP = Decimal("1e-9")


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
    disable_overnight_trading: bool = False
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
    realised: Decimal = ZERO  # profit of what was closed, exact; what opens realises nothing
    fees: Decimal = ZERO  # paid so far
    income: Decimal = ZERO  # dividends, interest, deposits: all other cash, signed
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
    not_to_exercise: bool = False  # of a contract, at its expiry

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
        kept = self.not_to_exercise and bool(left)
        return self.model_copy(update={"qty": left, "cost": cost, "not_to_exercise": kept})


def credentials(name: str) -> tuple[str, str]:
    """Key and secret of a simulated account: the same for the same name, and worth nothing."""
    digest = hashlib.sha512(f"simulated exchange account {name}".encode()).digest()
    text = b32encode(digest).decode().rstrip("=")
    return f"SK{text[:18]}", text[18:58]
