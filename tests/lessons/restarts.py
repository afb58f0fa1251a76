"""The engine of `engine_world`, stopped dead and started again on the same journal and broker."""

from collections.abc import Iterable
from typing import cast

from engine_parts import MemoryJournal
from engine_world import World

from db.errors import JournalError
from db.model.event import Event, EventDraft
from db.model.trading import TradingState
from services.brokers.port import Broker
from services.execution.engine import Engine
from services.execution.safety import Latch, Safety


class MemoryLatch:
    """The two files of a halt, without a disk."""

    def __init__(self) -> None:
        self.held = TradingState.ACTIVE

    def state(self) -> TradingState:
        return self.held

    def set(self, *_: object) -> None:
        self.held = TradingState.HALTED

    def set_reducing(self, *_: object) -> None:
        self.held = TradingState.REDUCING

    def unlatch(self) -> None:
        self.held = TradingState.REDUCING

    def clear(self) -> None:
        self.held = TradingState.ACTIVE


class LockedJournal(MemoryJournal):
    """Takes so many events, and then none any more."""

    def __init__(self, world: World, events: Iterable[Event] = (), *, room: int = 10**9) -> None:
        super().__init__(world.clock, events)
        self._room = room

    async def append(self, *drafts: EventDraft) -> tuple[Event, ...]:
        if len(self.events) + len(drafts) > self._room:
            self._room = 0
            raise JournalError("The journal can't be written: database is locked.")
        return await super().append(*drafts)


def reborn(world: World, *, room: int = 10**9, latch: Latch | None = None) -> Engine:
    """A new engine on what the journal holds; `world` uses it from here on."""
    world.journal = LockedJournal(world, world.journal.events, room=room)
    world.engine = Engine(
        world.journal,
        cast(Broker, world.broker),
        Safety(latch or MemoryLatch()),
        world.clock,
        world._facts,
        lambda plan: world.now(),
        lambda: "1",
        frozenset,
    )
    return world.engine


async def restart(world: World) -> None:
    """SIGKILL, and a desk that folds the journal: what was in memory only is gone."""
    await world.close()
    await reborn(world).recover(world.journal.events)
