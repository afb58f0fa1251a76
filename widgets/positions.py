"""What is held, with everything a trader looks for beside it."""

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from widgets.pane import Pane
from widgets.seen import Seen
from widgets.table import Cell, Column, Field, LiveTable
from widgets.table.fields import Tone, age, money, percent, price, qty, signed_money, signed_percent

if TYPE_CHECKING:
    from db.model.snapshot import PositionRow

COLUMNS = (
    Column("symbol", "symbol", 7),
    Column("qty", "qty", 7, align="right"),
    Column("price", "price", 9, align="right"),
    Column("age", "age", 4, align="right", priority=1),
    Column("plpc", "P&L %", 9, align="right"),
    Column("weight", "weight", 6, align="right"),
    Column("stop", "stop", 9, align="right", priority=2),
    Column("value", "value", 11, align="right", priority=3),
    Column("pl", "P&L $", 13, align="right", priority=4),
    Column("target", "target", 8, align="right", priority=5),
    Column("avg", "cost", 9, align="right", priority=6),
    Column("sector", "sector", 12, flex=1, priority=7),
    Column("account", "account", 10, priority=8),
)
FRESH = timedelta(seconds=10)
STALE = timedelta(seconds=60)


def price_age(since: timedelta | None) -> Field:
    """The age of a price in steps of ten seconds, so that a quiet screen stays quiet."""
    if since is not None and since < FRESH:
        return Field("<10s", "muted")
    if since is not None and since < STALE:
        since = timedelta(seconds=int(since.total_seconds()) // 10 * 10)
    return age(since, STALE)


def cells(row: "PositionRow", since: timedelta | None) -> tuple[Cell, ...]:
    """A holding as table cells; `since` is the age of its price."""
    symbol = Field(f"{row.symbol}!", "warning") if row.locked else row.symbol
    return (
        symbol,
        qty(row.qty),
        price(row.price),
        price_age(since),
        signed_percent(row.unrealized_plpc),
        percent(row.weight, 1),
        _stop(row),
        money(row.value),
        signed_money(row.unrealized_pl),
        price(row.target_price),
        price(row.avg_entry_price),
        row.sector,
        row.account,
    )


GUARDS: dict[str, tuple[str, Tone]] = {
    "part": ("½", "warning"),
    "none": ("!", "loss"),
    "desk": ("~", ""),
}


def _stop(row: "PositionRow") -> Cell:
    """The stop, marked unless an order at the broker holds it for all shares: `½` for a part of
    them, `!` for none, `~` where the desk watches it."""
    mark, tone = GUARDS.get(row.guard, ("", ""))
    return Field(f"{price(row.stop_price)}{mark}", tone) if mark else price(row.stop_price)


class PositionsPane(Pane):
    """One row a holding. A symbol with `!` is locked: a mismatch is open on it."""

    CONTEXT: ClassVar[str] = "positions"
    NAME: ClassVar[str] = "positions"

    def compose(self) -> ComposeResult:
        yield LiveTable(COLUMNS, empty="no positions", id=f"{self.id}-table")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._rows: dict[str, PositionRow] = {}
        self._cells: dict[str, tuple[PositionRow, Field, tuple[Cell, ...]]] = {}

    def show(self, seen: Seen) -> None:
        held = seen.snapshot.positions
        self._rows = held
        self._cells = {key: self._drawn(key, row, seen) for key, row in held.items()}
        self.query_one(LiveTable).update_rows(
            {key: drawn[2] for key, drawn in self._cells.items()}, sorted(held)
        )
        missing = sum(1 for row in held.values() if row.price is None)
        unpriced = f"{missing} without a price" if missing else ""
        self.entitle(str(len(held)), unpriced, lost=seen.lost)

    def _drawn(
        self, key: str, row: "PositionRow", seen: Seen
    ) -> "tuple[PositionRow, Field, tuple[Cell, ...]]":
        """The row's cells, the old ones when neither it nor the age it shows changed."""
        since = seen.age(row.price_at)
        said = price_age(since)
        old = self._cells.get(key)
        if old is not None and old[0] is row and old[1] == said:
            return old
        return row, said, cells(row, since)

    @property
    def symbol(self) -> str | None:
        """The symbol under the cursor."""
        key = self.query_one(LiveTable).cursor_key
        row = self._rows.get(key) if key is not None else None
        return None if row is None else row.symbol
