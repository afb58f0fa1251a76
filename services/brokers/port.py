"""The one port to a broker. Every adapter speaks it; the engine knows nothing else.

A write ends in one of four outcomes (anchors: Nautilus' four classes):
confirmed, definitively rejected, denied locally (never left), unresolved. A transport error, a
time-out, a 5xx or an answer that can't be read after the request was handed to the network is
always unresolved: only broker evidence resolves it, time never does."""

from collections.abc import AsyncIterator, Callable, Sequence
from enum import StrEnum
from typing import Protocol

from db.model.activity import Activity
from db.model.base import Exact, Noun, Utc
from db.model.instrument import Instrument
from db.model.market import Bar, Close, MarketClock, Quote, TradingStatus
from db.model.order import BrokerOrder, Fill, OrderRequest
from db.model.portfolio import Account, Position


class RejectionClass(StrEnum):
    """Spec 5, Submitting, step 4."""

    FUNDS = "funds"
    QUANTITY = "quantity"
    HALTED = "halted"
    FORMAT = "format"
    RESTRICTED = "restricted"
    WASH_TRADE = "wash_trade"
    DAY_TRADES = "day_trades"
    CONNECTIVITY = "connectivity"
    RATE_LIMIT = "rate_limit"
    REGULATORY = "regulatory"
    DUPLICATE_ID = "duplicate_id"
    """`client_order_id must be unique`: the order exists. Look it up, never a failure."""
    OTHER = "other"


class Confirmed(Noun):
    """The broker has the order and says so."""

    order: BrokerOrder


class Rejected(Noun):
    """The broker has definitely refused; no order exists."""

    category: RejectionClass
    status: int
    code: int | None
    message: str


class Denied(Noun):
    """We refused before the first byte left."""

    reason: str


class Unresolved(Noun):
    """Nobody knows yet. Ask the broker by client order id before anything else."""

    reason: str


SubmitOutcome = Confirmed | Rejected | Denied | Unresolved


class CancelOutcome(StrEnum):
    """A cancel accepted is a request, not a cancel (invariant 14)."""

    ACCEPTED = "accepted"
    ALREADY_CLOSED = "already_closed"
    NOT_FOUND = "not_found"
    UNRESOLVED = "unresolved"
    BY_HAND = "by_hand"
    """Only the trader can do it, at his broker; his word says when it is done."""


class BrokerUnavailableError(Exception):
    """A read failed: nothing was learnt. Never to be taken for "flat" or "gone" (invariant 30)."""


class WrongCredentialsError(BrokerUnavailableError):
    """The broker answered 401 or 403 to a read: the keys or the environment are wrong."""


class OrderUpdate(Noun):
    """One message of the order stream: the order after the event, and the execution if it is one."""

    event: str
    at: Utc
    order: BrokerOrder
    fill: Fill | None = None
    position_qty: Exact | None = None


class StreamState(Noun):
    """A stream was connected and subscribed, or lost. After `connected` the adapter's consumer
    must take REST snapshots before it trusts the stream (alpaca.md §5.6)."""

    stream: str
    """`orders` or `quotes`."""
    connected: bool
    reason: str = ""
    tells_halts: bool = False
    """Of `quotes`: trading halts come with them from here on."""


BrokerMessage = OrderUpdate | StreamState | Quote | TradingStatus


class RequestBudget(Noun):
    """Requests sent in the last minute against the broker's limit."""

    used: int
    limit: int


class Broker(Protocol):
    """What the desk may ask of a broker. Reads raise `BrokerUnavailableError`; writes never raise."""

    async def account(self) -> Account: ...

    async def positions(self) -> tuple[Position, ...]: ...

    async def open_orders(self) -> tuple[BrokerOrder, ...]:
        """Every working order, all pages."""
        ...

    async def orders_since(self, after: Utc) -> tuple[BrokerOrder, ...]:
        """Orders of any status submitted after `after`, all pages."""
        ...

    async def order(self, client_order_id: str) -> BrokerOrder | None:
        """The order under our id; None only on the broker's definite 404."""
        ...

    async def order_by_id(self, order_id: str) -> BrokerOrder | None:
        """The order under the broker's own id; None only on the broker's definite 404."""
        ...

    async def fills_since(self, after: Utc) -> tuple[Fill, ...]:
        """Executions after `after` from the account's activities, oldest first, all pages."""
        ...

    async def activities_since(self, after: Utc) -> tuple[Activity, ...]:
        """What moved cash or shares without an order after `after`, oldest first, all pages."""
        ...

    async def clock(self) -> MarketClock: ...

    async def instruments(self) -> tuple[Instrument, ...]: ...

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Latest quotes; an unknown symbol is absent."""
        ...

    async def closes(self, symbols: Sequence[str]) -> dict[str, Close]:
        """The latest day's closing price; while a session goes on, its last price so far. An unknown
        symbol is absent."""
        ...

    async def bars(self, symbols: Sequence[str], since: Utc) -> dict[str, tuple[Bar, ...]]:
        """Daily bars from `since` on, today's as it stands among them, adjusted for splits, oldest first, all pages. An
        unknown symbol is absent, and so is one of which no source tells."""
        ...

    async def submit(
        self, request: OrderRequest, *, permit: Callable[[], str | None]
    ) -> SubmitOutcome:
        """Send once. `permit` is asked in the last moment before the first byte leaves, after any
        waiting for a thread or the rate limit: a reason makes it `Denied`."""
        ...

    async def cancel(self, order_id: str) -> CancelOutcome: ...

    async def cancel_all(self) -> dict[str, CancelOutcome]:
        """Bulk cancel of *everything*, protective orders too: broker order id → outcome. One
        failure never stops the rest. Raises `BrokerUnavailableError` when the call's own outcome is
        unknown."""
        ...

    def watch(self, symbols: Sequence[str]) -> None:
        """The symbols whose quotes are streamed, a full replacement."""
        ...

    def messages(self) -> AsyncIterator[BrokerMessage]:
        """Stream messages in order of arrival; supervised, reconnecting for ever until closed."""
        ...

    def budget(self) -> RequestBudget: ...

    async def close(self) -> None: ...
