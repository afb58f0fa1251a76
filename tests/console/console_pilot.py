"""A console in a test: Textual's pilot on one side, a real socket with canned nouns on the other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from canned_desk import AT, CannedDesk
from textual import events
from textual.app import App
from textual.keys import _character_to_key
from textual.pilot import Pilot

from console.app import QuarterdeckApp
from console.clock import Clock
from console.screens.main import MainScreen
from console.settings import ConsoleSettings
from db.home import Home
from services.desk.client import DeskClient

LONGEST = 40.0


async def settled(pilot: Pilot[Any], true: Callable[[], object]) -> None:
    """Let things happen until `true`; fails when that never comes."""
    async with asyncio.timeout(LONGEST):
        while not true():
            await pilot.pause()


def main_of(app: App[Any]) -> MainScreen:
    """The screen below all boxes."""
    main = app.screen_stack[0]
    assert isinstance(main, MainScreen)
    return main


@dataclass
class Ticks:
    """A monotonic clock that moves only when a test says so."""

    at: float = 0.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Deck:
    """The console under test and all it stands on."""

    app: QuarterdeckApp
    desk: CannedDesk
    pilot: Pilot[int]
    home: Home
    ticks: Ticks
    halts: list[Any] = field(default_factory=list)

    async def until(self, true: Callable[[], object]) -> None:
        """Let things happen until `true`; fails when that never comes."""
        await settled(self.pilot, true)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
        await self.until(lambda: self.app.keyboard.idle)
        await self.pilot.pause()

    async def burst(self, *keys: str) -> None:
        """Keys that arrive all at once, as a stalled line lets them go."""
        for key in keys:
            character = key if len(key) == 1 else {"enter": "\r", "space": " "}.get(key)
            self.app.post_message(
                events.Key(_character_to_key(key) if len(key) == 1 else key, character)
            )
        await self.pilot.pause()
        await self.until(lambda: self.app.keyboard.idle)
        await self.pilot.pause()

    async def asked(self, path: str) -> Any:
        """The body with which the desk was asked this; waits for it."""
        await self.until(lambda: any(p == path for p, _ in self.desk.asked))
        return next(body for p, body in reversed(self.desk.asked) if p == path)

    async def boxed(self, name: str) -> Any:
        """The box of this class, once it is on top and painted."""
        await self.until(lambda: type(self.app.screen).__name__ == name)
        await self.pilot.pause()
        return self.app.screen

    def shown(self) -> str:
        """What is on the screen, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)


@asynccontextmanager
async def opened(
    home: Home,
    size: tuple[int, int] = (120, 40),
    desk: CannedDesk | None = None,
    settings: ConsoleSettings | None = None,
) -> AsyncIterator[Deck]:
    """A console attached to a canned desk, its plan fetched."""
    desk = desk or CannedDesk()
    await desk.serve(home.socket)
    ticks = Ticks()

    async def attach() -> DeskClient:
        return DeskClient(home.socket)

    app = QuarterdeckApp(home, attach, settings, Clock(ticks, lambda: AT))
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            deck = Deck(app, desk, pilot, home, ticks)
            await deck.until(lambda: app.seen is not None and not app.seen.lost)
            if desk.state.plans:
                await deck.until(lambda: main_of(app).plans.document is not None)
            yield deck
    finally:
        await desk.stop()
