"""What became of every signal, told from the journal when somebody asks (spec 2.D)."""

from collections.abc import Iterable
from heapq import merge
from typing import Any

from db.journal import Journal
from db.model.event import Event
from services.reports.signal_fates import HEARD, STORY, SignalFate, signal_fates

FILL, ADOPTION = "FillReceived", "PositionAdopted"
MOST = 500
"""The newest are told; all of them stay in the journal."""


async def fates(journal: Journal) -> tuple[SignalFate, ...]:
    """The newest first. Of a long journal only what concerns their symbols is read: fills also from
    before the first signal, because what was held then is sold first."""
    heard = (await journal.events(kinds=[HEARD]))[-MOST:]
    if not heard:
        return ()
    kinds = STORY - {FILL, ADOPTION}
    story = await journal.events(kinds=kinds, after=heard[0].seq - 1)
    adopted = await journal.events(kinds=[ADOPTION])
    symbols = _traded((*heard, *story))
    wanted = [fill.seq for fill in await journal.fills() if fill.symbol in symbols]
    fills = await journal.events(numbers=wanted) if wanted else ()
    return signal_fates(merge(heard, story, adopted, fills, key=lambda event: event.seq))[::-1]


def _traded(events: Iterable[Event]) -> set[str]:
    """Symbols of the signals, and of the steps of plans that were made meanwhile."""
    found: set[str] = set()
    for event in events:
        if event.kind == HEARD:
            found.add(event.payload["idea"]["ticker"])
        elif "plan" in event.payload:
            found.update(step["symbol"] for step in event.payload["plan"]["steps"])
    return found


def row(fate: SignalFate) -> dict[str, Any]:
    """As the socket and `signals --json` tell it."""
    return {**fate.to_json(), "stage": fate.stage.value}
