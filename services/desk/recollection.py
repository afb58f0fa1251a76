"""What a start reads of the journal: all that still matters, however long the journal is.

Left out are the runs of plans that are over and alerts that cleared before the day began, which can be
read at any time, and the fills of positions that were flat again by then: what those come to is brought
forward as one figure. Every other fold of a start comes to the same as over all events."""

import gc
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from heapq import merge

from db.journal import Journal
from db.model.event import Event
from db.model.order import Side
from db.rows import FilledRow
from services.execution.fold import ABOUT_ITS_RUN
from services.reconciliation.expected import ZERO, BroughtForward, Key

KEPT_PLANS = 100
"""The newest, whatever became of them: they are shown, and late reports may come."""
BUY = Side.BUY.value
MANY = 10_000
"""Events that are kept from the collector of garbage."""
FILL, ADOPTION = "FillReceived", "PositionAdopted"
RESETS = frozenset({"DayStarted", "TradingResumed"})
"""From the last of these on every round trip counts (services/monitoring/streak.py)."""
CASH = frozenset({"BooksOpened", "CashAdopted"})


@dataclass(frozen=True)
class Recollection:
    """Events in order, for the folds of a start."""

    events: tuple[Event, ...]
    plan_ids: frozenset[str]
    """Of every plan there ever was: none is given again."""
    brought_forward: BroughtForward


async def recollect(journal: Journal) -> Recollection:
    with _no_collector():
        known = await _recollected(journal)
        if len(known.events) >= MANY:
            gc.freeze()  # nor is it worth looking later: they go by themselves
        return known


@contextmanager
def _no_collector() -> Iterator[None]:
    """Many thousands of rows come and stay: to look for garbage among them takes a third of it all."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


async def _recollected(journal: Journal) -> Recollection:
    lasting = await journal.lasting(besides=ABOUT_ITS_RUN | {FILL})
    rows, ids = await journal.fills(), await journal.plan_ids()
    live = frozenset({*ids[-KEPT_PLANS:], *await journal.plans_at_work()})
    live |= await journal.plans_since(_day_before(lasting))
    moments = flat_moments(rows, lasting)
    flat = last_flat(moments, rows, live)
    if holding := _of_lots(rows, flat) - live:
        live |= holding
        flat = last_flat(moments, rows, live)
    past = past_fills(rows, lasting, flat)
    fills = await journal.events(numbers=past.needed)
    standing = [*fills, *(event for event in lasting if past.needs(event))]
    standing.sort(key=_seq)
    told = await journal.events(kinds=ABOUT_ITS_RUN, plans=live)
    events = tuple(merge(standing, told, key=_seq))
    return Recollection(events, frozenset(ids), past.brought_forward)


def _seq(event: Event) -> int:
    return event.seq


def _day_before(events: Collection[Event]) -> int:
    """The event at which the last day but one began: the first comparison asks the broker for all that
    was executed since the last one did, and must know it (services/desk/looking.py)."""
    days = [event.seq for event in events if event.kind == "DayStarted"]
    return days[-2] if len(days) > 1 else 0


def _of_lots(fills: Iterable[FilledRow], flat: Mapping[Key, int]) -> set[str]:
    """Plans that traded what is still held: it is protected by their steps."""
    return {
        plan_id
        for seq, plan_id, account, symbol, *_ in fills
        if plan_id is not None and seq > flat.get((account, symbol), 0)
    }


# --- fills that are over ----------------------------------------------------------------------


@dataclass(frozen=True)
class PastFills:
    needed: tuple[int, ...] = ()
    """Numbers of the fills that a fold must see one by one."""
    flat: Mapping[Key, int] = field(default_factory=dict)
    """The last event before the day at which a position was none."""
    brought_forward: BroughtForward = field(default_factory=BroughtForward)
    """Of all others."""

    def needs(self, event: Event) -> bool:
        """Whether an event that is no fill still counts."""
        key = (event.account or "", event.symbol or "")
        return event.kind != ADOPTION or event.seq > self.flat.get(key, 0)


def past_fills(
    fills: Sequence[FilledRow], lasting: Iterable[Event], flat: Mapping[Key, int]
) -> PastFills:
    """Which of `fills` are over: those before the position was `flat`. Pure."""
    cash_since = {event.account: event.seq for event in lasting if event.kind in CASH}
    needed: list[int] = []
    cash: dict[str, Decimal] = {}
    until = datetime.min.replace(tzinfo=UTC)
    taken: set[str] = set()
    for seq, plan_id, account, symbol, side, qty, price, at, execution_id in fills:
        if seq > flat.get((account, symbol), 0):
            needed.append(seq)
            continue
        if plan_id is None:
            taken.add(execution_id)
        until = max(until, datetime.fromisoformat(at))
        if seq > cash_since.get(account, seq):
            paid = Decimal(qty) * Decimal(price)
            cash[account] = cash.get(account, ZERO) + (-paid if side == BUY else paid)
    heard = until if len(needed) < len(fills) else None
    return PastFills(tuple(needed), flat, BroughtForward(cash, heard, frozenset(taken)))


def flat_moments(fills: Sequence[FilledRow], lasting: Iterable[Event]) -> dict[Key, list[int]]:
    """The events before the day at which each position came to nothing, in order. An adoption is the
    figure itself. Pure."""
    day, adoptions = 0, list[FilledRow]()
    for event in lasting:
        if event.kind in RESETS:
            day = event.seq
        elif event.kind == ADOPTION and event.account is not None and event.symbol is not None:
            qty = str(event.payload["qty"])
            adoptions.append(
                (event.seq, None, event.account, event.symbol, ADOPTION, qty, "", "", "")
            )
    held: dict[Key, Decimal] = {}
    moments: dict[Key, list[int]] = {}
    for seq, _, account, symbol, side, qty, *_ in merge(fills, adoptions):
        if seq > day:
            break
        key, shares = (account, symbol), Decimal(qty)
        if side != ADOPTION:
            shares = held.get(key, ZERO) + (shares if side == BUY else -shares)
        held[key] = shares
        if not shares:
            moments.setdefault(key, []).append(seq)
    return moments


def last_flat(
    moments: Mapping[Key, Sequence[int]], fills: Sequence[FilledRow], live: Collection[str]
) -> dict[Key, int]:
    """The last of the `moments` before the first fill of a `live` plan: a run without its fills would
    take them for missed ones, and book them again (invariant 10). Pure."""
    first: dict[Key, int] = {}
    for seq, plan_id, account, symbol, *_ in fills:
        if plan_id in live:
            first.setdefault((account, symbol), seq)
    before = {
        key: bisect_left(found, first[key]) if key in first else len(found)
        for key, found in moments.items()
    }
    return {key: moments[key][n - 1] for key, n in before.items() if n}
