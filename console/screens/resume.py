"""The resume screen: a plan was interrupted. What was being done, what happened meanwhile, what is next."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from console.screens.box import Box
from console.screens.plan_desk import steps_left
from widgets.document import moment, number, rows, text
from widgets.guide import step_state
from widgets.table.fields import price, qty

if TYPE_CHECKING:
    from console.screens.plan_desk import PlanDesk
    from widgets.seen import Seen

LATEST = 10
"""Events shown of what happened."""


def told(document: dict[str, Any], events: Iterable[dict[str, Any]], zone: ZoneInfo) -> Text:
    """The interrupted plan's story."""
    whole = Text()
    whole.append(f" {text(document, 'state').upper()} ", "bold reverse")
    whole.append(f" plan {text(document, 'plan_id')}", "bold")
    whole.append(f", {text(document, 'mode')} mode, was {text(document, 'paused_from') or 'working'}")  # fmt: skip
    if reason := text(document, "reason"):
        whole.append(f"\n{reason}")
    whole.append("\n\nWhat was being done\n", "bold underline")
    for step in rows(document, "steps"):
        filled = number(step.get("filled_qty"))
        whole.append(f"{text(step, 'n'):>3} {text(step, 'side').upper():<4} {qty(number(step.get('qty'))):>6} ")  # fmt: skip
        whole.append(f"{text(step, 'symbol'):<6} ", "bold")
        whole.append(step_state(step).text)
        if filled:
            whole.append(f", {qty(filled)} filled at {price(number(step.get('filled_avg_price')))}")
        whole.append("\n")
    whole.append("\nWhat happened, the latest first\n", "bold underline")
    for event in list(events)[-LATEST:][::-1]:
        at = moment(event.get("at"))
        time = "" if at is None else f"{at.astimezone(zone):%H:%M:%S} "
        subject = " ".join(filter(None, (text(event, "symbol"), text(event, "client_order_id"))))
        whole.append(f"{time}{text(event, 'kind')} {subject}\n")
    whole.right_crop(1)
    return whole


def next_words(document: dict[str, Any]) -> Text:
    """What would be done next. Always in sight."""
    left = steps_left(document)
    whole = Text("What is next: ", "bold")
    if left:
        step = left[0]
        what = f"{text(step, 'side').upper()} {qty(number(step.get('qty')))} {text(step, 'symbol')}"
        whole.append(
            f"{len(left)} steps are left, from step {text(step, 'n')}: {what}.", "not bold"
        )
    else:
        whole.append("every step has ended; continuing ends the plan.", "not bold")
    whole.append(" Nothing is sent until you say so.", "not bold")
    return whole


class ResumeScreen(Box[None]):
    """Shown once for a plan when the console attaches."""

    CONTEXT: ClassVar[str] = "resume"

    def __init__(self, plan_id: str, plans: "PlanDesk") -> None:
        super().__init__()
        self._plan_id = plan_id
        self._plans = plans
        self._seen_row: object = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="box resume"):
            yield Static("A plan was interrupted", classes="box-title", markup=False)
            with VerticalScroll(id="resume-scroll", can_focus=False):
                yield Static("asking the desk…", id="resume-words", markup=False)
            yield Static("", id="resume-next", markup=False)
            yield Static(self.key_words(), classes="box-keys", markup=False)

    def on_mount(self) -> None:
        """Fetch the story."""
        if (seen := self.deck.seen) is not None:
            self.show(seen)

    def show(self, seen: "Seen") -> None:
        """Fetch it again when the plan changed meanwhile."""
        row = seen.snapshot.plans.get(self._plan_id)
        if row == self._seen_row:
            return
        self._seen_row = row

        async def story(desk: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
            return await desk.plan(self._plan_id), await desk.events(plan=self._plan_id)

        self.deck.ask(story, self._tell)

    def _tell(self, story: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
        if self.is_mounted:
            words = told(*story, ZoneInfo(self.deck.settings.zone))
            self.query_one("#resume-words", Static).update(words)
            self.query_one("#resume-next", Static).update(next_words(story[0]))

    def action_scroll(self, by: int) -> None:
        """Scroll the story."""
        self.query_one("#resume-scroll").scroll_relative(y=by, animate=False)

    def action_continue_plan(self) -> None:
        """Go on, through the typed check."""
        self.dismiss(None)
        self._plans.action_continue_plan()

    def action_abort(self) -> None:
        """End the plan here."""
        self.dismiss(None)
        self._plans.action_abort()
