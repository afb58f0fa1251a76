"""Ours against the broker's: every mismatch with its explanation."""

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from widgets.pane import Pane
from widgets.seen import Seen
from widgets.table import Cell, Column, Field, LiveTable
from widgets.table.fields import Tone, age, money, price, qty

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from decimal import Decimal

    from db.model.reconciliation import Mismatch

COLUMNS = (
    Column("kind", "kind", 14),
    Column("subject", "subject", 10, flex=1),
    Column("ours", "ours", 11, align="right"),
    Column("broker", "broker", 11, align="right"),
    Column("difference", "diff", 9, align="right"),
    Column("since", "since", 5, align="right", priority=2),
    Column("signed", "signed", 12, priority=1),
    Column("explanation", "explanation", 20, flex=4, priority=1),
    Column("account", "account", 10, priority=3),
)

MONEY = ("cash", "equity")


def cells(found: "Mismatch", since: "timedelta | None" = None) -> tuple[Cell, ...]:
    """A mismatch as table cells: ours, the broker's, and what explains it."""
    ours, broker = found.ours, found.broker
    difference = None if ours is None or broker is None else broker - ours
    figure = _figure(found)
    tone: Tone = "loss" if found.critical else "warning"
    return (
        Field(str(found.kind).replace("_", " "), tone),
        found.subject,
        figure(ours),
        figure(broker),
        figure(difference),
        age(since),
        Field("investigated", "muted") if found.note else "not signed",
        found.explanation,
        found.account,
    )


def _figure(found: "Mismatch") -> "Callable[[Decimal | None], str]":
    if found.kind in MONEY:
        return money
    return price if found.kind == "average_price" else qty


def about(found: "Mismatch") -> Text:
    """All of a mismatch, and what may be signed of it."""
    from db.model.reconciliation import ACTIONS

    words = Text(found.explanation)
    if found.note:
        words.append(f" Investigated by {found.note}.", "bold")
    choices = ", ".join(ACTIONS[found.kind])
    words.append(f" May be signed: {choices}.", "dim")
    return words


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
        table.update_rows(
            {key: cells(found, seen.age(found.found_at)) for key, found in self._rows.items()}
        )
        agreed = age(seen.age(snapshot.reconciled_at))
        if snapshot.reconciled_at is None:
            words = "not compared yet"
            table.empty = "not compared with the broker yet"
        else:
            words = f"last agreed {agreed} ago"
            table.empty = "ours and the broker's agree"
        count = len(self._rows)
        unsigned = sum(not found.note for found in self._rows.values())
        state = f"{count} open, {unsigned} not signed" if count else "clean"
        self.entitle(state, words, lost=seen.lost)
        self.write_detail()

    def detail(self) -> Text:
        return Text() if self.mismatch is None else about(self.mismatch)

    @property
    def mismatch(self) -> "Mismatch | None":
        """The mismatch under the cursor."""
        key = self.query_one(LiveTable).cursor_key
        return None if key is None else self._rows.get(key)

    _rows: "dict[str, Mismatch]" = {}
