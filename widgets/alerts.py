"""What the trader must know, the worst and newest first."""

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from widgets.pane import Pane
from widgets.seen import Seen
from widgets.table import Cell, Column, Field, LiveTable

if TYPE_CHECKING:
    from db.model.alert import Alert

COLUMNS = (
    Column("severity", "", 4),
    Column("time", "time", 5, priority=2),
    Column("subject", "subject", 7),
    Column("sentence", "what", 20, flex=3),
    Column("action", "do", 16, flex=1, priority=3),
    Column("seen", "seen", 4, priority=4),
)
RANK = {"critical": 0, "warning": 1, "info": 2}
GLYPHS = {
    "critical": Field("!!!", "loss"),
    "warning": Field("!!", "warning"),
    "info": Field("i", "muted"),
}


def cells(alert: "Alert", zone: ZoneInfo) -> tuple[Cell, ...]:
    """An alert as table cells, its time in `zone`."""
    over = alert.cleared_at is not None
    sentence = Field(f"(over) {alert.sentence}", "muted") if over else alert.sentence
    return (
        GLYPHS[alert.severity],
        f"{alert.raised_at.astimezone(zone):%H:%M}",
        alert.subject,
        sentence,
        alert.suggested_action,
        "yes" if alert.acknowledged_at else "",
    )


def ordered(alerts: "dict[str, Alert]") -> list[str]:
    """Open before seen before over, then by severity, then the newest."""

    def rank(key: str) -> tuple[bool, bool, int, timedelta, str]:
        alert = alerts[key]
        newest = max(a.raised_at for a in alerts.values()) - alert.raised_at
        return (
            alert.cleared_at is not None,
            alert.acknowledged_at is not None,
            RANK[alert.severity],
            newest,
            key,
        )

    return sorted(alerts, key=rank)


class AlertsPane(Pane):
    """One row an alert; with `open_only`, those whose condition still holds."""

    CONTEXT: ClassVar[str] = "alerts"
    NAME: ClassVar[str] = "alerts"

    def __init__(self, name: str, *, open_only: bool = False, zone: str) -> None:
        super().__init__(name)
        self._open_only = open_only
        self._zone = ZoneInfo(zone)
        self._rows: dict[str, Alert] = {}

    def compose(self) -> ComposeResult:
        yield LiveTable(COLUMNS, empty="no alerts", id=f"{self.id}-table")
        yield Static("", classes="detail", markup=False)

    def show(self, seen: Seen) -> None:
        alerts = seen.snapshot.alerts
        if not self.news(alerts, seen.lost):
            return
        self._rows = {
            key: alert
            for key, alert in alerts.items()
            if not (self._open_only and alert.cleared_at is not None)
        }
        rows = {key: cells(alert, self._zone) for key, alert in self._rows.items()}
        self.query_one(LiveTable).update_rows(rows, ordered(self._rows))
        fresh = sum(
            1 for a in alerts.values() if a.acknowledged_at is None and a.cleared_at is None
        )
        self.entitle(f"{fresh} not seen" if fresh else "", lost=seen.lost)
        self.set_class(fresh > 0, "-urgent")
        self.write_detail()

    def detail(self) -> Text:
        alert = self.alert
        if alert is None:
            return Text()
        words = Text(f"{alert.subject}: {alert.sentence}")
        if alert.suggested_action:
            words.append(f" {alert.suggested_action}", "italic")
        return words

    @property
    def selected(self) -> "tuple[Alert, ...]":
        """The marked alerts, else the one under the cursor."""
        marked = self.query_one(LiveTable).marked
        if marked:
            return tuple(self._rows[key] for key in marked)
        return () if self.alert is None else (self.alert,)

    @property
    def alert(self) -> "Alert | None":
        """The alert under the cursor."""
        key = self.query_one(LiveTable).cursor_key
        return None if key is None else self._rows.get(key)

    def clear_marks(self) -> None:
        """No alert is marked any more."""
        self.query_one(LiveTable).action_clear_marks()
