"""What filled of a ticket, typed: quantity, price, fee, time, confirmation number."""

from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from console.screens.box import Box
from widgets.document import text

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = (
    ("qty", "quantity", ""),
    ("price", "price", "of a share, such as 41.25"),
    ("fee", "fee", "none"),
    ("at", "time", "now, else such as 14:32 or 2026-01-05T14:32"),
    ("confirmation", "number", "of the confirmation, if there is one"),
)
SURE = "YES"


class FillEntry(Box[bool]):
    """Books nothing until the desk takes it: a refusal stands in the box, a doubt asks for a typed
    YES. Its result is True once something was booked."""

    CONTEXT: ClassVar[str] = "fill"
    DEFAULT_CSS = """
    FillEntry .row { height: 1; }
    FillEntry .row > Static { width: 12; }
    FillEntry .row > Input { width: 1fr; }
    FillEntry #sure-row { display: none; }
    FillEntry.-asked #sure-row { display: block; }
    """

    def __init__(self, ticket: "Mapping[str, Any]") -> None:
        super().__init__()
        self._ticket = ticket
        self._asked: dict[str, str] | None = None
        """What was typed when the desk asked whether it is so."""
        self._busy = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="box prompt"):
            yield Static("What filled?", classes="box-title", markup=False)
            yield Static(text(self._ticket, "line"), markup=False)
            for name, label, hint in FIELDS:
                with Horizontal(classes="row"):
                    yield Static(label, markup=False)
                    value = text(self._ticket, "left") if name == "qty" else ""
                    yield Input(value, placeholder=hint, id=f"fill-{name}", compact=True)
            yield Static("", id="wrong", markup=False)
            with Horizontal(classes="row", id="sure-row"):
                yield Static(f"type {SURE}", markup=False)
                yield Input("", id="fill-sure", compact=True)
            yield Static(self.key_words(), classes="box-keys", markup=False)

    def on_mount(self) -> None:
        """The quantity stands there already: the price is what is missing."""
        self.query_one("#fill-price", Input).focus()

    @property
    def typed(self) -> dict[str, str]:
        return {name: self.query_one(f"#fill-{name}", Input).value.strip() for name, _, _ in FIELDS}

    def action_book(self) -> None:
        """Hand it to the desk."""
        if self._busy:
            return
        typed = self.typed
        sure = self._asked is not None
        if sure and self._asked != typed:
            self._answered_otherwise()
            sure = False
        elif sure and self.query_one("#fill-sure", Input).value.strip() != SURE:
            self.query_one("#fill-sure", Input).focus()
            return
        plan_id, n = text(self._ticket, "plan_id"), int(text(self._ticket, "step"))
        self._busy = True
        self.deck.ask(
            lambda desk: desk.fill(plan_id, n, sure, **typed),
            lambda answer: self._took(answer, typed),
            self._refused,
        )

    def _took(self, answer: dict[str, Any], typed: dict[str, str]) -> None:
        self._busy = False
        if not self.is_attached:
            return
        if question := text(answer, "asked"):
            self._asked = typed
            self.query_one("#wrong", Static).update(question)
            self.add_class("-asked")
            sure = self.query_one("#fill-sure", Input)
            sure.value = ""
            sure.focus()
        else:
            self.dismiss(True)

    def _refused(self, sentence: str) -> None:
        self._busy = False
        if self.is_attached:
            self._answered_otherwise()
            self.query_one("#wrong", Static).update(sentence)

    def _answered_otherwise(self) -> None:
        """Something else is typed than was asked about."""
        self._asked = None
        self.remove_class("-asked")
        self.query_one("#fill-sure", Input).value = ""
        self.query_one("#wrong", Static).update("")

    def action_field(self, by: int) -> None:
        """The next field, or the one before."""
        inputs = [field for field in self.query(Input) if field.display and field.parent.display]  # type: ignore[union-attr]
        here = next((i for i, field in enumerate(inputs) if field.has_focus), 0)
        inputs[(here + by) % len(inputs)].focus()
