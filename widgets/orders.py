"""The blotter: orders, the working ones first."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from widgets.pane import Pane
from widgets.seen import Seen
from widgets.table import Cell, Column, Field, LiveTable
from widgets.table.fields import MISSING, price, qty

if TYPE_CHECKING:
    from db.model.snapshot import OrderRow

COLUMNS = (
    Column("side", "side", 4),
    Column("symbol", "symbol", 6),
    Column("qty", "qty", 7, align="right"),
    Column("filled", "filled", 7, align="right"),
    Column("state", "state", 16),
    Column("avg", "avg", 9, align="right", priority=1),
    Column("limit", "limit", 9, align="right", priority=2),
    Column("time", "time", 8, priority=3),
    Column("type", "type", 6, priority=4),
    Column("plan", "plan", 12, priority=5),
    Column("account", "account", 10, priority=7),
    Column("reason", "why", 10, flex=1, priority=6),
)
LATEST = datetime.max.replace(tzinfo=UTC)


def state(row: "OrderRow") -> Field:
    """The order's state in words; what needs the trader's eye stands out."""
    words = str(row.state).replace("_", " ")
    if row.state in ("unknown", "rejected", "held", "suspended"):
        return Field(words.upper() if row.state == "unknown" else words, "warning")
    return Field(words, "" if row.state.working else "muted")


def cells(row: "OrderRow", zone: ZoneInfo) -> tuple[Cell, ...]:
    """An order as table cells, its time in `zone`."""
    plan = "external" if row.external else f"{row.plan_id or MISSING}"
    step = "" if row.step is None else f" #{row.step}"
    return (
        str(row.side).upper(),
        row.symbol,
        qty(row.qty),
        qty(row.filled_qty),
        state(row),
        price(row.filled_avg_price),
        price(row.limit_price),
        MISSING if row.at is None else f"{row.at.astimezone(zone):%H:%M:%S}",
        str(row.type),
        f"{plan}{step}",
        row.account,
        row.reason,
    )


def ordered(rows: "dict[str, OrderRow]") -> list[str]:
    """Working orders first, then the latest."""
    return sorted(
        rows,
        key=lambda key: (
            not rows[key].state.working,
            LATEST - (rows[key].at or LATEST),
            key,
        ),
    )


class OrdersPane(Pane):
    """One row an order; with `working_only`, just those that may be live at the broker."""

    CONTEXT: ClassVar[str] = "orders"
    NAME: ClassVar[str] = "orders"

    def __init__(self, name: str, *, working_only: bool = False, zone: str) -> None:
        super().__init__(name)
        self._working_only = working_only
        self._zone = ZoneInfo(zone)
        self._rows: dict[str, OrderRow] = {}

    def compose(self) -> ComposeResult:
        empty = "no working orders" if self._working_only else "no orders"
        yield LiveTable(COLUMNS, empty=empty, id=f"{self.id}-table")
        yield Static("", classes="detail", markup=False)

    def show(self, seen: Seen) -> None:
        orders = seen.snapshot.orders
        if not self.news(orders, seen.lost):
            return
        working = {key: row for key, row in orders.items() if row.state.working}
        self._rows = working if self._working_only else dict(orders)
        rows = {key: cells(row, self._zone) for key, row in self._rows.items()}
        self.query_one(LiveTable).update_rows(rows, ordered(self._rows))
        closed = "" if self._working_only else f"{len(orders) - len(working)} closed"
        self.entitle(f"{len(working)} working", closed, lost=seen.lost)
        self.write_detail()

    def detail(self) -> Text:
        if (order := self.order) is None:
            return Text()
        why = f": {order.reason}" if order.reason else ""
        return Text(f"{order.client_order_id} {order.state}{why}")

    @property
    def order(self) -> "OrderRow | None":
        """The order under the cursor."""
        key = self.query_one(LiveTable).cursor_key
        return None if key is None else self._rows.get(key)

    @property
    def symbol(self) -> str | None:
        """The symbol under the cursor."""
        return None if self.order is None else self.order.symbol
