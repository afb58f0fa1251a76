"""A gate before anything that sends: a word on the screen must be typed, and not before it was read.

Type-ahead that a stalled line lets go in one burst must not trade: what is typed or pasted before the box has
been on screen 400 ms is discarded (spec 8)."""

from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from console.screens.box import Box
from console.screens.plan_desk import steps_left, steps_unsent, worth
from widgets.document import number, terms, text
from widgets.table.fields import money, price, qty

SETTLE = 0.4
"""Seconds that the box must have been on screen before it hears anything."""
LOOK = 0.05
"""Seconds between two looks at whether the terminal has taken the box."""
ALWAYS = frozenset({"close"})
"""Actions heard at once: the safe direction never waits."""


class Gate(Box[str]):
    """Shows `body` and asks for `word`. Its result is the word, or None when it was left."""

    CONTEXT: ClassVar[str] = "gate"

    def __init__(self, word: str, what: str, body: Text) -> None:
        super().__init__()
        self.word = word
        self._what = what
        self._body = body
        self._typed = ""
        self._said = ""
        self._shown_at: float | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="box gate"):
            with VerticalScroll(id="gate-scroll", can_focus=False):
                yield Static(self._body, id="gate-body", markup=False)
            yield Static("", id="gate-line", markup=False)

    def on_mount(self) -> None:
        """The time on screen counts from the first frame with the box on it."""
        self._write()
        self.call_after_refresh(self._painted)

    def on_screen_suspend(self) -> None:
        """Something lies over it: it must be looked at anew."""
        self._shown_at, self._typed = None, ""

    def on_screen_resume(self) -> None:
        """In sight (again)."""
        super().on_screen_resume()
        if self.is_mounted:
            self.call_after_refresh(self._painted)

    def _painted(self) -> None:
        """Painted here. That the terminal has it too takes two answers: one to what was sent before, and one
        to what was held back until then, which is the box."""
        self._await_terminal(self.deck.clock.monotonic(), answers=2)

    def _await_terminal(self, since: float, answers: int) -> None:
        now, line = self.deck.clock.monotonic(), self.deck.line
        if not self.is_current or self._shown_at is not None:
            return
        if line is None or (answers == 0 and not _owes(line.waiting, now, since)):
            self._shown_at = now
        elif _owes(line.waiting, now, since):
            self.set_timer(LOOK, lambda: self._await_terminal(since, answers))
        else:
            self.set_timer(LOOK, lambda: self._await_terminal(now, answers - 1))

    @property
    def listening(self) -> bool:
        """Whether the box has been on screen long enough to hear anything."""
        since = self._shown_at
        return since is not None and self.deck.clock.monotonic() - since >= SETTLE

    def accepts(self, action: str) -> bool:
        """Asked before an action of this box is run."""
        return action in ALWAYS or self.listening

    def on_key(self, event: events.Key) -> None:
        """What is typed."""
        event.stop()
        event.prevent_default()
        if self.listening and event.character is not None and event.is_printable:
            self._type(event.character)

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted, when it is one word."""
        event.stop()
        if self.listening:
            self._type("".join(event.text.split()))

    def _type(self, characters: str) -> None:
        self._typed = (self._typed + characters)[:32]
        self._said = ""
        self._write()

    def action_rub(self) -> None:
        """Take the last character back."""
        self._typed = self._typed[:-1]
        self._write()

    def action_submit(self) -> None:
        """The word, or again from the start."""
        if self._typed.casefold() == self.word.casefold():
            self.passed()
            return
        self._said = f"that was not {self.word}; nothing was sent" if self._typed else ""
        self._typed = ""
        self._write()

    def passed(self) -> None:
        """The word was typed."""
        self.dismiss(self.word)

    def action_scroll(self, by: int) -> None:
        """Scroll what stands above the line."""
        self.query_one("#gate-scroll").scroll_relative(y=by * 4, animate=False)

    def above(self) -> Text:
        """What stands between the body and the line to type on."""
        return Text()

    def _write(self) -> None:
        line = self.above()
        line.append_text(self.line())
        line.append("\nEnter submits   Esc leaves   ↓↑ scrolls", "dim")
        self.query_one("#gate-line", Static).update(line)

    def line(self) -> Text:
        """What is asked, and what was typed so far."""
        line = Text("type ")
        line.append(self.word, "bold reverse")
        line.append(f" to {self._what}: ")
        line.append(f"{self._typed}▏", "bold")
        if self._said:
            line.append(f"  {self._said}", "bold")
        return line


def _owes(waiting: float, now: float, since: float) -> bool:
    """Whether the terminal has not yet answered something sent before `since`; `waiting` is how long it has
    owed its oldest answer, 0 when it owes none."""
    return waiting > 0 and now - waiting <= since


def next_orders(document: dict[str, Any], what: str) -> tuple[str, Text]:
    """The word to type and what will then be sent. No word when nothing is left to send.

    The word of a step is its quantity, of a phase the number of its orders."""
    left = steps_left(document) if what == "continue" else steps_unsent(document)
    if what == "continue":
        return "CONTINUE", _going_on(document, left)
    if not left:
        return "", Text("Every order of this plan has been sent.")
    mode = text(document, "mode")
    first = left[0]
    phase = [step for step in left if text(step, "phase") == text(first, "phase")]
    body = _heading(document)
    if mode == "phase":
        body.append(f"The {text(first, 'phase')} phase: {len(phase)} orders, {money(worth(phase))}.\n")  # fmt: skip
        steps, word = phase, f"{len(phase)}"
    else:
        steps, word = [first], qty(number(first.get("qty"))).replace(",", "")
    for step in steps:
        body.append("\n")
        body.append_text(_order(step))
    return word, body


def _heading(document: dict[str, Any]) -> Text:
    body = Text()
    body.append(f"plan {text(document, 'plan_id')}", "bold")
    body.append(f", {text(document, 'mode') or 'no'} mode\n\n")
    return body


def _going_on(document: dict[str, Any], left: list[dict[str, Any]]) -> Text:
    body = _heading(document)
    how = {
        "step": "each order still waits for you",
        "phase": "a phase you let go already goes on; the next waits for you",
        "auto": "they are sent without asking again",
    }
    body.append(f"{len(left)} steps have not ended; {how.get(text(document, 'mode'), '')}.\n")
    for step in left:
        body.append("\n")
        body.append_text(_order(step))
    return body


def _order(step: dict[str, Any]) -> Text:
    line = Text(f"{text(step, 'n'):>3}  ")
    line.append(f"{text(step, 'side').upper():<4} {qty(number(step.get('qty')))} {text(step, 'symbol')}", "bold")  # fmt: skip
    line.append(f"  {terms(step)}, expected {price(number(step.get('expected_price')))}")
    line.append(f" = {money(number(step.get('expected_value')))}")
    return line
