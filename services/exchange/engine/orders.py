"""What an order is on the exchange: its status table and its face on the wire."""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.exchange.market.options import OCC
from services.exchange.wire import instant, number, optional_instant, optional_number, truncated_qty

ZERO = Decimal(0)
CONTRACT_SIZE = Decimal(100)


@lru_cache(maxsize=4096)
def is_contract(symbol: str) -> bool:
    """Whether it is an OCC option symbol: XYZ260320C00050000."""
    return OCC.fullmatch(symbol) is not None


def units(symbol: str) -> Decimal:
    """Shares behind one of it: dollars = price × qty × units."""
    return CONTRACT_SIZE if is_contract(symbol) else Decimal(1)


class Side(StrEnum):
    __hash__ = str.__hash__  # Enum's own is not made in C, and asked for all the time

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


class Status(StrEnum):
    __hash__ = str.__hash__

    PENDING_NEW = "pending_new"
    ACCEPTED = "accepted"
    NEW = "new"
    HELD = "held"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    DONE_FOR_DAY = "done_for_day"
    PENDING_CANCEL = "pending_cancel"
    CANCELED = "canceled"
    PENDING_REPLACE = "pending_replace"
    REPLACED = "replaced"
    EXPIRED = "expired"
    REJECTED = "rejected"
    STOPPED = "stopped"
    SUSPENDED = "suspended"


UNACKNOWLEDGED = frozenset({Status.PENDING_NEW, Status.ACCEPTED})
_ENDS = frozenset({Status.CANCELED, Status.EXPIRED})
_BEFORE = frozenset({Status.NEW, Status.PENDING_CANCEL, Status.REJECTED}) | _ENDS
_AT_WORK = _ENDS | {
    Status.PARTIALLY_FILLED,
    Status.FILLED,
    Status.PENDING_CANCEL,
    Status.PENDING_REPLACE,
    Status.DONE_FOR_DAY,
    Status.SUSPENDED,
    Status.STOPPED,
    Status.REJECTED,
}
_BACK = UNACKNOWLEDGED | frozenset({Status.NEW, Status.HELD, Status.PARTIALLY_FILLED})
# alpaca.md §8.1: which status may follow which. No entry: terminal.
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.ACCEPTED: _BEFORE | {Status.HELD, Status.PENDING_REPLACE},
    Status.PENDING_NEW: _BEFORE | {Status.HELD},
    Status.HELD: _AT_WORK | {Status.NEW},
    Status.NEW: _AT_WORK,
    Status.PARTIALLY_FILLED: _AT_WORK,
    Status.DONE_FOR_DAY: _ENDS | {Status.NEW, Status.PARTIALLY_FILLED, Status.PENDING_CANCEL},
    Status.SUSPENDED: _ENDS | _BACK | {Status.PENDING_CANCEL},
    Status.STOPPED: _ENDS | {Status.FILLED, Status.PARTIALLY_FILLED, Status.PENDING_CANCEL},
    # Back to what it was when the request is refused, or lost to a fill.
    Status.PENDING_CANCEL: _ENDS | _BACK | {Status.FILLED, Status.REJECTED},
    Status.PENDING_REPLACE: _ENDS | _BACK | {Status.FILLED, Status.REPLACED, Status.REJECTED},
}
WORKING = frozenset({Status.NEW, Status.PARTIALLY_FILLED})


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class TakeProfit(_Frozen):
    limit_price: Decimal


class StopLoss(_Frozen):
    """A stop; with a `limit_price` a stop-limit."""

    stop_price: Decimal
    limit_price: Decimal | None = None


class OptionLeg(_Frozen):
    """One leg of a multi-leg order: `ratio_qty` contracts for each of the order's qty."""

    symbol: str
    side: Side
    ratio_qty: int
    position_intent: str


class Terms(_Frozen):
    """What a client asks for, validated. Exactly one of qty and notional is set.

    An order of class mleg has no symbol and no side of its own: `symbol` is "" and `side` is BUY;
    its `limit_price` is a net debit, negative for a credit.
    """

    client_order_id: str
    symbol: str
    side: Side
    type: str
    time_in_force: str
    qty: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    extended_hours: bool = False
    order_class: str = ""
    position_intent: str | None = None  # as asked; what it is, `Order.intent` says
    take_profit: TakeProfit | None = None
    stop_loss: StopLoss | None = None
    option_legs: tuple[OptionLeg, ...] = ()

    @property
    def fractional(self) -> bool:
        return self.qty is None or self.qty != self.qty.to_integral_value()


class Order(Terms):
    """An accepted order. Frozen: each change is a new value, so an event keeps what it saw."""

    id: str
    account: str
    sequence: int
    asset_id: str
    asset_class: str = "us_equity"
    intent: str  # buy_to_open, buy_to_close, sell_to_open, sell_to_close; "" for mleg
    status: Status
    created_at: datetime
    submitted_at: datetime
    updated_at: datetime
    expires_at: datetime
    reserved_price: Decimal  # dollars each of its qty keeps from buying power (alpaca.md §8.5)
    reserved_qty: Decimal  # shares asked for; for a notional order what it was worth then
    filled_qty: Decimal = ZERO
    filled_cost: Decimal = ZERO  # Σ price × qty, exact; the average is derived
    hwm: Decimal | None = None  # of a trailing stop: best price since it works
    elected_at: datetime | None = None  # a stop was reached: it works as market or limit since
    before: Status | None = None  # of a request under way: what it goes back to when refused
    parent_id: str | None = None  # of a leg
    ratio_qty: int | None = None  # of a mleg's leg
    leg_ids: tuple[str, ...] = ()
    covered_by: str | None = None  # the order whose reservation of shares this one is part of
    filled_at: datetime | None = None
    expired_at: datetime | None = None
    canceled_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    failed_at: datetime | None = None
    replaced_at: datetime | None = None
    replaced_by: str | None = None
    replaces: str | None = None

    @property
    def opens(self) -> bool:
        """Whether it takes on a position, and so needs buying power; a mleg may."""
        return self.intent.endswith("_to_open") or self.is_spread

    @property
    def is_spread(self) -> bool:
        """Whether it is the parent of a mleg, which has no symbol of its own."""
        return self.order_class == "mleg" and self.parent_id is None

    @property
    def units(self) -> Decimal:
        """Shares behind one of its qty: dollars = price × qty × units."""
        return CONTRACT_SIZE if self.is_spread else units(self.symbol)

    @property
    def is_open(self) -> bool:
        return self.status in TRANSITIONS

    @property
    def leaves_qty(self) -> Decimal:
        """Shares still to come: what the order holds of a position or of buying power."""
        return max(self.reserved_qty - self.filled_qty, ZERO) if self.is_open else ZERO

    @property
    def leaves_notional(self) -> Decimal:
        """Dollars of a notional order still to be spent."""
        return max((self.notional or ZERO) - self.filled_cost, ZERO)

    @property
    def reserved_value(self) -> Decimal:
        """Dollars an open order keeps from buying power."""
        if not self.is_open or not self.opens or self.status is Status.HELD:
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
        return spent or (not self.opens and self.filled_qty >= self.reserved_qty)

    def moved(self, status: Status, **changes: Any) -> "Order":
        """The order in its next status; a move outside the table is a defect (ValueError)."""
        if status not in TRANSITIONS.get(self.status, frozenset()):
            raise ValueError(f"order {self.id} cannot go from {self.status} to {status}")
        return self.model_copy(update={"status": status, **changes})

    @property
    def kept_qty(self) -> Decimal:
        """Shares of a position this order keeps from others: a group reserves once (§8.4).

        A leg that waits for its entry keeps none by itself: see `pre_trade.kept_qty`.
        """
        free = self.opens or self.covered_by is not None or self.waits
        return ZERO if free else self.leaves_qty

    @property
    def waits(self) -> bool:
        """Whether it is an exit that does nothing yet, a request under way or not."""
        passive = Status.HELD in (self.status, self.before) and self.elected_at is None
        return passive and self.order_class != "mleg"

    def as_wire(self, legs: Iterable["Order"] = ()) -> dict[str, Any]:
        """Alpaca's Order (alpaca.md §3.1); `legs` are those to show nested under it."""
        nested = [leg.as_wire() for leg in legs]
        of_group = self.is_spread
        ratio = {} if self.ratio_qty is None else {"ratio_qty": str(self.ratio_qty)}
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
            "asset_id": "" if of_group else self.asset_id,
            "symbol": "" if of_group else self.symbol,
            "asset_class": "" if of_group else self.asset_class,
            "notional": optional_number(self.notional),
            "qty": optional_number(self.qty),
            "filled_qty": number(self.filled_qty),
            "filled_avg_price": optional_number(self.filled_avg_price),
            "order_class": self.order_class,
            "order_type": self.type,
            "type": self.type,
            "side": "" if of_group else self.side.value,
            "position_intent": self.intent,
            "time_in_force": self.time_in_force,
            "limit_price": optional_number(self.limit_price),
            "stop_price": optional_number(self.stop_price),
            "status": self.status.value,
            "extended_hours": self.extended_hours,
            "legs": nested or None,
            "trail_percent": optional_number(self.trail_percent),
            "trail_price": optional_number(self.trail_price),
            "hwm": optional_number(self.hwm),
            "subtag": None,
            "source": None,
            **ratio,
        }


def claimed(orders: Iterable[Order], claim: Callable[[Order], Decimal]) -> Decimal:
    """Σ of what open orders claim. While one is being replaced the larger of old and new counts,
    once (alpaca.md §8.5)."""
    orders = list(orders)
    claims = {order.id: claim(order) for order in orders}
    for order in orders:
        if order.replaces in claims:
            claims[order.id] = max(claims[order.id], claims.pop(order.replaces))
    return sum(claims.values(), ZERO)
