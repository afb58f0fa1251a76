"""The ticket: one order by hand. It becomes a plan of one step, and never sends (spec 8)."""

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from widgets.choice import Choice
from widgets.document import number, rows, text
from widgets.pane import Pane
from widgets.plan_detail import VERDICT_STYLES, findings
from widgets.seen import Seen
from widgets.table.fields import MISSING, money, percent, price

FIELDS = ("side", "symbol", "qty", "type", "limit", "tif")


class Row(Horizontal):
    """A label and its field."""

    DEFAULT_CSS = """
    Row { height: 1; }
    Row > .label { width: 8; color: $muted; }
    Row > Input { height: 1; border: none; padding: 0; background: $panel; width: 1fr; margin-right: 1; }
    Row > Input:focus { border: none; background: $surface; }
    Row > Choice { width: 1fr; }
    """

    def __init__(self, label: str, field: Input | Choice) -> None:
        super().__init__()
        self._label = label
        self._field = field

    def compose(self) -> ComposeResult:
        yield Static(self._label, classes="label", markup=False)
        yield self._field


def described(preview: dict[str, Any]) -> Text:
    """What a ticket would do, from the desk's preview."""
    line = Text()
    quote = preview.get("quote")
    if isinstance(quote, dict):
        bid, ask = number(quote.get("bid")), number(quote.get("ask"))
        old = number(quote.get("age"))
        seconds = MISSING if old is None else f"{old:.0f}s"
        line.append(f"quote {price(bid)} / {price(ask)}, {seconds} old\n")
    for step in rows(preview, "steps"):
        kind = "proceeds" if text(step, "side") == "sell" else "cost"
        worth = number(step.get("expected_value"))
        expected = price(number(step.get("expected_price")))
        line.append(f"{kind} {money(worth)} at {expected}\n")
    after = preview.get("after") or {}
    line.append(f"cash after {money(number(after.get('cash')))} ({percent(number(after.get('cash_weight')), 1)})\n")  # fmt: skip
    traded = {text(step, "symbol") for step in rows(preview, "steps")}
    for holding in rows(after, "holdings"):
        if text(holding, "symbol") in traded:
            line.append(f"{text(holding, 'symbol')} after {percent(number(holding.get('weight')), 1)}, ")  # fmt: skip
            sector = text(holding, "sector")
            share = next((s for s in rows(after, "sectors") if text(s, "sector") == sector), {})
            line.append(f"{sector} {percent(number(share.get('weight')), 1)}\n")
    verdict = text(preview, "verdict")
    line.append(verdict, VERDICT_STYLES.get(verdict, ""))
    for finding in findings(preview):
        line.append("\n")
        line.append_text(finding)
    for skipped in rows(preview, "skipped"):
        line.append(f"\n{text(skipped, 'symbol')}: {text(skipped, 'reason')}")
    return line


class TicketPane(Pane):
    """Symbol, side, quantity, type, limit, time in force; what it would do stands below."""

    CONTEXT: ClassVar[str] = "ticket"
    NAME: ClassVar[str] = "ticket"
    DEFAULT_CSS = """
    TicketPane > #ticket-fields { height: 3; }
    TicketPane > #ticket-fields > Vertical { height: 3; }
    TicketPane > #ticket-preview { height: 1fr; }
    """

    class Changed(Message):
        """A field changed; `ticket` is None while something needed is missing."""

        def __init__(self, ticket: dict[str, str] | None) -> None:
            super().__init__()
            self.ticket = ticket

    class Submitted(Message):
        """The trader wants a plan of it."""

        def __init__(self, ticket: dict[str, str]) -> None:
            super().__init__()
            self.ticket = ticket

    def compose(self) -> ComposeResult:
        with Horizontal(id="ticket-fields"):
            with Vertical():
                yield Row("side", Choice("ticket-side", ("buy", "sell")))
                yield Row("symbol", Input(placeholder="symbol", id="ticket-symbol", compact=True))
                yield Row(
                    "qty",
                    Input(placeholder="100, or $500", id="ticket-qty", compact=True),
                )
            with Vertical():
                yield Row("type", Choice("ticket-type", ("market", "limit")))
                yield Row(
                    "limit",
                    Input(placeholder="price", id="ticket-limit", compact=True, disabled=True),
                )
                yield Row("tif", Choice("ticket-tif", ("day", "gtc", "day ext")))
        with VerticalScroll(id="ticket-preview", can_focus=False):
            yield Static("", id="ticket-words", markup=False)

    def show(self, seen: Seen) -> None:
        symbols = sorted({row.symbol for row in seen.snapshot.positions.values()})
        if symbols != self._symbols:
            self._symbols = symbols
            field = self.query_one("#ticket-symbol", Input)
            field.suggester = SuggestFromList(symbols, case_sensitive=False)
        self.entitle(lost=seen.lost)

    _symbols: Sequence[str] = ()

    def open(self, side: str, symbol: str | None) -> None:
        """Set the side, and the symbol when there is one; the cursor goes to what is missing."""
        self.query_one("#ticket-side", Choice).value = side
        if symbol:
            self.query_one("#ticket-symbol", Input).value = symbol
        missing = "qty" if self.query_one("#ticket-symbol", Input).value else "symbol"
        self.query_one(f"#ticket-{missing}").focus()

    @property
    def ticket(self) -> dict[str, str] | None:
        """The ticket as the desk wants it; None while something needed is missing."""
        symbol = self.query_one("#ticket-symbol", Input).value.strip().upper()
        size = self.query_one("#ticket-qty", Input).value.strip().replace(",", "")
        limit = self.query_one("#ticket-limit", Input).value.strip().replace(",", "")
        kind = self.query_one("#ticket-type", Choice).value
        if not symbol or not size or (kind == "limit" and not limit):
            return None
        notional = size.startswith("$")
        lasting, _, extended = self.query_one("#ticket-tif", Choice).value.partition(" ")
        ticket = {
            "symbol": symbol,
            "side": self.query_one("#ticket-side", Choice).value,
            "notional" if notional else "qty": size.removeprefix("$"),
            "type": kind,
            "time_in_force": lasting,
        }
        if extended:
            ticket["extended_hours"] = "yes"
        if kind == "limit":
            ticket["limit_price"] = limit
        return ticket

    def say(self, words: str | Text) -> None:
        """Write below the fields."""
        shown = Text(words) if isinstance(words, str) else words
        self.query_one("#ticket-words", Static).update(shown)

    def show_preview(self, preview: dict[str, Any]) -> None:
        """Show what the ticket would do."""
        self.say(described(preview))

    def clear(self) -> None:
        """An empty ticket again."""
        for name in ("symbol", "qty", "limit"):
            self.query_one(f"#ticket-{name}", Input).value = ""
        self.say("")

    @on(Input.Changed)
    @on(Choice.Changed)
    def _changed(self, event: Message) -> None:
        event.stop()
        limited = self.query_one("#ticket-type", Choice).value == "limit"
        self.query_one("#ticket-limit", Input).disabled = not limited
        self.say("…" if self.ticket else "")
        self.post_message(self.Changed(self.ticket))

    def action_submit(self) -> None:
        """Make a plan of it, when everything needed is there."""
        if (ticket := self.ticket) is None:
            self.say("symbol and quantity are needed ($ before it for dollars), and a price for a limit order")  # fmt: skip
        else:
            self.post_message(self.Submitted(ticket))

    def action_field_down(self) -> None:
        """The next field."""
        self._step(1)

    def action_field_up(self) -> None:
        """The previous field."""
        self._step(-1)

    def _step(self, by: int) -> None:
        fields = self.fields()
        at = next((i for i, field in enumerate(fields) if field.has_focus), 0)
        fields[(at + by) % len(fields)].focus()
