"""What a generator wants done, before it is priced and put in order."""

from dataclasses import dataclass
from decimal import Decimal

from db.model.order import OrderType, Side, TimeInForce
from db.model.plan import Finding, Skipped


@dataclass(frozen=True)
class Draft:
    """One order wanted. `type` None leaves type and limit to the guidance."""

    account: str
    symbol: str
    side: Side
    qty: Decimal
    reason: str
    conviction: Decimal | None = None
    underlying: str | None = None
    """What was suggested, where another symbol is traded for it."""
    type: OrderType | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    extended_hours: bool = False
    stop_loss: Decimal | None = None
    """Distance of the stop, a fraction; None: the policy's."""
    profit_target: Decimal | None = None
    urgent: bool = False
    """Reducing in a hurry: a stop, a halt, a rollback."""


@dataclass(frozen=True)
class Drafted:
    """What a generator hands on: orders, what it left out and why, and what it could not judge."""

    drafts: tuple[Draft, ...]
    skipped: tuple[Skipped, ...] = ()
    findings: tuple[Finding, ...] = ()
