"""The one screen below all boxes: title bar, the view chosen with 1-8, key bar."""

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from console.keymap import spoken
from widgets.key_bar import KeyBar
from widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from console.app import QuarterdeckApp
    from console.screens.by_hand import HandActions
    from console.screens.desk_actions import DeskActions
    from console.screens.plan_desk import PlanDesk
    from console.screens.plan_edits import PlanEdits
    from console.screens.remedies import PlanRemedies
    from console.screens.views import View
    from widgets.pane import Pane
    from widgets.plans import PlansPane
    from widgets.seen import Seen
    from widgets.ticket import TicketPane

FIRST = {"guide": ("hand.fill", "hand.copy", "hand.tick", "plan.approve", "plan.next")}
"""What a pane is there for, though it is heard on every screen."""
LATER = {"main": 1, "list": 2, "any": 3}
"""Contexts whose keys stand behind the pane's own in the key bar."""
QUIET = ("signals.open",)
"""Heard on every screen, in the help and in the palette, but not worth its room in the key bar."""
NARROW = 100
"""Columns below which one pane is shown at a time."""


class MainScreen(Screen[None], inherit_bindings=False):
    """Views keep their state; the one in sight is given every snapshot, the others when they come in sight."""

    CONTEXT: ClassVar[str] = "main"

    def __init__(self, environment: str, zone: str) -> None:
        super().__init__()
        self.title_bar = TitleBar(environment, zone)
        self._zone = zone
        self._key_bar = KeyBar()
        self._views: dict[str, View] = {}
        self._shown = "desk"
        self.actors: tuple[PlanDesk, DeskActions, PlanRemedies, HandActions, PlanEdits] | None = (
            None
        )
        """Who has the actions that this screen has not itself."""

    def compose(self) -> ComposeResult:
        yield self.title_bar
        yield Container(id="body")
        yield self._key_bar

    @property
    def deck(self) -> "QuarterdeckApp":
        """The app, as what it is."""
        return cast("QuarterdeckApp", self.app)

    @property
    def plans(self) -> "PlanDesk":
        """What is done with plans. There once the screen is filled."""
        assert self.actors is not None
        return self.actors[0]

    @property
    def views(self) -> "Iterable[View]":
        """The views there are so far."""
        return self._views.values()

    @property
    def view(self) -> "View":
        """The view in sight."""
        return self._views[self._shown]

    # Filling

    async def fill(self) -> None:
        """Mount the desk view. Called once, after the first frame."""
        from console.screens.by_hand import HandActions
        from console.screens.desk_actions import DeskActions
        from console.screens.plan_desk import PlanDesk
        from console.screens.plan_edits import PlanEdits
        from console.screens.remedies import PlanRemedies

        plans = PlanDesk(self)
        self.actors = (
            plans,
            DeskActions(self),
            PlanRemedies(self, plans),
            HandActions(self, plans),
            PlanEdits(self, plans),
        )
        await self._mounted("desk")
        self._write_keys()

    async def _mounted(self, name: str) -> "View":
        from console.screens.views import VIEWS

        if name not in self._views:
            view = VIEWS[name](self._zone)
            await self.query_one("#body").mount(view)
            # Not before all of it is there: what the desk says meanwhile is shown in every view.
            self._views[name] = view
            view.lay_out(self.size.width < NARROW)
            view.focus_current()
            self.plans.show_in(view)
        return self._views[name]

    def show(self, seen: "Seen") -> None:
        """Show what the desk said."""
        if self._shown in self._views:
            self.view.show(seen)
            self.plans.take(seen)

    def age(self, seen: "Seen") -> None:
        """A second went by."""
        if self._shown in self._views:
            self.view.age(seen)

    def attached(self) -> None:
        """The desk answers, at first or again."""
        if self.actors is not None:
            self.plans.attached()

    # Moving about

    async def action_view(self, name: str) -> None:
        """Bring this view in sight."""
        view = await self._mounted(name)
        self._shown = name
        for other in self._views.values():
            other.display = other is view
        if (seen := self.deck.seen) is not None:
            view.show(seen)
        view.focus_current()

    def action_next_pane(self) -> None:
        """The next field of the pane, or the next pane."""
        self.view.step(1)

    def action_previous_pane(self) -> None:
        """The previous field of the pane, or the previous pane."""
        self.view.step(-1)

    def action_zoom(self) -> None:
        """The pane in focus fills the view, and back."""
        self.view.toggle_zoom()

    def action_back(self) -> None:
        """Out of the zoom, or from the ticket to the first pane, or close the open plan."""
        if self.view.zoomed:
            self.view.toggle_zoom()
        elif self.view.current.context == "guide":
            self.plans.open(None)
        elif self.view.current is not self.view.panes[0]:
            self.view.go(self.view.panes[0])

    def on_resize(self, event: events.Resize) -> None:
        """Another width may be another layout."""
        self.title_bar.set_class(event.size.width >= 140, "-one-row")
        for view in self._views.values():
            view.lay_out(event.size.width < NARROW)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The pane in focus decides which keys are shown."""
        if self._shown in self._views:
            self.view.noticed(event.widget)
            self._write_keys()

    def _write_keys(self) -> None:
        """The halt and the help, then what the pane hears, then what lists and every screen hear."""
        keymap = self.deck.keymap_table
        halt = keymap.binding("halt")
        pairs = [
            (" ".join(spoken(key) for key in halt.keys), halt.words),
            (
                spoken(keymap.binding("help.here" if self.deck.screen is self else "help").keys[0]),
                "help",
            ),
        ]
        contexts = list(self.deck.contexts())
        first = [keymap.binding(name) for c in contexts for name in FIRST.get(c, ())]
        heard = sorted(dict.fromkeys(contexts), key=lambda c: LATER.get(c, 0))
        for binding in dict.fromkeys((*first, *keymap.of(*heard))):
            if not self._does_something(binding.id):
                continue
            if binding.words and binding.keys and binding.action not in ("halt", "help"):
                pairs.append((spoken(binding.keys[0]), binding.words))
        self._key_bar.show(pairs)

    def _does_something(self, binding: str) -> bool:
        if binding in QUIET:
            return False
        return self.actors is None or all(actor.shown_in_bar(binding) for actor in self.actors[2:])

    def on_screen_resume(self) -> None:
        """A box was closed."""
        if self.actors is not None:
            self._write_keys()

    def refresh_keys(self) -> None:
        """The pane in focus hears other keys now."""
        self._write_keys()

    # What panes ask for

    @property
    def symbol(self) -> str | None:
        """The symbol selected in the pane in focus."""
        return getattr(self.view.current, "symbol", None)

    def pane(self, context: str) -> "Pane | None":
        """The pane with this context in the view in sight."""
        return next((pane for pane in self.view.panes if pane.context == context), None)

    def on_plans_pane_opened(self, event: "PlansPane.Opened") -> None:
        """A plan was opened, or the guide closed."""
        self.plans.open(event.plan_id)

    def on_ticket_pane_changed(self, event: "TicketPane.Changed") -> None:
        """Something was typed on the ticket."""
        if self.actors is not None:
            self.actors[1].ticket_changed(event.ticket)

    def on_ticket_pane_submitted(self, event: "TicketPane.Submitted") -> None:
        """The ticket is to become a plan."""
        if self.actors is not None:
            self.actors[1].ticket_submitted(event.ticket)
