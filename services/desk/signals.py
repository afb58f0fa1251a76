"""What became of every signal, told from the journal when somebody asks (spec 2.D)."""

import asyncio
from collections.abc import Iterable
from heapq import merge
from typing import Any

from db.journal import Journal
from db.model.event import Event
from services.reports.signal_fates import HEARD, STORY, SignalFate, signal_fates

FILL, ADOPTION = "FillReceived", "PositionAdopted"
ACCEPTED, REFUSED = "ProposalAccepted", "ProposalRefused"
MOST = 500
"""The newest are told; all of them stay in the journal."""


async def fates(journal: Journal) -> tuple[SignalFate, ...]:
    """The newest first. Of a long journal only what concerns their plans and symbols is read: fills also
    from before the first signal, because what was held then is sold first."""
    heard = (await journal.events(kinds=[HEARD]))[-MOST:]
    if not heard:
        return ()
    since, files = heard[0].seq, {event.payload["sha256"] for event in heard}
    taken = await journal.events(kinds=[ACCEPTED], after=since)
    plans = {e.plan_id for e in taken if e.plan_id and e.payload.get("sha256") in files}
    story = await journal.events(kinds=STORY - {FILL, ADOPTION, REFUSED}, plans=plans)
    refused = await journal.events(kinds=[REFUSED], after=since)
    adopted = await journal.events(kinds=[ADOPTION])
    symbols = _traded((*heard, *story))
    wanted = await journal.of_fills(lambda table: table.of_symbols(symbols))
    fills = await journal.events(numbers=wanted)
    told = merge(heard, story, refused, adopted, fills, key=lambda event: event.seq)
    # Beside the loop: of many signals and fills it takes longer than an order may wait.
    return (await asyncio.to_thread(signal_fates, told))[::-1]


def _traded(events: Iterable[Event]) -> set[str]:
    """Symbols of the signals, and of the steps of their plans."""
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
