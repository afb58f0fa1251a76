"""The only way out: what works is listed, and the trader says whether the desk stays."""

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from console.screens.box import Box
from widgets.table.fields import qty

if TYPE_CHECKING:
    from db.model.snapshot import DeskSnapshot


def busy(snapshot: "DeskSnapshot | None") -> bool:
    """Whether the desk should stay: positions are monitored, orders work or a plan runs."""
    if snapshot is None:
        return False
    return bool(
        snapshot.positions
        or any(order.state.working for order in snapshot.orders.values())
        or any(plan.state.working for plan in snapshot.plans.values())
    )


def working(snapshot: "DeskSnapshot | None") -> Text:
    """What works, in words."""
    if snapshot is None:
        return Text("The desk has not answered: what it does is not known.")
    whole = Text()
    for key, plan in snapshot.plans.items():
        if plan.state.working:
            whole.append(f"plan {key}: {plan.state}, {plan.steps_done} of {plan.steps} steps done\n")  # fmt: skip
    orders = [order for order in snapshot.orders.values() if order.state.working]
    for order in orders:
        filled = f"{qty(order.filled_qty)} of {qty(order.qty)}"
        whole.append(f"order {order.side.upper()} {order.symbol}: {order.state}, {filled} filled\n")
    if not orders:
        whole.append("No order works.\n")
    held = len(snapshot.positions)
    whole.append(f"{held} positions are watched: prices, stops, targets." if held else "No position is held.")  # fmt: skip
    return whole


class QuitScreen(Box[None]):
    """Enter does what is proposed: the desk stays while there is something to watch."""

    CONTEXT: ClassVar[str] = "quit"

    def compose(self) -> ComposeResult:
        seen = self.deck.seen
        snapshot = None if seen is None else seen.snapshot
        self._busy = busy(snapshot)
        proposed = "Leave, and the desk stays" if self._busy else "Leave, and the desk stops"
        with Vertical(classes="box quit"):
            yield Static("Leave the console", classes="box-title", markup=False)
            with VerticalScroll(can_focus=False):
                yield Static(working(snapshot), markup=False)
            yield Static(f"Enter: {proposed}.", id="quit-proposed", markup=False)
            yield Static(self.key_words(), classes="box-keys", markup=False)

    _busy = True

    def action_default(self) -> None:
        """What is proposed."""
        if self._busy:
            self.action_keep()
        else:
            self.action_stop()

    def action_keep(self) -> None:
        """Leave; the desk goes on."""
        self.deck.leave()

    def action_stop(self) -> None:
        """Stop the desk, then leave. If it can't be stopped the console stays, to say so."""
        sim = self.deck.home.environment.value == "sim"
        self.deck.ask(lambda desk: desk.stop(exchange=sim), lambda _: self.deck.leave())
