"""What a start reads of the journal: all that still matters, however long the journal is.

Left out are the runs of plans that are over and alerts that cleared before the day began, which can be
read at any time, and the fills of positions that were flat again by then: what those come to is brought
forward as one figure. Every other fold of a start comes to the same as over all events."""

import gc
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from heapq import merge
from operator import attrgetter

from db.journal import Journal
from db.model.event import Event
from services.desk.past_fills import FILL, past_fills
from services.execution.fold import ABOUT_ITS_RUN
from services.reconciliation.expected import BroughtForward

KEPT_PLANS = 100
"""The newest, whatever became of them: they are shown, and late reports may come."""
MANY = 10_000
"""Events that are kept from the collector of garbage."""
_seq = attrgetter("seq")


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
    ids = await journal.plan_ids()
    live = frozenset({*ids[-KEPT_PLANS:], *await journal.plans_at_work()})
    live |= await journal.plans_since(_day_before(lasting))
    past = await journal.of_fills(partial(past_fills, lasting=lasting, live=live))
    fills = await journal.events(numbers=past.needed)
    standing = [*fills, *(event for event in lasting if past.needs(event))]
    standing.sort(key=_seq)
    told = await journal.events(kinds=ABOUT_ITS_RUN, plans=past.live)
    events = tuple(merge(standing, told, key=_seq))
    return Recollection(events, frozenset(ids), past.brought_forward)


def _day_before(events: Collection[Event]) -> int:
    """The event at which the last day but one began: the first comparison asks the broker for all that
    was executed since the last one did, and must know it (services/desk/looking.py)."""
    days = [event.seq for event in events if event.kind == "DayStarted"]
    return days[-2] if len(days) > 1 else 0
