"""Account activities: one FILL for each execution (alpaca.md §3.3)."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from services.exchange.engine.orders import Order
from services.exchange.sessions import NEW_YORK
from services.exchange.wire import instant, number


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

    def as_wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "activity_type": "FILL",
            "type": "fill" if self.order_status == "filled" else "partial_fill",
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


def fill_of(order: Order, sequence: int, qty: Decimal, price: Decimal, at: datetime) -> Fill:
    """The activity of an execution; `order` is the order after it."""
    prefix = at.astimezone(NEW_YORK).strftime("%Y%m%d%H%M%S") + f"{at.microsecond // 1000:03d}"
    return Fill(
        sequence=sequence,
        id=f"{prefix}::{uuid4()}",
        account=order.account,
        order_id=order.id,
        symbol=order.symbol,
        side=order.side.value,
        qty=qty,
        price=price,
        cum_qty=order.filled_qty,
        leaves_qty=order.leaves_qty,
        order_status=order.status.value,
        at=at,
    )
