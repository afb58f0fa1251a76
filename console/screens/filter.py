"""The line in which the words of a filter are typed."""

from typing import TYPE_CHECKING, ClassVar

from textual.widgets import Input

if TYPE_CHECKING:
    from textual.events import Blur

    from widgets.table import LiveTable


class FilterField(Input):
    """Filters its table as it is typed; goes away when it loses the focus."""

    CONTEXT: ClassVar[str] = "filter"

    def __init__(self, table: "LiveTable") -> None:
        super().__init__(
            table.filter_text,
            placeholder="filter: rows with these words",
            id="filter",
            classes="-free-text",
            compact=True,
        )
        self._table = table

    def on_mount(self) -> None:
        """Ready to type."""
        self.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what matches so far."""
        event.stop()
        self._table.set_filter(self.value)

    def on_blur(self, _event: "Blur") -> None:
        """Done."""
        self.remove()

    def action_keep(self) -> None:
        """Keep the filter and go back to the table."""
        self._table.focus()

    def action_clear(self) -> None:
        """All rows again."""
        self._table.set_filter("")
        self._table.focus()
