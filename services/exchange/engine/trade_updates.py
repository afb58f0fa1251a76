"""The events of `trade_updates` (alpaca.md §5.2, §5.3)."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from services.exchange.engine.orders import Order
from services.exchange.wire import instant, number


class TradeUpdate(NamedTuple):
    """One event of one order; `order` is the order as the event left it."""

    event: str
    order: Order
    at: datetime
    execution_id: str
    price: Decimal | None = None
    qty: Decimal | None = None
    position_qty: Decimal | None = None
    reason: str | None = None  # why the broker did what its client did not ask for

    @property
    def event_id(self) -> str:
        """Sorts by time, like Alpaca's."""
        return f"{int(self.at.timestamp() * 1000):013d}-{self.execution_id[:8]}"

    def as_wire(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "event": self.event,
            "event_id": self.event_id,
            "at": instant(self.at),
            "timestamp": instant(self.at),
            "execution_id": self.execution_id,
        }
        if self.price is not None and self.qty is not None and self.position_qty is not None:
            data["price"] = number(self.price)
            data["qty"] = number(self.qty)
            data["position_qty"] = number(self.position_qty)
        if self.reason is not None:
            data["reason"] = self.reason
        data["order"] = self.order.as_wire()
        return data
