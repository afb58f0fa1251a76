"""One question with a typed answer."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from console.screens.box import Box


def something(answer: str) -> str:
    """What is wrong with an answer that may be any words: nothing but its being empty."""
    return "" if answer.strip() else "something must be typed; Esc leaves everything as it is"


def positive_number(answer: str) -> str:
    """What is wrong with an answer that must be a number above zero."""
    try:
        number = Decimal(answer.strip())
    except InvalidOperation:
        return "a number is expected, such as 120 or 0.5"
    return "" if number.is_finite() and number > 0 else "a number above zero is expected"


class Prompt(Box[str]):
    """Its result is the answer, stripped; None when it was left. `check` says what is wrong with one;
    `proposed` stands there already, and goes when something is typed."""

    CONTEXT: ClassVar[str] = "prompt"

    def __init__(
        self,
        title: str,
        question: str,
        check: Callable[[str], str] = something,
        proposed: str = "",
    ) -> None:
        super().__init__()
        self._proposed = proposed
        self._title = title
        self._question = question
        self._check = check

    def compose(self) -> ComposeResult:
        free = self._check is something
        with Vertical(classes="box prompt"):
            yield Static(self._title, classes="box-title", markup=False)
            yield Static(self._question, markup=False)
            yield Input(
                self._proposed,
                placeholder="type here",
                id="answer",
                classes="-free-text" if free else "",
                compact=True,
            )
            yield Static("", id="wrong", markup=False)
            yield Static(self.key_words(), classes="box-keys", markup=False)

    def on_mount(self) -> None:
        """Ready to type."""
        self.query_one(Input).focus()

    def action_answer(self) -> None:
        """Give the answer, or say what is wrong with it."""
        answer = self.query_one(Input).value
        if wrong := self._check(answer):
            self.query_one("#wrong", Static).update(wrong)
        else:
            self.dismiss(answer.strip())
