"""The views chosen with 1-8, and how their panes share the room (spec 8, Layout by width)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widget import Widget
from textual.widgets import Static

from widgets.alerts import AlertsPane
from widgets.orders import OrdersPane
from widgets.pane import Pane
from widgets.plans import PlansPane
from widgets.positions import PositionsPane
from widgets.reconcile import ReconcilePane
from widgets.ticket import TicketPane

if TYPE_CHECKING:
    from widgets.seen import Seen


class View(Container):
    """Panes side by side; where there is no room, or one is zoomed, only the current one."""

    def __init__(self, zone: str) -> None:
        super().__init__(id=f"view-{self.NAME}", classes="view")
        self.zone = zone
        self.zoomed = False
        self._narrow = False
        self.panes = self.build()
        self.current = self.panes[0]
        self._seen: Seen | None = None

    NAME: ClassVar[str] = ""

    def build(self) -> list[Pane]:
        """The panes, in the order of Tab."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield from self.panes

    def show(self, seen: "Seen") -> None:
        """Give every pane in sight the snapshot; the others get it when they come in sight."""
        self._seen = seen
        for pane in self.panes:
            if pane.display:
                pane.show(seen)

    def age(self, seen: "Seen") -> None:
        """Only ages changed."""
        self._seen = seen
        for pane in self.panes:
            if pane.display and isinstance(pane, PositionsPane | ReconcilePane):
                pane.show(seen)
            elif pane.display and isinstance(pane, PlansPane):
                pane.tick(seen)

    # Layout

    @property
    def solo(self) -> bool:
        """Whether only the current pane is shown."""
        return self._narrow or self.zoomed

    def lay_out(self, narrow: bool) -> None:
        """Lay out for a narrow or a wide terminal."""
        self._narrow = narrow
        self._share()

    def toggle_zoom(self) -> None:
        """The current pane alone, and back."""
        self.zoomed = not self.zoomed
        self._share()
        self.focus_current()

    def _share(self) -> None:
        shown = {self.current} if self.solo else set(self.panes)
        for pane in self.panes:
            comes = pane in shown and not pane.display
            pane.display = pane in shown
            if comes and self._seen is not None:
                pane.show(self._seen)
        for box in self.query(".column"):
            box.display = any(box in pane.ancestors for pane in shown)
        self.set_class(self.solo, "-solo")
        self.set_class(self._narrow, "-narrow")

    # Focus

    def go(self, pane: Pane, last: bool = False) -> None:
        """Make this the current pane, with the focus on its first (or last) field."""
        self.current = pane
        self._share()
        fields = pane.fields()
        if fields:
            fields[-1 if last else 0].focus()

    def focus_current(self) -> None:
        """The focus on the current pane."""
        if not self.current.has_focus_within:
            self.go(self.current)

    def step(self, by: int) -> None:
        """To the next (or, −1, previous) field, or over the pane's edge to the next pane."""
        fields = self.current.fields()
        at = next((i for i, field in enumerate(fields) if field.has_focus), None)
        if at is not None and 0 <= at + by < len(fields):
            fields[at + by].focus()
            return
        index = (self.panes.index(self.current) + by) % len(self.panes)
        self.go(self.panes[index], last=by < 0)

    def noticed(self, focused: Widget) -> None:
        """The focus came to this widget, perhaps by mouse."""
        for pane in self.panes:
            if pane is focused or pane in focused.ancestors:
                self.current = pane


class DeskView(View):
    """The four panes at once, and the working orders."""

    NAME: ClassVar[str] = "desk"

    def build(self) -> list[Pane]:
        return [
            PositionsPane("desk-positions"),
            OrdersPane("desk-orders", working_only=True, zone=self.zone),
            PlansPane("desk-plan", zone=self.zone),
            AlertsPane("desk-alerts", open_only=True, zone=self.zone),
            TicketPane("desk-ticket"),
        ]

    def compose(self) -> ComposeResult:
        positions, orders, plan, alerts, ticket = self.panes
        yield Static("", id="strip", markup=False)
        with Container(id="desk-columns"):
            with Vertical(id="desk-left", classes="column"):
                yield positions
                yield orders
            with Container(id="desk-rest", classes="column"):
                with Vertical(id="desk-middle", classes="column"):
                    yield plan
                with Vertical(id="desk-right", classes="column"):
                    yield alerts
                    yield ticket

    def _share(self) -> None:
        super()._share()
        self._write_strip()

    def noticed(self, focused: Widget) -> None:
        super().noticed(focused)
        self._write_strip()

    def show(self, seen: "Seen") -> None:
        super().show(seen)
        self._write_strip()

    def _write_strip(self) -> None:
        """Which panes there are, when only one is shown."""
        strip = Text(no_wrap=True)
        for pane in self.panes:
            urgent = "!" if pane.has_class("-urgent") else ""
            here = pane is self.current
            strip.append(f"[{pane.NAME}{urgent}]" if here else f" {pane.NAME}{urgent} ", "bold reverse" if here else "")  # fmt: skip
            strip.append(" ")
        strip.append("Tab: next", "dim")
        if strip.plain != self._strip:
            self._strip = strip.plain
            self.query_one("#strip", Static).update(strip)

    _strip = ""


class OrdersView(View):
    """The blotter."""

    NAME: ClassVar[str] = "orders"

    def build(self) -> list[Pane]:
        return [OrdersPane("orders-orders", zone=self.zone)]


class PlanView(View):
    """Plans, or the open plan, on the whole screen."""

    NAME: ClassVar[str] = "plan"

    def build(self) -> list[Pane]:
        return [PlansPane("plan-plan", zone=self.zone)]


class AlertsView(View):
    """All alerts."""

    NAME: ClassVar[str] = "alerts"

    def build(self) -> list[Pane]:
        return [AlertsPane("alerts-alerts", zone=self.zone)]


class ReconcileView(View):
    """Ours against the broker's."""

    NAME: ClassVar[str] = "reconcile"

    def build(self) -> list[Pane]:
        return [ReconcilePane("reconcile-reconcile")]


VIEWS: dict[str, Callable[[str], View]] = {
    view.NAME: view for view in (DeskView, OrdersView, PlanView, AlertsView, ReconcileView)
}
