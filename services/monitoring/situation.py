"""What the monitor looks at: one frozen picture of all that can raise an alert."""

from decimal import Decimal

from db.model.base import Exact, Noun, Utc
from db.model.escalation import Escalation
from db.model.policy import Policy
from db.model.portfolio import Position
from db.model.post_trade import PostTrade
from db.model.reconciliation import Mismatch
from db.model.run import ChildOrder
from db.model.snapshot import FeedHealth
from db.model.trading import Drill, Stop, TradingState


class Price(Noun):
    """The last price known of a symbol, with its age in seconds, and where it came from."""

    symbol: str
    price: Exact
    age: Exact
    source: str = "stream"


class Protection(Noun):
    """The prices at which a position should be left. None: no such price."""

    account: str
    symbol: str
    stop_price: Exact | None = None
    target_price: Exact | None = None


class Unprotected(Noun):
    """Shares that should be protected and that no order at the broker protects."""

    account: str
    symbol: str
    qty: Exact
    why: str
    by_desk: bool = False
    """As intended: the desk watches these by itself."""
    stop_price: Exact | None = None


class Executed(Noun):
    """A protective order sold, and so ended or reduced a position."""

    order: str
    account: str
    symbol: str
    qty: Exact
    price: Exact
    level: Exact | None
    stopped: bool
    """By the stop; else by the target."""


class OverCovered(Noun):
    """More is open to be sold than is held (invariant 19)."""

    account: str
    symbol: str
    held: Exact
    open_qty: Exact


class ClosedThrough(Noun):
    """A session closed at or through a stop that counts at the close only."""

    account: str
    symbol: str
    close: Exact
    stop: Exact
    date: str
    plan_id: str
    """The exit plan; "" when none could be made."""


class ExitProposal(Noun):
    """A stop that only the desk watches was hit, and a plan that sells waits for the trader."""

    account: str
    symbol: str
    qty: Exact
    price: Exact
    stop: Exact
    plan_id: str


class Standstill(Noun):
    """The desk itself was stopped, and went on."""

    at: Utc
    """When it went on."""
    seconds: Exact


class Renewal(Noun):
    """A protective order that the broker soon lets expire."""

    order: str
    symbol: str
    days: int


class Situation(Noun):
    at: Utc
    market_open: bool
    policy: Policy
    trading_state: TradingState = TradingState.ACTIVE
    positions: tuple[Position, ...] = ()
    protections: tuple[Protection, ...] = ()
    prices: tuple[Price, ...] = ()
    feed: FeedHealth
    cash: Exact | None = None
    equity: Exact | None = None
    day_start_equity: Exact | None = None
    orders: tuple[ChildOrder, ...] = ()
    """Of plans that have not ended, and whatever else still wants an eye."""
    mismatches: tuple[Mismatch, ...] = ()
    clock_drift: Exact = Decimal(0)
    """Seconds that the machine's clock is ahead of the desk's."""
    standstill: Standstill | None = None
    """The last."""
    journal_failed: str = ""
    """Why nothing can be written down, as a sentence."""
    stop: Stop | None = None
    """Why trading is not ACTIVE."""
    left_open: tuple[Position, ...] = ()
    """Positions that a flatten could not close."""
    unprotected: tuple[Unprotected, ...] = ()
    executed: tuple[Executed, ...] = ()
    closed_through: tuple[ClosedThrough, ...] = ()
    exits: tuple[ExitProposal, ...] = ()
    over_covered: tuple[OverCovered, ...] = ()
    renewals: tuple[Renewal, ...] = ()
    last_drill: Drill | None = None
    escalations: tuple[Escalation, ...] = ()
    """The last request of each plan: open, or over its deadline without an answer."""
    post_trades: tuple[PostTrade, ...] = ()
    """What ended plans came to, the newest last."""

    def price_of(self, symbol: str) -> Price | None:
        return next((price for price in self.prices if price.symbol == symbol), None)

    def protection_of(self, position: Position) -> Protection | None:
        key = (position.account, position.symbol)
        return next((p for p in self.protections if (p.account, p.symbol) == key), None)

    @property
    def cash_weight(self) -> Decimal | None:
        if self.cash is None or self.equity is None or self.equity <= 0:
            return None
        return self.cash / self.equity
