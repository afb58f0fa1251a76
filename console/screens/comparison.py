"""What differs between two plans, or two revisions of one."""

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from console.screens.box import Box
from db.model.comparison import Comparison
from widgets.comparison import words


class ComparisonScreen(Box[None]):
    """The desk's comparison, to be read."""

    CONTEXT: ClassVar[str] = "comparison"

    def __init__(self, found: Mapping[str, Any]) -> None:
        super().__init__()
        self._words = words(Comparison.model_validate(found))

    def compose(self) -> ComposeResult:
        with Vertical(classes="box help"):
            with VerticalScroll(id="comparison-scroll", can_focus=False):
                yield Static(self._words, markup=False)
            yield Static(self.key_words(), classes="box-keys", markup=False)

    def action_scroll(self, by: int) -> None:
        """Scroll what differs."""
        self.query_one("#comparison-scroll").scroll_relative(y=by, animate=False)
