"""Orders and fills, in Alpaca's and FIX's words."""

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from db.model.base import Exact, Noun, Positive, Utc


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


PRICES_OF: Mapping[OrderType, tuple[str, ...]] = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit_price",),
    OrderType.STOP: ("stop_price",),
    OrderType.STOP_LIMIT: ("stop_price", "limit_price"),
}
"""What a step may be → the prices that it has, in the order in which they are typed. A trailing stop
needs a trail, for which a step has no place."""


class TimeInForce(StrEnum):
    DAY = "day"
    GTC = "gtc"
    OPG = "opg"
    CLS = "cls"
    IOC = "ioc"
    FOK = "fok"


class OrderState(StrEnum):
    """Our own states of a child order (spec 5, Order states)."""

    PLANNED = "planned"
    ARMED = "armed"
    INTENT = "intent"
    SENT = "sent"
    UNKNOWN = "unknown"
    ACKNOWLEDGED = "acknowledged"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    PENDING_CANCEL = "pending_cancel"
    CANCELED = "canceled"
    REPLACED = "replaced"
    EXPIRED = "expired"
    DONE_FOR_DAY = "done_for_day"
    HELD = "held"
    SUSPENDED = "suspended"
    REJECTED = "rejected"

    @property
    def terminal(self) -> bool:
        return self in TERMINAL

    @property
    def working(self) -> bool:
        """Perhaps live at the broker: everything between the first byte sent and a terminal state."""
        return self not in TERMINAL and self not in (OrderState.PLANNED, OrderState.ARMED)


TERMINAL = frozenset(
    {
        OrderState.FILLED,
        OrderState.CANCELED,
        OrderState.REPLACED,
        OrderState.EXPIRED,
        OrderState.REJECTED,
    }
)


STOPS = ("stop", "stop_limit", "trailing_stop")
PROTECTION = re.compile(r"^qd-[0-9a-z]+-s\d+-p\d+-a\d+$")
"""The form of the client order ids of our protective orders (`services/execution/ids.py`)."""


class OrderTerms(Noun):
    """How an order is to be worked: its type, the prices of that type and no others, how long."""

    type: OrderType
    limit_price: Positive | None = None
    stop_price: Positive | None = None
    time_in_force: TimeInForce | None = None
    """None: as it is."""


class OrderRequest(Noun):
    """What is sent to a broker, exactly once per `client_order_id`."""

    client_order_id: str
    account: str
    symbol: str
    side: Side
    qty: Positive | None = None
    notional: Positive | None = None
    type: OrderType = OrderType.MARKET
    limit_price: Positive | None = None
    stop_price: Positive | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    extended_hours: bool = False
    oco: bool = False
    """`limit_price` is the target, `stop_price` the stop of one pair: one fills, the other goes."""


class BrokerOrder(Noun):
    """An order as the broker reports it. `status` is the broker's own word, perhaps one we do not
    know; `state` is ours, None where the word is unknown."""

    order_id: str
    client_order_id: str
    account: str
    symbol: str
    side: Side | None = None
    type: str = ""
    order_class: str = ""
    qty: Exact | None = None
    notional: Exact | None = None
    limit_price: Exact | None = None
    stop_price: Exact | None = None
    time_in_force: str = ""
    status: str
    state: OrderState | None
    filled_qty: Exact = Decimal(0)
    filled_avg_price: Exact | None = None
    submitted_at: Utc | None = None
    updated_at: Utc | None = None
    replaced_by: str | None = None
    replaces: str | None = None
    reason: str = ""
    """Why it ended, where that was said."""
    position_intent: str = ""
    """`sell_to_close` and so on, as the broker judged it when it took the order; "" if it did not."""
    legs: tuple["BrokerOrder", ...] = ()
    """Of an order of a class, where the broker showed them with it."""

    @property
    def protective(self) -> bool:
        """A stop, an OCO or the exits of a bracket, and only what closes: kept when a halt cancels
        the rest (spec 5, Kill switch). The entry of a bracket is none."""
        if self.position_intent.endswith("_to_open"):
            return False
        if (
            self.type in STOPS
            or self.order_class == "oco"
            or PROTECTION.match(self.client_order_id)
        ):
            return True
        return self.order_class in ("bracket", "oto") and not self.legs


class Fill(Noun):
    """One execution. `execution_id` changes state at most once (invariant 10)."""

    execution_id: str
    account: str
    order_id: str
    client_order_id: str = ""
    symbol: str
    side: Side
    qty: Positive
    price: Positive
    at: Utc
