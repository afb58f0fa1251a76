"""The kill panel: what a halt cancelled, what filled meanwhile, what remains; the way back, and the
way out of everything, are typed."""

from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from console.halting import who
from console.screens.box import Box
from widgets.document import number, rows, text
from widgets.table import Cell, Column, Field, LiveTable
from widgets.table.fields import age, money, qty

if TYPE_CHECKING:
    from widgets.seen import Seen

RESUME = "RESUME"
FLATTEN = "FLATTEN"
ASKED = f"{RESUME} and a reason, to trade again. {FLATTEN}, to see what closing everything does:"
COLUMNS = (
    Column("side", "side", 4),
    Column("symbol", "symbol", 6),
    Column("outcome", "outcome", 14, flex=2),
    Column("order", "order", 22, flex=1, priority=1),
)


class KillPanel(Box[None]):
    """Stays until it is left; trading stays halted until RESUME and a reason are typed."""

    CONTEXT: ClassVar[str] = "kill"

    def __init__(self) -> None:
        super().__init__()
        self._token = ""
        """Of the card that says why trading stopped by itself, once it was shown."""
        self._listing = False
        """The table shows what flattening does, or did, instead of the halt's orders."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="box kill"):
            yield Static("", id="kill-head", markup=False)
            yield LiveTable(COLUMNS, empty="no order was working", id="kill-orders")
            yield Static(ASKED, markup=False)
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
        report, state = seen.snapshot.halt, seen.snapshot.trading_state
        if state != "HALTED" and not self.deck.halt_pressed:
            self._write_head(f"Trading is {state}.")
            return
        if report is None:
            lost = "the desk does not answer" if seen.lost else "waiting for the desk's report"
            self._write_head(f"The halt is on disk, so no order can leave; {lost}.")
            return
        ago = age(seen.age(report.at))
        done = "complete" if report.complete else "still cancelling"
        remaining = "?" if report.remaining is None else report.remaining
        self._write_head(
            f"by {report.by}, {ago} ago: {report.reason}\n"
            f"{len(report.orders)} orders, {remaining} remain working, {done}"
        )
        if self._listing:
            return
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
        """What was typed: RESUME and a reason, FLATTEN, or FLATTEN and the list's token."""
        word, _, rest = self.query_one(Input).value.strip().partition(" ")
        if word == FLATTEN:
            self._flatten(rest.strip())
        elif word == RESUME and rest.strip():
            self._resume(rest.strip())
        else:
            self._say(f"Type {RESUME} in capitals, a blank, and why it is safe to trade again.")

    # Resume

    def _resume(self, rest: str) -> None:
        """After a stop that nobody pressed the card's token stands before the reason."""
        first, _, behind = rest.partition(" ")
        reason, token = rest, ""
        if self._token and first.upper() == self._token:
            reason, token = behind.strip(), first
        self._say("asking the desk…")
        self.deck.ask(
            lambda desk: desk.resume(reason, token), self._resumed, self._say, group="resume"
        )

    def _resumed(self, answer: dict[str, Any]) -> None:
        if token := text(answer, "token"):
            self._token = token
            still = text(answer, "persists")
            now = f"It is still true: {still}" if still else "It is not true any more."
            self._clear()
            self._say(
                f"Nobody pressed it: {text(answer, 'reason')} {now} "
                f"Type {RESUME} {token} and the reason."
            )
            return
        self.deck.halt_pressed = False
        self.deck.say(f"Trading is {answer.get('trading_state')} again.")
        if self.is_current:
            self.dismiss(None)

    # Flatten

    def _flatten(self, token: str) -> None:
        if token:
            self._say("closing everything…")
            by = f"{who()} (console)"
            self.deck.ask(
                lambda desk: desk.flatten(token, by), self._flattened, self._say, group="flatten"
            )
        else:
            self._say("asking the desk…")
            self.deck.ask(lambda desk: desk.flatten_card(), self._list, self._say, group="flatten")

    def _list(self, card: dict[str, Any]) -> None:
        """What would be closed, what it brings and costs, what goes first."""
        if not self.is_mounted:
            return
        self._listing = True
        self._clear()
        self.query_one(LiveTable).update_rows(
            {
                f"{text(row, 'account')}/{text(row, 'symbol')}": _cells(row)
                for row in rows(card, "positions")
            }
        )
        if obstacle := text(card, "obstacle"):
            self._say(obstacle)
            return
        brings, cost = money(number(card.get("proceeds"))), money(number(card.get("cost")))
        self._say(
            f"Brings {brings}, of which {cost} is given away. "
            f"Type {FLATTEN} {text(card, 'token')} to close all of it."
        )

    def _flattened(self, report: dict[str, Any]) -> None:
        if not self.is_mounted:
            return
        self._clear()
        outcomes = report.get("outcomes") or {}
        self.query_one(LiveTable).update_rows(
            {
                key: (
                    "",
                    key.partition("/")[2],
                    Field(said, "" if said == "closed" else "warning"),
                    "",
                )
                for key, said in outcomes.items()
            }
        )
        left = len(report.get("remaining") or ())
        if not report.get("complete"):
            self._say("Still closing; the positions say how far.")
        else:
            self._say(f"{left} positions remain: look at them now." if left else "Nothing is held any more.")  # fmt: skip

    def _clear(self) -> None:
        self.query_one(Input).value = ""

    def _say(self, sentence: str) -> None:
        if self.is_mounted:
            self.query_one("#kill-said", Static).update(sentence)


def _cells(row: dict[str, Any]) -> tuple[Cell, ...]:
    brings = f"{qty(number(row.get('qty')))} for {money(number(row.get('proceeds')))}"
    said = f"{brings}, {money(number(row.get('cost')))} given away"
    if obstacle := text(row, "obstacle"):
        said = f"{said}; not now: {obstacle}"
    first = ", ".join(row.get("protective") or ())
    return (
        text(row, "side").upper(),
        text(row, "symbol"),
        Field(said, "warning" if obstacle else ""),
        f"first cancels {first}" if first else "",
    )
