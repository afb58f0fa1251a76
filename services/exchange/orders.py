"""What an order is on the exchange: its status table and its face on the wire."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from services.exchange.wire import instant, number, optional_instant, optional_number, truncated_qty

ZERO = Decimal(0)


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


class Status(StrEnum):
    PENDING_NEW = "pending_new"
    ACCEPTED = "accepted"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    PENDING_CANCEL = "pending_cancel"
    CANCELED = "canceled"
    PENDING_REPLACE = "pending_replace"
    REPLACED = "replaced"
    EXPIRED = "expired"
    REJECTED = "rejected"


# alpaca.md §8.1: which status may follow which. No entry: terminal.
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.ACCEPTED: frozenset(
        {Status.NEW, Status.PENDING_CANCEL, Status.EXPIRED, Status.REJECTED}
    ),
    Status.PENDING_NEW: frozenset(
        {Status.NEW, Status.PENDING_CANCEL, Status.EXPIRED, Status.REJECTED}
    ),
    Status.NEW: frozenset(
        {
            Status.PARTIALLY_FILLED,
            Status.FILLED,
            Status.PENDING_CANCEL,
            Status.PENDING_REPLACE,
            Status.CANCELED,
            Status.EXPIRED,
        }
    ),
    Status.PARTIALLY_FILLED: frozenset(
        {
            Status.PARTIALLY_FILLED,
            Status.FILLED,
            Status.PENDING_CANCEL,
            Status.PENDING_REPLACE,
            Status.CANCELED,
            Status.EXPIRED,
        }
    ),
    Status.PENDING_CANCEL: frozenset({Status.CANCELED}),
    Status.PENDING_REPLACE: frozenset({Status.REPLACED}),
}
WORKING = frozenset({Status.NEW, Status.PARTIALLY_FILLED})
RESERVING = frozenset(TRANSITIONS) - {Status.PENDING_REPLACE}  # its replacement reserves instead
UNACKNOWLEDGED = frozenset({Status.PENDING_NEW, Status.ACCEPTED})


class Terms(BaseModel):
    """What a client asks for, validated. Exactly one of qty and notional is set."""

    model_config = ConfigDict(frozen=True)

    client_order_id: str
    symbol: str
    side: Side
    type: str
    time_in_force: str
    qty: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None

    @property
    def fractional(self) -> bool:
        return self.qty is None or self.qty != self.qty.to_integral_value()

    @property
    def intent(self) -> str:
        """No shorts here: every buy opens and every sell closes."""
        return "buy_to_open" if self.side is Side.BUY else "sell_to_close"


class Order(Terms):
    """An accepted order. Frozen: each change is a new value, so an event keeps what it saw."""

    id: str
    account: str
    sequence: int
    asset_id: str
    status: Status
    created_at: datetime
    submitted_at: datetime
    updated_at: datetime
    expires_at: datetime
    reserved_price: Decimal  # at acceptance: the limit, else the far side (alpaca.md §8.5)
    reserved_qty: Decimal  # shares asked for; for a notional order what it was worth then
    filled_qty: Decimal = ZERO
    filled_cost: Decimal = ZERO  # Σ price × qty, exact; the average is derived
    filled_at: datetime | None = None
    expired_at: datetime | None = None
    canceled_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    failed_at: datetime | None = None
    replaced_at: datetime | None = None
    replaced_by: str | None = None
    replaces: str | None = None

    @property
    def is_open(self) -> bool:
        return self.status in TRANSITIONS

    @property
    def leaves_qty(self) -> Decimal:
        """Shares still to come: what the order holds of a position or of buying power."""
        return max(self.reserved_qty - self.filled_qty, ZERO) if self.status in RESERVING else ZERO

    @property
    def leaves_notional(self) -> Decimal:
        """Dollars of a notional order still to be spent."""
        return max((self.notional or ZERO) - self.filled_cost, ZERO)

    @property
    def reserved_value(self) -> Decimal:
        """Dollars an open order keeps from buying power."""
        if self.status not in RESERVING:
            return ZERO
        if self.notional is not None:
            return self.leaves_notional
        return self.reserved_price * self.leaves_qty

    @property
    def filled_avg_price(self) -> Decimal | None:
        if not self.filled_qty:
            return None
        return (self.filled_cost / self.filled_qty).quantize(Decimal("1e-9"))

    def is_complete_at(self, price: Decimal) -> bool:
        """Whether nothing more can fill: for a notional order not even a billionth of a share."""
        if self.notional is None:
            return self.filled_qty >= self.reserved_qty
        spent = not truncated_qty(self.leaves_notional / price)
        return spent or (self.side is Side.SELL and self.filled_qty >= self.reserved_qty)

    def moved(self, status: Status, **changes: Any) -> "Order":
        """The order in its next status; a move outside the table is a defect (ValueError)."""
        if status not in TRANSITIONS.get(self.status, frozenset()):
            raise ValueError(f"order {self.id} cannot go from {self.status} to {status}")
        return self.model_copy(update={"status": status, **changes})

    def as_wire(self) -> dict[str, Any]:
        """Alpaca's Order (alpaca.md §3.1); stream copies carry cancel_requested_at as well."""
        return {
            "id": self.id,
            "client_order_id": self.client_order_id,
            "created_at": instant(self.created_at),
            "updated_at": instant(self.updated_at),
            "submitted_at": instant(self.submitted_at),
            "filled_at": optional_instant(self.filled_at),
            "expired_at": optional_instant(self.expired_at),
            "expires_at": instant(self.expires_at),
            "canceled_at": optional_instant(self.canceled_at),
            "cancel_requested_at": optional_instant(self.cancel_requested_at),
            "failed_at": optional_instant(self.failed_at),
            "replaced_at": optional_instant(self.replaced_at),
            "replaced_by": self.replaced_by,
            "replaces": self.replaces,
            "asset_id": self.asset_id,
            "symbol": self.symbol,
            "asset_class": "us_equity",
            "notional": optional_number(self.notional),
            "qty": optional_number(self.qty),
            "filled_qty": number(self.filled_qty),
            "filled_avg_price": optional_number(self.filled_avg_price),
            "order_class": "",
            "order_type": self.type,
            "type": self.type,
            "side": self.side.value,
            "position_intent": self.intent,
            "time_in_force": self.time_in_force,
            "limit_price": optional_number(self.limit_price),
            "stop_price": None,
            "status": self.status.value,
            "extended_hours": False,
            "legs": None,
            "trail_percent": None,
            "trail_price": None,
            "hwm": None,
            "subtag": None,
            "source": None,
        }


def new_id() -> str:
    return str(uuid4())
