"""What an engine under a hand-made broker needs besides it: a journal without a file, and a trading
state that forbids nothing."""

import asyncio
from collections.abc import Callable, Iterable

from db.clock import Clock
from db.model.event import Event, EventDraft
from db.model.trading import TradingState


class MemoryJournal:
    """Keeps events as the journal does, without its chain."""

    def __init__(self, clock: Clock, events: Iterable[Event] = ()) -> None:
        self.events = list(events)
        self._clock = clock
        self._callbacks: list[Callable[[tuple[Event, ...]], None]] = []

    async def append(self, *drafts: EventDraft) -> tuple[Event, ...]:
        await asyncio.sleep(0)  # a commit takes a moment: whoever looks meanwhile sees the old
        first = len(self.events) + 1
        events = tuple(
            Event(**d.model_dump(), seq=first + n, at=self._clock.now(), prev_hash="", hash="")
            for n, d in enumerate(drafts)
        )
        self.events += events
        for callback in self._callbacks:
            callback(events)
        return events

    def on_append(self, callback: Callable[[tuple[Event, ...]], None]) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]


class NothingForbidden:
    """Stands where the trading state is asked."""

    state = TradingState.ACTIVE
    halted = False

    def forbids(self, *_: object, **__: object) -> None:
        return None

    refuses = forbids
    awaits = forbids
