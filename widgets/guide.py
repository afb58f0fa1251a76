"""The open plan as a guide: its steps with what was expected and what came (spec 8, screen 3)."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Static

from widgets.by_hand import is_open, ticket_of, words_of
from widgets.document import number, rows, text
from widgets.escalation import countdown, granted, open_escalation
from widgets.plan_detail import VERDICT_STYLES, detail
from widgets.table import Cell, Column, Field, LiveTable
from widgets.table.fields import money, price, qty, signed_percent

COLUMNS = (
    Column("n", "#", 2, align="right"),
    Column("side", "side", 4),
    Column("symbol", "symbol", 6),
    Column("qty", "qty", 6, align="right"),
    Column("state", "state", 13),
    Column("expected", "expected", 9, align="right"),
    Column("actual", "actual", 9, align="right", priority=1),
    Column("cash", "cash after", 11, align="right", priority=2),
    Column("proceeds", "proceeds", 12, align="right", priority=3),
    Column("difference", "differs", 9, align="right", priority=4),
    Column("filled", "filled", 7, align="right", priority=5),
    Column("limit", "limit", 9, align="right", priority=6),
    Column("type", "type", 6, priority=7),
    Column("reason", "why", 12, flex=1, priority=8),
)
GLYPHS = {
    "filled": "✓", "intent": "▶", "sent": "▶", "acknowledged": "▶", "partially_filled": "▶",
    "pending_cancel": "▶", "unknown": "?", "rejected": "×", "given_up": "×", "canceled": "×",
    "expired": "×", "held": "!", "suspended": "!",
}  # fmt: skip
ENDED = frozenset({"filled", "given_up", "canceled", "replaced", "expired", "rejected"})
OVER = frozenset({"filled", "short", "given_up"})
WARN = frozenset({"unknown", "rejected", "expired", "given_up", "held", "suspended"})


def over(step: Mapping[str, Any]) -> bool:
    """Nothing of the step is to come. A cancelled order may leave a rest that is sent again."""
    stage = text(step, "stage")
    return stage in OVER if stage else text(step, "state") in ENDED


def step_state(step: Mapping[str, Any]) -> Field:
    """The step's state with its glyph; a step that was not begun is `planned`."""
    state = text(step, "state") or "planned"
    if text(step, "stage") == "again":
        return Field(f"↻ again, was {state.replace('_', ' ')}", "warning")
    words = f"{GLYPHS.get(state, '·')} {state.replace('_', ' ')}"
    if state in WARN:
        return Field(words, "warning")
    return Field(words, "muted" if state == "planned" else "")


def cells(step: Mapping[str, Any]) -> tuple[Cell, ...]:
    """A step as table cells. Proceeds are what filled, else what is expected; a buy's are negative."""
    expected, actual = number(step.get("expected_price")), number(step.get("filled_avg_price"))
    filled = number(step.get("filled_qty"))
    differs = actual / expected - 1 if actual is not None and expected else None
    worth = number(step.get("expected_value"))
    if actual is not None and filled:
        worth = actual * filled
    elif worth is None and expected is not None and (size := number(step.get("qty"))):
        worth = expected * size
    sign = Decimal(-1) if text(step, "side") == "buy" else Decimal(1)
    return (
        text(step, "n"),
        text(step, "side").upper(),
        text(step, "symbol"),
        qty(number(step.get("qty"))),
        step_state(step),
        price(expected),
        price(actual),
        money(number(step.get("expected_cash_after"))),
        money(None if worth is None else sign * worth),
        signed_percent(differs) if differs is not None else "",
        qty(filled) if filled else "",
        price(number(step.get("limit_price"))) if step.get("limit_price") is not None else "",
        text(step, "type"),
        text(step, "reason"),
    )


def hint(document: Mapping[str, Any]) -> str:
    """What the trader can do next, in words; the keys are in the key bar."""
    state, mode = text(document, "state") or "checked", text(document, "mode")
    if state in ("draft", "checked"):
        if text(document, "verdict") == "BLOCKED":
            if granted(document):
                return "blocked but for an exception: approve it, change steps, or reject it"
            return "blocked: drop or resize steps, escalate or reject it"
        return "approve it, change steps, or reject it"
    if state == "approved":
        return "approved, not started: run it"
    if state in ("selling", "settling", "buying", "protecting") and any(
        is_open(ticket) for ticket in rows(document, "tickets")
    ):
        return "place the ticket at your broker, then type what became of it"
    if state in ("selling", "settling", "buying", "protecting"):
        return {
            "step": "each step waits for you: run next",
            "phase": "each phase waits for you: run next",
        }.get(mode, "runs through by itself; pause or halt stops it")
    if state == "paused" and (offers := _offers(document)):
        return offers
    if state == "escalated":
        return "grant or refuse it, change steps, or reject it"
    if state in ("paused", "halted"):
        return "nothing more is sent until it continues; or abort it"
    return _after(document)


def _after(document: Mapping[str, Any]) -> str:
    """Of a plan that has ended: what it left, and what may be done about it."""
    found = document.get("post_trade")
    if not isinstance(found, Mapping):
        return ""
    if offer := text(found, "offer"):
        words = {"trim": "trim it", "rollback": "roll it back"}
        return f"a limit does not hold: {words.get(offer, offer)}"
    judgement = text(found, "judgement")
    return "" if judgement in ("", "acceptable") else f"off its projection: {judgement}"


OFFERS = {
    "continue": "continue", "reprice": "re-price", "resubmit": "resubmit", "cancel-rest": "cancel the rest",
    "resend": "resend the unknown", "give-up": "give the unknown up", "abort": "abort",
}  # fmt: skip


def _offers(document: Mapping[str, Any]) -> str:
    """What the desk says makes sense, when that is more than going on or ending."""
    offers = document.get("offers")
    known = [OFFERS[o] for o in offers if o in OFFERS] if isinstance(offers, list) else []
    return "" if set(known) <= {"continue", "abort"} else f"you may {_listed(known)}"


def _listed(words: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def headline(document: Mapping[str, Any], now: datetime | None = None) -> Text:
    """Which plan, its verdict, where it stands, for whom it waits until when, and what can be done."""
    verdict, state = text(document, "verdict"), text(document, "state") or "checked"
    line = Text()
    line.append(text(document, "plan_id"), "bold")
    line.append(f" r{text(document, 'revision') or '1'} ")
    line.append(verdict, VERDICT_STYLES.get(verdict, ""))
    line.append(f" {state.replace('_', ' ')}", "bold")
    if mode := text(document, "mode"):
        line.append(f" · {mode} mode")
    progress = document.get("progress")
    if isinstance(progress, dict):
        line.append(f" · {progress.get('done')} of {progress.get('of')} done")
    if (asked := open_escalation(document)) is not None:
        line.append(f" · {countdown(asked, now)}", "bold yellow")
    line.append("\n")
    reason = text(document, "reason")
    said = ": ".join(part for part in (reason, hint(document)) if part)
    line.append(said, "italic")
    return line


class Guide(Vertical):
    """One plan. Give it the desk's plan document; it keeps the step under the cursor."""

    DEFAULT_CSS = """
    Guide {
        height: 1fr;
        & > #guide-head { height: auto; min-height: 2; max-height: 5; }
        & > #guide-steps { height: auto; min-height: 4; max-height: 60%; }
        & > #guide-detail { height: 1fr; min-height: 3; border-top: dashed $border-blurred; }
        &.-detail > #guide-steps { display: none; }
        &.-detail > #guide-detail { border-top: none; }
    }
    """

    def __init__(self, name: str = "guide") -> None:
        super().__init__(id=name)
        self.document: dict[str, Any] = {}
        self._now: datetime | None = None

    def compose(self) -> ComposeResult:
        yield Static("", id="guide-head", markup=False)
        yield LiveTable(COLUMNS, empty="no steps", id="guide-steps")
        with VerticalScroll(id="guide-detail"):
            yield Static("", id="guide-words", markup=False)

    def show_document(self, document: dict[str, Any]) -> None:
        """Show this plan as it now is."""
        was = self.step is not None and over(self.step)
        same_plan = text(document, "plan_id") == text(self.document, "plan_id")
        self.document = document
        self.query_one("#guide-head", Static).update(headline(document, self._now))
        table = self.query_one("#guide-steps", LiveTable)
        steps = rows(document, "steps")
        table.update_rows({text(step, "n"): cells(step) for step in steps})
        table.styles.height = max(4, len(steps) + 1)
        # A step that ended under the cursor gives way to the next one, unless it was chosen afterwards.
        ended = not was and self.step is not None and over(self.step)
        if steps and (table.cursor_key is None or not same_plan or ended):
            table.move_cursor(self._first_open(steps))
        self._write_detail()

    def tick(self, now: datetime) -> None:
        """The desk's time went on: a deadline is counted down."""
        self._now = now
        if open_escalation(self.document) is not None:
            self.query_one("#guide-head", Static).update(headline(self.document, now))

    def _first_open(self, steps: list[dict[str, Any]]) -> str:
        waiting = (step for step in steps if not over(step))
        return text(next(waiting, steps[0]), "n")

    def on_resize(self, event: Resize) -> None:
        """Bars are as wide as there is room."""
        if self.document:
            self._write_detail()

    def _write_detail(self) -> None:
        width = max(30, self.size.width - 2)
        words = detail(self.document, width)
        if (ticket := ticket_of(self.document, self.step)) is not None:
            words = Text.assemble(words_of(ticket), "\n", words)
        self.query_one("#guide-words", Static).update(words)

    def on_live_table_highlighted(self) -> None:
        """Another step, another ticket."""
        if rows(self.document, "tickets"):
            self._write_detail()

    @property
    def step(self) -> dict[str, Any] | None:
        """The step under the cursor."""
        key = self.query_one("#guide-steps", LiveTable).cursor_key
        steps = rows(self.document, "steps")
        return next((step for step in steps if text(step, "n") == key), None)

    def fields(self) -> list[Widget]:
        """What Tab goes through: the steps, then what stands behind the plan."""
        detail_only = self.has_class("-detail")
        steps: list[Widget] = [] if detail_only else [self.query_one("#guide-steps")]
        return [*steps, self.query_one("#guide-detail")]

    def action_guide_next(self) -> None:
        """One step on."""
        self.query_one("#guide-steps", LiveTable).action_cursor_down()

    def action_guide_previous(self) -> None:
        """One step back."""
        self.query_one("#guide-steps", LiveTable).action_cursor_up()

    def action_detail(self) -> None:
        """Only what stands behind the plan, and back."""
        self.toggle_class("-detail")
        to = "#guide-detail" if self.has_class("-detail") else "#guide-steps"
        self.query_one(to).focus()
