"""Fills that a start need not enter one by one: those of positions that were flat again before the day
began. What they come to is brought forward."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from db.fills import FillRow, FillsTable
from db.model.event import Event
from services.reconciliation.expected import ZERO, BroughtForward, Key

FILL, ADOPTION = "FillReceived", "PositionAdopted"
RESETS = frozenset({"DayStarted", "TradingResumed"})
"""From the last of these on every round trip counts (services/monitoring/streak.py)."""
CASH = frozenset({"BooksOpened", "CashAdopted"})

Flat = Mapping[Key, int]
"""Of each position the last fill before the day that sold all of it: those after are entered one by one.
0 for one that never was."""


@dataclass(frozen=True)
class PastFills:
    needed: tuple[int, ...]
    """Numbers of the fills that a fold must see one by one."""
    live: frozenset[str]
    """Plans whose runs are needed: those asked for, and those that traded what is still held."""
    flat: Flat
    brought_forward: BroughtForward
    """Of all others."""

    def needs(self, event: Event) -> bool:
        """Whether an event that is no fill still counts."""
        key = (event.account or "", event.symbol or "")
        return event.kind != ADOPTION or event.seq > self.flat.get(key, 0)


def past_fills(fills: FillsTable, lasting: Collection[Event], live: frozenset[str]) -> PastFills:
    """Which fills are over. `lasting`: all events that are not a plan's; `live`: plans that will be
    folded."""
    flat = _flat(fills, lasting, live)
    left = _left(fills, flat)
    # What is still held is protected by the steps of who traded it.
    if holding := {row.plan_id for row in left if row.plan_id is not None} - live:
        live |= holding
        flat = _flat(fills, lasting, live)
        left = _left(fills, flat)
    needed = sorted(row.seq for row in left)
    brought = BroughtForward(_cash(fills, lasting, flat), fills.latest(), fills.outside())
    return PastFills(tuple(needed), live, flat, brought)


def _flat(fills: FillsTable, lasting: Iterable[Event], live: Collection[str]) -> Flat:
    """Before the first fill of a `live` plan: a run without its fills would take them for missed ones,
    and book them again (invariant 10)."""
    day = max((event.seq for event in lasting if event.kind in RESETS), default=0)
    first = fills.first_of(live)
    return {key: fills.flat_before(key, min(day, first.get(key, day))) for key in fills.positions()}


def _left(fills: FillsTable, flat: Flat) -> list[FillRow]:
    """The fills that are not over."""
    return [row for key, seq in flat.items() for row in fills.after(key, seq)]


def _cash(fills: FillsTable, lasting: Iterable[Event], flat: Flat) -> dict[str, Decimal]:
    """Of each account since its cash was last a figure of the broker's."""
    since = {event.account: event.seq for event in lasting if event.kind in CASH}
    cash: dict[str, Decimal] = {}
    for key, seq in flat.items():
        account, _ = key
        if account in since and seq > since[account]:
            brought = fills.cash(key, seq) - fills.cash(key, since[account])
            cash[account] = cash.get(account, ZERO) + brought
    return cash
