"""The console: an empty deck on the first frame, then the desk's figures on it.

Nothing heavy is imported before the first frame: no pydantic, no aiohttp, no panes."""

import gc
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo

from textual import events
from textual.actions import parse
from textual.dom import DOMNode
from textual.message_pump import MessagePump
from textual.notifications import SeverityLevel
from textual.screen import Screen

import themes
from console.clock import Clock, MarketTime
from console.keyboard import Keyboard, Typed
from console.keymap import Binding
from console.line.app import SlowLineApp, exit_on_signals
from console.screens.main import MainScreen
from console.settings import ConsoleSettings, ConsoleSettingsError, load
from db.home import Home
from widgets.title_bar import standing

if TYPE_CHECKING:
    from console.link import Attach
    from db.model.snapshot import DeskSnapshot
    from services.desk.client import DeskClient
    from services.desk.options import DeskOptions
    from widgets.seen import Seen

Answer = TypeVar("Answer")
PRESENT_SECONDS = 5.0
"""Between two words to the desk that somebody is at the keys."""
STYLES = themes.HERE / "quarterdeck.tcss"


class QuarterdeckApp(SlowLineApp[int], inherit_bindings=False):
    """One terminal's view of the desk. Every key passes `on_event` and is looked up in the keymap."""

    CONTEXT: ClassVar[str] = "any"
    CSS_PATH = STYLES
    ENABLE_COMMAND_PALETTE = False
    TITLE = "Quarterdeck"
    HORIZONTAL_BREAKPOINTS = [
        (0, "-one"),
        (100, "-two"),
        (160, "-three"),
    ]

    def __init__(
        self,
        home: Home,
        attach: "Attach",
        settings: ConsoleSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.home = home
        self.settings = settings or ConsoleSettings()
        self.clock = clock or Clock()
        self.keymap_table = self.settings.keys()
        self.market = MarketTime(self.clock)
        self.seen_snapshot: DeskSnapshot | None = None
        self.halt_pressed = False
        self._attach_desk = attach
        self.keyboard = Keyboard(self._heard, self._pumps)
        self._came: float | None = None
        self._console = ""
        self._present_at: float | None = None
        self._desk = "starting"
        self._trouble = ""
        super().__init__()
        self._theme_problem = self._dress()
        self._main = MainScreen(home.environment.value, self.settings.zone)

    def get_default_screen(self) -> Screen[Any]:
        """The one screen below all boxes."""
        return self._main

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our variables, for themes that are not ours."""
        return dict(themes.OURS)

    def _dress(self) -> str:
        """Put the chosen theme on; what is wrong with it, if anything is."""
        name = self.settings.theme
        problem = ""
        try:
            chosen = themes.load(_theme_file(self.home, name))
        except themes.ThemeError as error:
            problem = f"{error}; the {themes.DEFAULT} theme is used."
            chosen = themes.load(_theme_file(self.home, themes.DEFAULT))
        self.register_theme(chosen)
        self.theme = chosen.name
        return problem

    def on_mount(self) -> None:
        """Draw first; what else there is comes after the first frame."""
        self.run_worker(self.keyboard.run(), group="keyboard")
        if not self.is_headless:
            exit_on_signals(self)
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        from console.link import Link

        await self._main.fill()
        self.link = Link(self._attach_desk, self)
        self.run_worker(self.link.follow(), group="link", exit_on_error=True)
        self.set_interval(1.0, self._tick)
        if self._theme_problem:
            self.say(self._theme_problem, severity="warning")
        gc.collect()
        gc.freeze()

    # Keys

    async def on_event(self, event: events.Event) -> None:
        """A halt acts at once; every other key waits for its turn."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self._is_present()
            if isinstance(event, events.Key) and self._halts(event):
                self.keyboard.forget()
                self.action_halt()
            else:
                self.keyboard.take(event)
            return
        await super().on_event(event)

    def _is_present(self) -> None:
        """Tell the desk that somebody is here, now and then (spec 5, Unattended rule)."""
        now = self.clock.monotonic()
        told = self._present_at
        if self._console and (told is None or now - told >= PRESENT_SECONDS):
            self._present_at = now
            self.ask(lambda desk: desk.present(), otherwise=lambda _: None, group="presence")

    def _halts(self, event: events.Key) -> bool:
        found = self._meaning(event)
        return found is not None and found[1].id == "halt"

    async def _heard(self, event: Typed) -> None:
        """A key is looked up in the keymap first; what means nothing there goes on to the widgets."""
        found = self._meaning(event) if isinstance(event, events.Key) else None
        if found is not None:
            await self._act(*found)
        else:
            await super().on_event(event)

    def _pumps(self) -> Iterator[MessagePump]:
        """Whose queues hold what a key set off."""
        if (focused := self.screen.focused) is not None:
            yield focused
        yield self.screen
        yield self

    def _meaning(self, event: events.Key) -> tuple[DOMNode, Binding] | None:
        start = self.screen.focused or self.screen
        typed = start.check_consume_key(event.key, event.character)
        for node in start.ancestors_with_self:
            for key in _names(event):
                binding = self.keymap_table.find(context_of(node), key)
                if binding is None or (typed and not _breaks_in(binding, start)):
                    continue
                return node, binding
        return None

    async def _act(self, node: DOMNode, binding: Binding) -> None:
        """Run the action on the nearest node, or actor of one, that has it. A node that does not accept the
        action now swallows the key."""
        _, name, arguments = parse(binding.action)
        for target in node.ancestors_with_self:
            for actor in (target, *(getattr(target, "actors", None) or ())):
                method = getattr(actor, f"action_{name}", None)
                if method is None:
                    continue
                accepts = getattr(actor, "accepts", None)
                if accepts is None or accepts(name):
                    result = method(*arguments)
                    if isawaitable(result):
                        await result
                return

    async def run_binding(self, start: DOMNode, binding: Binding) -> None:
        """Run an action chosen in the palette as if its key had been pressed at `start`, else on the pane in
        sight that has it."""
        _, name, _ = parse(binding.action)
        candidates = (start, *(pane for pane in self._main.view.panes if pane.display))
        for node in candidates:
            if any(hasattr(n, f"action_{name}") for n in node.ancestors_with_self[:-2]):
                await self._act(node, binding)
                return
        await self._act(start, binding)

    # The desk

    def on_attached(self, console: str) -> None:
        """The desk knows this console under this id."""
        self._console = console

    @property
    def read_only(self) -> str:
        """Who holds the controls instead of this console, since when; empty when it does."""
        seen = self.seen_snapshot
        if seen is None or not self._console:
            return ""
        held = seen.controls
        if held is None:
            return "nobody"
        if held.console == self._console:
            return ""
        since = held.since.astimezone(ZoneInfo(self.settings.zone))
        return f"{held.who} since {since:%H:%M}"

    @property
    def seen(self) -> "Seen | None":
        """What the desk last said; None before it said anything."""
        from widgets.seen import Seen

        if self.seen_snapshot is None:
            return None
        elapsed = self._elapsed
        return Seen(self.seen_snapshot, elapsed, lost=self._desk != "ok")

    def on_snapshot_came(self, snapshot: "DeskSnapshot") -> None:
        """The desk said how things are."""
        if not self.is_running:
            return
        first = self._desk != "ok"
        if self._desk == "lost" and self.seen_snapshot is not None:
            self.say("The desk answers again.")
        self._escalations(self.seen_snapshot, snapshot)
        if self.seen_snapshot is not None:
            for sentence in added(self.seen_snapshot.inbox_refused, snapshot.inbox_refused):
                self.say(f"The inbox refused {sentence}", severity="warning")
        self.seen_snapshot, self._came, self._desk = snapshot, self.clock.monotonic(), "ok"
        self._trouble = ""
        self.market.take(snapshot.clock)
        if snapshot.trading_state == "HALTED":
            self.halt_pressed = False  # the desk's word takes over
        self._show()
        if first:
            self._main.attached()

    def _escalations(self, before: "DeskSnapshot | None", now: "DeskSnapshot") -> None:
        """Critical alerts that were raised again, because nobody has acknowledged them."""
        for key, alert in now.alerts.items():
            old = None if before is None else before.alerts.get(key)
            known = None if old is None else old.escalated_at
            if before is not None and alert.escalated_at not in (None, known):
                self.bell()
                self.say(f"STILL NOT ACKNOWLEDGED: {alert.sentence}", severity="error")

    def on_desk_lost(self, sentence: str) -> None:
        """The desk does not answer. What it last said stays, marked as old."""
        if not self.is_running:
            return
        if sentence != self._trouble:
            self.say(sentence, severity="warning")
        self._trouble = sentence
        self._desk = "lost"
        if self.seen_snapshot is None:
            self._came = self.clock.monotonic() if self._came is None else self._came
        self._show()

    @property
    def halted(self) -> bool:
        """Whether trading is halted, as far as is known here."""
        seen = self.seen_snapshot
        return self.halt_pressed or (seen is not None and seen.trading_state == "HALTED")

    def refresh_keys(self) -> None:
        """The key bar shows the keys that are heard now."""
        if self._main.actors is not None:
            self._main.refresh_keys()

    def leave(self) -> None:
        """End the console. The desk is not touched."""
        self.exit(0)

    @property
    def _elapsed(self) -> timedelta:
        """Since the last snapshot came, or since the desk was first missed."""
        return timedelta(0) if self._came is None else self.clock.since(self._came)

    def _show(self) -> None:
        self._title()
        seen = self.seen
        if seen is None:
            return
        for screen in self.screen_stack:
            show = getattr(screen, "show", None)
            if show is not None and screen.is_mounted:
                show(seen)

    def _title(self) -> None:
        self._main.title_bar.show(
            standing(
                self.home.environment.value,
                self.seen_snapshot,
                self._elapsed,
                self.market.now,
                self._desk,
                self.halt_pressed,
                self._trouble,
                self.read_only,
            )
        )

    def _tick(self) -> None:
        self._title()
        if (seen := self.seen) is not None:
            self._main.age(seen)

    def ask(
        self,
        question: "Callable[[DeskClient], Awaitable[Answer]]",
        then: Callable[[Answer], object] | None = None,
        otherwise: Callable[[str], object] | None = None,
        group: str = "ask",
    ) -> None:
        """Ask the desk in the background; `then` gets the answer. A refusal is said in a toast, or to
        `otherwise`. Questions of the group `preview` replace each other."""
        self.run_worker(
            self._asked(question, then, otherwise),
            name=group,
            group=group,
            exclusive=group == "preview",
        )

    async def _asked(
        self,
        question: "Callable[[DeskClient], Awaitable[Answer]]",
        then: Callable[[Answer], object] | None,
        otherwise: Callable[[str], object] | None,
    ) -> None:
        from services.desk.client import DeskError

        try:
            answer = await question(self.link.desk)
        except DeskError as error:
            if self.is_running:
                (otherwise or self.complain)(error.sentence)
            return
        if then is not None and self.is_running:
            then(answer)

    def complain(self, sentence: str) -> None:
        """What went wrong, in a sentence."""
        self.say(sentence, severity="error")

    def say(self, sentence: str, severity: SeverityLevel = "information") -> None:
        """A toast. Its text may come from outside, so it is never markup."""
        self.notify(sentence, severity=severity, timeout=8, markup=False)

    # Everywhere

    def action_halt(self) -> None:
        """HALT: the latch first, then the screen, then the desk. Pressed twice, it does so twice."""
        from console.halting import halt

        halt(self)

    def action_help(self) -> None:
        """Help for what is in focus."""
        from console.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            contexts = list(dict.fromkeys(self.contexts()))
            self.push_screen(HelpScreen(self.keymap_table, contexts))

    def contexts(self) -> Iterator[str]:
        """The contexts heard now, the narrowest first."""
        start = self.screen.focused or self.screen
        for node in start.ancestors_with_self:
            if context := context_of(node):
                yield context


def added(before: Sequence[str], now: Sequence[str]) -> Sequence[str]:
    """What came behind, of a list whose oldest may have gone meanwhile."""
    kept = range(min(len(before), len(now)), -1, -1)
    return now[next(n for n in kept if tuple(before[len(before) - n :]) == tuple(now[:n])) :]


def context_of(node: DOMNode) -> str:
    """The keymap context of a node; empty when it has none."""
    context = getattr(node, "context", None) or getattr(node, "CONTEXT", None)
    if isinstance(context, str):
        return context
    from widgets.table import LiveTable

    return "list" if isinstance(node, LiveTable) else ""


def _names(event: events.Key) -> tuple[str, ...]:
    """The names a key press may have in the keymap."""
    if event.character is not None and event.is_printable and event.character != " ":
        return (event.character,)
    return tuple(dict.fromkeys((event.key, *event.aliases)))


def _breaks_in(binding: Binding, field: DOMNode) -> bool:
    """Whether a character acts instead of being typed: only `!`, where it can't be meant as text."""
    return binding.id == "halt" and not field.has_class("-free-text")


def _theme_file(home: Home, name: str) -> Path:
    """The file of a theme: ours, else the trader's own."""
    ours = themes.HERE / f"{name}.toml"
    return ours if ours.exists() else home.themes / f"{name}.toml"


def run_console(home: Home, options: "DeskOptions | None" = None) -> int:
    """Run the console until the trader leaves; its exit code. Starts a desk when none runs.

    Settings that can't be used are said on stderr, exit code 2."""
    overrides = {} if options is None else dict(_console_overrides(options.overrides))
    try:
        settings = load(home.config, overrides)
    except ConsoleSettingsError as error:
        sys.stderr.write(f"quarterdeck: {error}\n")
        return 2

    async def attach() -> "DeskClient":
        from console.attaching import attached

        return await attached(home, options)

    app = QuarterdeckApp(home, attach, settings)
    app.run()
    return app.return_code or 0


def _console_overrides(overrides: Iterable[str]) -> Iterator[tuple[str, str]]:
    """`console.theme=light` among the settings of the command line."""
    for override in overrides:
        name, _, value = override.partition("=")
        if name.startswith("console."):
            yield name.removeprefix("console."), value
