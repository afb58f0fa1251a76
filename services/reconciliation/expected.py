"""What our books say of every account: a fold of fills, activities and what the trader adopted.

Pure. The broker's account must come to the same figures, or the difference is a mismatch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from db.model.activity import Activity
from db.model.event import Event
from db.model.order import Fill, Side

Key = tuple[str, str]
"""(account, symbol)."""

ZERO = Decimal(0)


@dataclass(frozen=True)
class Held:
    """Shares, negative when short, and their average entry price; None where nobody knows it."""

    qty: Decimal
    average: Decimal | None = None


@dataclass(frozen=True)
class Opening:
    """Where our books of an account begin. What the broker executed or booked before is in the
    figures that they began with."""

    fills_from: datetime
    """Market time: executions up to this moment came before."""
    activities: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Books:
    """All accounts. A flat symbol is absent from `held`."""

    held: Mapping[Key, Held] = field(default_factory=dict)
    cash: Mapping[str, Decimal] = field(default_factory=dict)
    """Account → dollars; absent before the books of the account were opened."""
    openings: Mapping[str, Opening] = field(default_factory=dict)
    outside: Mapping[str, Fill] = field(default_factory=dict)
    """By execution id: of orders that we never sent, seen and not booked."""
    external: Mapping[str, str] = field(default_factory=dict)
    """Broker order id → client order id of orders that the trader adopted as known."""
    taken: frozenset[str] = frozenset()
    """Executions of orders that are not ours, booked."""
    activities: frozenset[str] = frozenset()
    """Booked after the opening."""
    until: datetime | None = None
    """The latest market time that our books know of."""
    latest: Mapping[Key, datetime] = field(default_factory=dict, compare=False)
    """Market time of the latest fill entered, flat or not."""


@dataclass(frozen=True)
class BroughtForward:
    """What fills of before come to that are not entered one by one."""

    cash: Mapping[str, Decimal] = field(default_factory=dict)
    """Account → dollars, since its books were opened or its cash adopted."""
    until: datetime | None = None
    """The latest market time of any fill, brought forward or not."""
    taken: frozenset[str] = frozenset()
    """All fills of orders that are not ours."""


RELEVANT = frozenset(
    {
        "FillReceived",
        "PositionAdopted",
        "BooksOpened",
        "CashAdopted",
        "ActivityBooked",
        "OutsideFillSeen",
        "ExternalOrderAdopted",
        "Reconciled",
    }
)


def after(books: Books, events: Iterable[Event]) -> Books:
    """The books once `events` count."""
    news = [event for event in events if event.kind in RELEVANT]
    if not news:
        return books
    page = _Page(books)
    for event in news:
        page.write(event)
    return page.books()


def brought_forward(books: Books, past: BroughtForward) -> Books:
    """The books with what came before what was entered."""
    cash = {account: held + past.cash.get(account, ZERO) for account, held in books.cash.items()}
    times = [at for at in (books.until, past.until) if at is not None]
    return replace(
        books,
        cash=cash,
        until=max(times, default=None),
        taken=books.taken | past.taken,
        outside={name: fill for name, fill in books.outside.items() if name not in past.taken},
    )


class _Page:
    """The books while a batch of events is entered: one copy, however many events."""

    def __init__(self, books: Books) -> None:
        self._before = books
        self._held = dict(books.held)
        self._cash = dict(books.cash)
        self._openings = dict(books.openings)
        self._outside = dict(books.outside)
        self._external = dict(books.external)
        self._taken = set(books.taken)
        self._activities = set(books.activities)
        self._until = books.until
        self._latest = dict(books.latest)

    def books(self) -> Books:
        return replace(
            self._before,
            held=self._held,
            cash=self._cash,
            openings=self._openings,
            outside=self._outside,
            external=self._external,
            taken=frozenset(self._taken),
            activities=frozenset(self._activities),
            until=self._until,
            latest=self._latest,
        )

    def write(self, event: Event) -> None:
        payload = event.payload
        match event.kind:
            case "FillReceived":
                self._fill(Fill.model_validate(payload["fill"]), ours=event.plan_id is not None)
            case "OutsideFillSeen":
                fill = Fill.model_validate(payload["fill"])
                self._outside[fill.execution_id] = fill
                self._heard(fill.at)
            case "PositionAdopted" if event.account is not None and event.symbol is not None:
                self._set((event.account, event.symbol), _adopted(payload))
            case "CashAdopted" if event.account is not None:
                self._cash[event.account] = Decimal(payload["cash"])
            case "BooksOpened" if event.account is not None:
                self._open(event.account, payload)
            case "ActivityBooked":
                self._book(Activity.model_validate(payload["activity"]))
            case "ExternalOrderAdopted":
                self._external[payload["order_id"]] = event.client_order_id or ""
            case "Reconciled" if "market_at" in payload:
                self._heard(datetime.fromisoformat(payload["market_at"]))

    def _fill(self, fill: Fill, *, ours: bool) -> None:
        self._heard(fill.at)
        if not ours:
            self._taken.add(fill.execution_id)
            self._outside.pop(fill.execution_id, None)
        key = (fill.account, fill.symbol)
        held = traded(self._held.get(key), fill)
        late = fill.at < self._latest.setdefault(key, fill.at)
        self._latest[key] = max(self._latest[key], fill.at)
        # What a fill does to an average depends on those before it: told late, nobody knows it.
        self._set(key, replace(held, average=None) if late else held)
        if fill.account in self._cash:
            self._cash[fill.account] += cash_of(fill)

    def _open(self, account: str, payload: Mapping[str, Any]) -> None:
        fills_from = datetime.fromisoformat(payload["fills_from"])
        self._openings[account] = Opening(fills_from, frozenset(payload["activities"]))
        self._cash[account] = Decimal(payload["cash"])
        self._heard(datetime.fromisoformat(payload["market_at"]))

    def _book(self, activity: Activity) -> None:
        if activity.activity_id in self._activities:
            return
        self._activities.add(activity.activity_id)
        if activity.account in self._cash and activity.net_amount is not None:
            self._cash[activity.account] += activity.net_amount

    def _set(self, key: Key, held: Held) -> None:
        if held.qty:
            self._held[key] = held
        else:
            self._held.pop(key, None)

    def _heard(self, at: datetime) -> None:
        self._until = at if self._until is None else max(self._until, at)


def traded(held: Held | None, fill: Fill) -> Held:
    """The holding after `fill`, at average cost: a sale leaves the average as it was."""
    before = held or Held(ZERO)
    change = signed(fill)
    now = before.qty + change
    if not before.qty or before.qty * now < 0:  # opened, or turned, by this fill
        return Held(now, fill.price)
    if before.qty * change < 0:
        return Held(now, before.average if now else None)
    if before.average is None:
        return Held(now)
    paid = abs(before.qty) * before.average + fill.qty * fill.price
    return Held(now, paid / abs(now))


def signed(fill: Fill) -> Decimal:
    """Shares that came, negative when they went."""
    return fill.qty if fill.side is Side.BUY else -fill.qty


def cash_of(fill: Fill) -> Decimal:
    """Dollars that cash changed by, before fees."""
    return -signed(fill) * fill.price


def _adopted(payload: Mapping[str, Any]) -> Held:
    price = payload.get("avg_entry_price")
    average = Decimal(price) if price is not None else None
    return Held(Decimal(payload["qty"]), average or None)


def history(rows: Iterable[Mapping[str, Any]]) -> dict[Key, str]:
    """Since when and by what each position of ours is what it is, as a sentence, from the journal's
    table `positions`."""
    return {(row["account"], row["symbol"]): _sentence(row) for row in rows}


def _sentence(row: Mapping[str, Any]) -> str:
    since, changed = (_minute(row[name]) for name in ("since", "changed_at"))
    if not Decimal(row["qty"]):
        return f"Ours was sold out {changed} by {row['changed_by']}."
    fills = f", {row['fills']} fills since" if row["fills"] else ""
    return f"Ours is held since {since}{fills}, last changed {changed} by {row['changed_by']}."


def _minute(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"
