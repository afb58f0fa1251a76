"""The kill panel: what a halt cancelled, what filled meanwhile, what remains; the way back is typed."""

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from console.screens.box import Box
from widgets.table import Column, Field, LiveTable
from widgets.table.fields import age

if TYPE_CHECKING:
    from widgets.seen import Seen

WORD = "RESUME"
COLUMNS = (
    Column("side", "side", 4),
    Column("symbol", "symbol", 6),
    Column("outcome", "outcome", 14, flex=2),
    Column("order", "order", 22, flex=1, priority=1),
)


class KillPanel(Box[None]):
    """Stays until it is left; trading stays halted until RESUME and a reason are typed."""

    CONTEXT: ClassVar[str] = "kill"

    def compose(self) -> ComposeResult:
        with Vertical(classes="box kill"):
            yield Static("", id="kill-head", markup=False)
            yield LiveTable(COLUMNS, empty="no order was working", id="kill-orders")
            yield Static(f"{WORD} and a reason, to trade again:", markup=False)
            yield Input(placeholder="RESUME …", id="kill-line", classes="-free-text", compact=True)
            yield Static("", id="kill-said", markup=False)
            yield Static(self.key_words(), classes="box-keys", markup=False)

    def on_mount(self) -> None:
        """Show what is known now."""
        self.query_one("#kill-line").focus()
        if (seen := self.deck.seen) is not None:
            self.show(seen)
        else:
            self._write_head("The halt is on disk; the desk has not answered yet.")

    def show(self, seen: "Seen") -> None:
        """What the desk says of the halt."""
        report = seen.snapshot.halt
        if seen.snapshot.trading_state == "ACTIVE" and not self.deck.halt_pressed:
            self._write_head("Trading is ACTIVE.")
            return
        if report is None:
            lost = "the desk does not answer" if seen.lost else "waiting for the desk's report"
            self._write_head(f"The halt is on disk, so no order can leave; {lost}.")
            return
        ago = age(seen.age(report.at))
        done = "complete" if report.complete else "still cancelling"
        self._write_head(
            f"by {report.by}, {ago} ago: {report.reason}\n"
            f"{len(report.orders)} orders, {'?' if report.remaining is None else report.remaining} remain working, {done}"
        )
        self.query_one(LiveTable).update_rows(
            {
                order.order_id: (
                    order.side.upper(),
                    order.symbol,
                    Field(order.outcome, "" if order.outcome == "canceled" else "warning"),
                    order.client_order_id,
                )
                for order in report.orders
            }
        )

    def _write_head(self, words: str) -> None:
        head = Text()
        head.append(" TRADING HALTED ", "bold reverse")
        if self.deck.seen is not None and not self.deck.halted:
            head = Text(" trading state ", "bold")
        head.append(f" {words}")
        self.query_one("#kill-head", Static).update(head)

    def action_down(self) -> None:
        """The next order."""
        self.query_one(LiveTable).action_cursor_down()

    def action_up(self) -> None:
        """The previous order."""
        self.query_one(LiveTable).action_cursor_up()

    def action_submit(self) -> None:
        """Resume, when the word and a reason were typed."""
        word, _, reason = self.query_one(Input).value.strip().partition(" ")
        if word != WORD or not reason.strip():
            self._say(f"Type {WORD} in capitals, a blank, and why it is safe to trade again.")
            return
        self._say("asking the desk…")
        self.deck.ask(
            lambda desk: desk.resume(reason.strip()), self._resumed, self._say, group="resume"
        )

    def _resumed(self, answer: dict[str, object]) -> None:
        self.deck.halt_pressed = False
        self.deck.say(f"Trading is {answer.get('trading_state')} again.")
        if self.is_current:
            self.dismiss(None)

    def _say(self, sentence: str) -> None:
        if self.is_mounted:
            self.query_one("#kill-said", Static).update(sentence)
