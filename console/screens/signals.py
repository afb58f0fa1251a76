"""Signals, the newest first: how far each came, its plan, and what it earned (spec 2.D)."""

from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from console.screens.box import Box
from widgets.document import text
from widgets.signals import COLUMNS, cells, key, told
from widgets.table import LiveTable

if TYPE_CHECKING:
    from widgets.seen import Seen


class SignalsScreen(Box[str]):
    """Its result is the id of the plan to open."""

    CONTEXT: ClassVar[str] = "signals"

    def __init__(self) -> None:
        super().__init__()
        self._signals: dict[str, dict[str, Any]] = {}
        self._facts: object = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="box signals"):
            yield Static("Signals", classes="box-title", markup=False)
            yield LiveTable(COLUMNS, empty="asking the desk…", id="signals-table")
            yield Static("", id="signals-detail", markup=False)
            yield Static(self.key_words(), classes="box-keys", markup=False)

    def on_mount(self) -> None:
        """Fetch them."""
        self.query_one(LiveTable).can_focus = False
        if (seen := self.deck.seen) is not None:
            self.show(seen)

    def show(self, seen: "Seen") -> None:
        """Fetch them again when a plan or an order of them may have gone on."""
        snapshot = seen.snapshot
        facts = (snapshot.plans, snapshot.orders, snapshot.inbox_refused)
        if facts != self._facts:
            self._facts = facts
            self.deck.ask(lambda desk: desk.signals(), self._tell)

    def _tell(self, signals: list[dict[str, Any]]) -> None:
        if not self.is_mounted:
            return
        first = not self._signals
        self._signals = {key(signal): signal for signal in signals}
        table, zone = self.query_one(LiveTable), ZoneInfo(self.deck.settings.zone)
        table.empty = "no signal was heard"
        shown = {name: cells(signal, zone) for name, signal in self._signals.items()}
        table.update_rows(shown, list(shown))
        if first and shown:
            table.move_cursor(next(iter(shown)))
        self.on_live_table_highlighted()

    @property
    def _signal(self) -> dict[str, Any]:
        """The one under the cursor; empty when there is none."""
        return self._signals.get(self.query_one(LiveTable).cursor_key or "", {})

    def on_live_table_highlighted(self) -> None:
        """Another signal: its whole way."""
        way = told(self._signal, ZoneInfo(self.deck.settings.zone))
        self.query_one("#signals-detail", Static).update(way)

    def action_down(self) -> None:
        """An older one."""
        self.query_one(LiveTable).action_cursor_down()

    def action_up(self) -> None:
        """A newer one."""
        self.query_one(LiveTable).action_cursor_up()

    def on_live_table_selected(self, event: LiveTable.Selected) -> None:
        """Chosen with the mouse."""
        event.stop()
        self.action_open()

    def action_open(self) -> None:
        """The plan that was made of it."""
        if plan_id := text(self._signal, "plan_id"):
            self.dismiss(plan_id)
        elif self._signal:
            self.deck.say("No plan was made of this signal.")
