"""The trading state and what a halt did."""

from enum import StrEnum

from db.model.base import Exact, Noun, Utc


class TradingState(StrEnum):
    """ACTIVE; REDUCING: only orders that reduce; HALTED: nothing but cancels (spec 5)."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class Setter(StrEnum):
    """Who changes the trading state. `services/execution/safety.py` says what each may do."""

    TRADER = "trader"
    """A key, a command, or a latch that any process made."""
    TRIGGER = "trigger"
    """A row of `services/monitoring/triggers.py`."""
    FLATTEN = "flatten"
    """The trader's typed flatten, and the drill's: REDUCING while it works, HALTED when done."""


class Stop(Noun):
    """Why trading is not ACTIVE: who stopped it, why and when."""

    state: TradingState
    by: str
    reason: str
    at: Utc
    cause: str = ""
    """Id of the trigger that tripped; empty when a person stopped trading."""


class HaltedOrder(Noun):
    """What became of one working order when trading was halted."""

    order_id: str
    client_order_id: str
    symbol: str
    side: str
    outcome: str
    """canceled, filled, protective (kept), or what the broker answered."""


class HaltReport(Noun):
    """What a halt cancelled, what filled meanwhile, what remains."""

    at: Utc
    by: str
    reason: str
    orders: tuple[HaltedOrder, ...] = ()
    remaining: int | None = None
    """Working and not protective at the last look; None while nobody could look."""
    complete: bool = False
    cause: str = ""
    """Id of the trigger that tripped; empty when a person halted."""
    latch_ms: Exact | None = None
    """From the call to the latch on disk."""
    cancelled_ms: Exact | None = None
    """From the call to the look at which the broker showed no working order but protective ones."""


class ResumeCard(Noun):
    """Shown before trading goes on after a stop that nobody pressed: why it tripped, and whether it
    would trip again."""

    trading_state: TradingState
    cause: str
    reason: str
    at: Utc
    persists: str = ""
    """What of the cause is still true, as a sentence; empty when nothing is."""
    token: str
    expires_at: Utc


class Closing(Noun):
    """A position in the list that is shown before everything is closed. Money in dollars."""

    account: str
    symbol: str
    side: str
    """Of the closing order: sell, or buy to cover."""
    qty: Exact
    value: Exact | None
    """At the mid, negative when short; None while nobody knows a price."""
    proceeds: Exact | None
    """Expected, prudently: at the touch less slippage; negative is what covering costs."""
    cost: Exact | None
    """Spread and slippage, against the mid."""
    protective: tuple[str, ...] = ()
    """Client order ids of protective orders that hold the shares and go first."""
    obstacle: str = ""
    """Why it can't be closed now; the others are closed without it."""


class FlattenCard(Noun):
    """What flattening would do, confirmed by typing the token."""

    at: Utc
    positions: tuple[Closing, ...]
    proceeds: Exact
    cost: Exact
    obstacle: str = ""
    """Why nothing can be closed now."""
    token: str
    expires_at: Utc


class FlattenReport(Noun):
    """What became of a flatten, position by position."""

    at: Utc
    by: str
    plan_id: str | None = None
    outcomes: dict[str, str] = {}
    """`account/symbol` → closed, or what is left and why."""
    remaining: tuple[str, ...] = ()
    """Positions that are still held; their protection may be gone."""
    complete: bool = False
    flat_ms: Exact | None = None
    """From the call to the broker's figures without any of the positions."""


class Drill(Noun):
    """A rehearsed halt on the simulator and how long it took."""

    at: Utc
    orders: int
    latch_ms: Exact | None
    cancelled_ms: Exact | None
    flat_ms: Exact | None = None
    passed: bool
    why: str = ""
    """What went wrong."""


class Controls(Noun):
    """Which console holds the controls. `console` is its public id."""

    console: str
    who: str
    since: Utc
