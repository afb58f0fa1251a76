"""What a console is shown: one frozen snapshot, then only what changed.

Keyed sections (`positions`, `orders`, `alerts`, `plans`) travel row by row; the rest as a whole."""

from typing import Any

from db.model.alert import Alert
from db.model.base import Environment, Exact, Noun, Utc
from db.model.market import MarketClock
from db.model.order import OrderState, OrderType, Side
from db.model.plan import Verdict
from db.model.reconciliation import Mismatch
from db.model.run import Mode, PlanState
from db.model.trading import Controls, HaltReport, TradingState


class PositionRow(Noun):
    """One holding with everything a trader looks for beside it. A missing figure is None."""

    symbol: str
    account: str
    sector: str
    qty: Exact
    avg_entry_price: Exact
    price: Exact | None
    price_at: Utc | None
    value: Exact | None
    weight: Exact | None
    unrealized_pl: Exact | None
    unrealized_plpc: Exact | None
    stop_price: Exact | None = None
    target_price: Exact | None = None
    guard: str = ""
    """Who holds stop and target of what was bought: `broker`, `part` (of the shares), `none` (an
    alert says why), `desk` (watched here, as intended); "" where nothing is to be protected."""
    locked: bool = False
    """A mismatch is open on it: no plan trades it."""


class OrderRow(Noun):
    client_order_id: str
    plan_id: str | None
    step: int | None
    account: str
    symbol: str
    side: Side
    qty: Exact
    type: OrderType | str
    limit_price: Exact | None
    state: OrderState
    filled_qty: Exact
    filled_avg_price: Exact | None
    reason: str = ""
    at: Utc | None = None
    external: bool = False


class PlanRow(Noun):
    """A plan in one line. The whole of it is fetched by id."""

    plan_id: str
    revision: int
    created_at: Utc
    source: str
    state: PlanState
    verdict: Verdict
    excepted: bool = False
    """Somebody let pass what blocked it."""
    mode: Mode | None
    steps: int
    steps_done: int
    sells: int
    buys: int
    reason: str = ""
    hash: str
    """Changes whenever what must be approved changes."""
    offer: str | None = None
    """What would restore the limits that it left missed: trim or rollback."""
    escalated_to: str | None = None
    """Who is asked for an exception."""
    deadline: Utc | None = None
    """Until when."""


class FeedHealth(Noun):
    """Is what we see fresh? Ages in seconds, None when nothing came yet."""

    orders_connected: bool
    quotes_connected: bool
    quote_age: Exact | None
    polling: bool = False
    """The stream is silent: prices are polled."""


class DeskSnapshot(Noun):
    at: Utc
    environment: Environment
    account: str
    """The broker's account number."""
    trading_state: TradingState
    halt: HaltReport | None = None
    controls: Controls | None = None
    """Which console holds the controls; the others are read-only. None: none does."""
    clock: MarketClock | None = None
    equity: Exact | None = None
    last_equity: Exact | None = None
    day_pl: Exact | None = None
    cash: Exact | None = None
    cash_weight: Exact | None = None
    buying_power: Exact | None = None
    feed: FeedHealth
    requests_used: int = 0
    """Broker requests in the last minute."""
    requests_limit: int = 200
    reconciled_at: Utc | None = None
    """When ours and the broker's last agreed."""
    reconciled: bool = False
    mismatches: tuple[Mismatch, ...] = ()
    inbox_refused: tuple[str, ...] = ()
    """Why the inbox refused its last files: sentences that begin with the name, the newest last."""
    journal_seq: int = 0
    positions: dict[str, PositionRow] = {}
    orders: dict[str, OrderRow] = {}
    alerts: dict[str, Alert] = {}
    plans: dict[str, PlanRow] = {}


KEYED = ("positions", "orders", "alerts", "plans")


def changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What turns snapshot `old` into `new`, both as JSON. Keyed sections hold only rows that
    differ, None for a row that went; other fields only when they differ."""
    changed: dict[str, Any] = {}
    for name, value in new.items():
        before = old.get(name)
        if value == before:
            continue
        if name in KEYED and isinstance(before, dict):
            rows = {key: row for key, row in value.items() if before.get(key) != row}
            rows.update({key: None for key in before if key not in value})
            changed[name] = rows
        else:
            changed[name] = value
    return changed


def merged(old: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    """`old` with `changed` applied: the inverse of `changes`."""
    new = dict(old)
    for name, value in changed.items():
        if name in KEYED:
            rows = {**old.get(name, {}), **value}
            new[name] = {key: row for key, row in rows.items() if row is not None}
        else:
            new[name] = value
    return new
