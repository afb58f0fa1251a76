"""Account activities: a FILL for each execution, an entry for all other money (alpaca.md §3.3)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.exchange.engine.orders import ZERO, Order
from services.exchange.sessions import NEW_YORK
from services.exchange.wire import instant, number, optional_number

FEE, INTEREST, DIVIDEND, SPLIT = "FEE", "INT", "DIV", "SPLIT"
DEPOSIT, WITHDRAWAL, JOURNAL = "CSD", "CSW", "JNLC"
EXPIRED, EXERCISED, ASSIGNED = "OPEXP", "OPEXC", "OPASN"


class Fill(BaseModel):
    """One execution of an order, as booked."""

    model_config = ConfigDict(frozen=True)

    sequence: int
    id: str
    account: str
    order_id: str
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    cum_qty: Decimal
    leaves_qty: Decimal
    order_status: str
    at: datetime

    @property
    def kind(self) -> str:
        return "FILL"

    def as_wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "activity_type": self.kind,
            "type": "fill" if not self.leaves_qty else "partial_fill",
            "transaction_time": instant(self.at),
            "price": number(self.price),
            "qty": number(self.qty),
            "cum_qty": number(self.cum_qty),
            "leaves_qty": number(self.leaves_qty),
            "side": self.side,
            "symbol": self.symbol,
            "order_id": self.order_id,
            "order_status": self.order_status,
        }


class Entry(BaseModel):
    """Money or shares that moved without an order: a fee, a dividend, a split, a deposit.

    `net_amount` is what cash changed by; `qty` the shares that came (negative: went).
    """

    model_config = ConfigDict(frozen=True)

    sequence: int
    id: str
    account: str
    kind: str
    at: datetime
    date: date
    net_amount: Decimal
    symbol: str | None = None
    qty: Decimal | None = None
    per_share_amount: Decimal | None = None
    description: str = ""

    def as_wire(self) -> dict[str, Any]:
        wire = {
            "id": self.id,
            "activity_type": self.kind,
            "date": self.date.isoformat(),
            "created_at": instant(self.at),
            "net_amount": number(self.net_amount),
            "description": self.description,
            "status": "executed",
        }
        more = {
            "symbol": self.symbol,
            "qty": optional_number(self.qty),
            "per_share_amount": optional_number(self.per_share_amount),
        }
        return wire | {name: value for name, value in more.items() if value is not None}


Activity = Fill | Entry


def fill_of(
    order: Order, sequence: int, qty: Decimal, price: Decimal, at: datetime, execution_id: str
) -> Fill:
    """The activity of an execution; `order` is the order after it."""
    return Fill(
        sequence=sequence,
        id=activity_id(at, execution_id),
        account=order.account,
        order_id=order.id,
        symbol=order.symbol,
        side=order.side.value,
        qty=qty,
        price=price,
        cum_qty=order.filled_qty,
        leaves_qty=max(order.reserved_qty - order.filled_qty, ZERO) if order.is_open else ZERO,
        order_status=order.status.value,
        at=at,
    )


def activity_id(at: datetime, unique: str) -> str:
    """`20260303093102118::8a1f…`: pages in the order of New York time."""
    local = at.astimezone(NEW_YORK)
    return f"{local.strftime('%Y%m%d%H%M%S')}{at.microsecond // 1000:03d}::{unique}"
