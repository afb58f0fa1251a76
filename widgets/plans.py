"""Plans: the list, and the open one as a guide."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget

from widgets.document import text
from widgets.guide import Guide
from widgets.pane import Pane
from widgets.seen import Seen
from widgets.table import Cell, Column, Field, LiveTable
from widgets.table.fields import Tone

if TYPE_CHECKING:
    from db.model.snapshot import PlanRow

COLUMNS = (
    Column("plan", "plan", 12, flex=1),
    Column("state", "state", 12),
    Column("verdict", "verdict", 11),
    Column("progress", "done", 6, align="right"),
    Column("orders", "sells+buys", 10, align="right", priority=2),
    Column("created", "made", 5, priority=3),
    Column("mode", "mode", 5, priority=4),
    Column("source", "source", 16, flex=2, priority=1),
    Column("reason", "why", 16, flex=2, priority=5),
)
TONES: dict[str, Tone] = {"SAFE": "gain", "CONDITIONAL": "warning", "BLOCKED": "loss"}
STOPPED = ("paused", "halted", "escalated")


def _tone(row: "PlanRow") -> Tone:
    if row.state.ended:
        return "muted"
    return "warning" if row.state in STOPPED else ""


def cells(row: "PlanRow", zone: ZoneInfo) -> tuple[Cell, ...]:
    """A plan as table cells, its time in `zone`."""
    state = str(row.state).replace("_", " ")
    return (
        row.plan_id,
        Field(state, _tone(row)),
        Field("EXCEPTED", "warning") if row.excepted else Field(row.verdict, TONES[row.verdict]),
        f"{row.steps_done}/{row.steps}",
        f"{row.sells}+{row.buys}",
        f"{row.created_at.astimezone(zone):%H:%M}",
        str(row.mode or ""),
        row.source,
        row.reason,
    )


def ordered(plans: "Mapping[str, PlanRow]") -> list[str]:
    """Working plans, then those to be approved, then the ended; the newest first in each."""
    newest = sorted(plans, key=lambda key: plans[key].created_at, reverse=True)
    return sorted(newest, key=lambda key: (plans[key].state.ended, not plans[key].state.working))


class PlansPane(Pane):
    """The list of plans; Enter opens one as a guide in its place."""

    NAME: ClassVar[str] = "plan"
    DEFAULT_CSS = """
    PlansPane > Guide { display: none; }
    PlansPane.-open > Guide { display: block; }
    PlansPane.-open > .plans-table { display: none; }
    """

    class Opened(Message):
        """The trader opened this plan; None: closed the guide."""

        def __init__(self, plan_id: str | None) -> None:
            super().__init__()
            self.plan_id = plan_id

    def __init__(self, name: str, *, zone: str) -> None:
        super().__init__(name)
        self._zone = ZoneInfo(zone)
        self._lost = False

    def compose(self) -> ComposeResult:
        yield LiveTable(
            COLUMNS,
            empty="no plans: drop a file into the inbox, or press b or s for a ticket",
            id=f"{self.id}-table",
            classes="plans-table",
        )
        yield Guide(f"{self.id}-guide")

    @property
    def context(self) -> str:
        return "guide" if self.has_class("-open") else "plans"

    @property
    def guide(self) -> Guide:
        """The guide of the open plan."""
        return self.query_one(Guide)

    @property
    def listed(self) -> str | None:
        """The id of the plan under the cursor of the list."""
        return self.query_one(".plans-table", LiveTable).cursor_key

    def fields(self) -> list[Widget]:
        if not self.has_class("-open"):
            return [self.query_one(".plans-table")]
        return self.guide.fields()

    @property
    def symbol(self) -> str | None:
        """The symbol of the step under the cursor."""
        step = self.guide.step if self.has_class("-open") else None
        return None if step is None else text(step, "symbol")

    def show(self, seen: Seen) -> None:
        plans = seen.snapshot.plans
        self.tick(seen)
        if not self.news(plans, seen.lost):
            return
        self._lost = seen.lost
        table = self.query_one(".plans-table", LiveTable)
        rows = {key: cells(row, self._zone) for key, row in plans.items()}
        table.update_rows(rows, ordered(plans))
        working = sum(1 for row in plans.values() if row.state.working)
        waiting = sum(1 for row in plans.values() if not row.state.ended) - working
        self.entitle(
            f"{working} working" if working else "",
            f"{waiting} waiting" if waiting else "",
            lost=seen.lost,
        )

    def tick(self, seen: Seen) -> None:
        """A second went by."""
        self.guide.tick(seen.now)

    def show_document(self, document: dict[str, Any] | None) -> None:
        """Show this plan as a guide, or the list again."""
        had_focus = self.has_focus_within
        self.set_class(document is not None, "-open")
        if document is not None:
            self.guide.show_document(document)
        if had_focus:
            self.fields()[0].focus()

    def on_live_table_selected(self, event: LiveTable.Selected) -> None:
        """Enter on a plan opens it."""
        event.stop()
        if event.table.has_class("plans-table"):
            self.post_message(self.Opened(event.key))
        else:
            self.guide.action_detail()

    def action_close_plan(self) -> None:
        """Back to the list."""
        self.post_message(self.Opened(None))

    def action_guide_next(self) -> None:
        """One step on."""
        self.guide.action_guide_next()

    def action_guide_previous(self) -> None:
        """One step back."""
        self.guide.action_guide_previous()

    def action_detail(self) -> None:
        """Only what stands behind the plan, and back."""
        self.guide.action_detail()
