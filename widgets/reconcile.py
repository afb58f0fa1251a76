"""Ours against the broker's: every mismatch with its explanation."""

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from widgets.pane import Pane
from widgets.seen import Seen
from widgets.table import Cell, Column, Field, LiveTable
from widgets.table.fields import age, qty

if TYPE_CHECKING:
    from db.model.reconciliation import Mismatch

COLUMNS = (
    Column("kind", "kind", 14),
    Column("subject", "subject", 10, flex=1),
    Column("ours", "ours", 9, align="right"),
    Column("broker", "broker", 9, align="right"),
    Column("difference", "diff", 9, align="right"),
    Column("explanation", "explanation", 20, flex=4, priority=1),
    Column("account", "account", 10, priority=2),
)


def cells(found: "Mismatch") -> tuple[Cell, ...]:
    """A mismatch as table cells."""
    ours, broker = found.ours, found.broker
    difference = None if ours is None or broker is None else broker - ours
    return (
        Field(str(found.kind).replace("_", " "), "warning"),
        found.subject,
        qty(found.ours),
        qty(found.broker),
        qty(difference),
        found.explanation,
        found.account,
    )


class ReconcilePane(Pane):
    """One row a mismatch; the title says when the two last agreed."""

    CONTEXT: ClassVar[str] = "reconcile"
    NAME: ClassVar[str] = "reconcile"

    def compose(self) -> ComposeResult:
        yield LiveTable(COLUMNS, empty="ours and the broker's agree", id=f"{self.id}-table")
        yield Static("", classes="detail", markup=False)

    def show(self, seen: Seen) -> None:
        snapshot = seen.snapshot
        self._rows = {found.key: found for found in snapshot.mismatches}
        table = self.query_one(LiveTable)
        table.update_rows({key: cells(found) for key, found in self._rows.items()})
        agreed = age(seen.age(snapshot.reconciled_at))
        if snapshot.reconciled_at is None:
            words = "not compared yet"
            table.empty = "not compared with the broker yet"
        else:
            words = f"last agreed {agreed} ago"
            table.empty = "ours and the broker's agree"
        count = len(self._rows)
        self.entitle(f"{count} open" if count else "clean", words, lost=seen.lost)
        self.write_detail()

    def detail(self) -> Text:
        return Text() if self.mismatch is None else Text(self.mismatch.explanation)

    @property
    def mismatch(self) -> "Mismatch | None":
        """The mismatch under the cursor."""
        key = self.query_one(LiveTable).cursor_key
        return None if key is None else self._rows.get(key)

    _rows: "dict[str, Mismatch]" = {}
