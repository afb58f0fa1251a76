"""Orders that nobody knows whether the broker has: what was sent, what was asked, what may be done.

Time never settles one: only the broker's word does, or the trader once the broker said twice that it
has no such order (spec 5, Submitting 5)."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from console.screens.box import Box
from widgets.document import moment, number, rows, text
from widgets.table.fields import price, qty

if TYPE_CHECKING:
    from widgets.seen import Seen

Order = Mapping[str, Any]
MAY = {"look-up": "look up now", "resend": "resend under the same id", "give-up": "give it up"}


def told(order: Order, now: datetime, zone: ZoneInfo) -> Text:
    """One order's story."""
    limit = number(order.get("limit_price"))
    kind = f"limit {price(limit)}" if limit is not None else text(order, "type")
    what = f"{text(order, 'side').upper()} {qty(number(order.get('qty')))} {text(order, 'symbol')}"
    whole = Text()
    whole.append(f"{what} ", "bold")
    whole.append(f"{kind}, {text(order, 'time_in_force')}, {text(order, 'client_order_id')}\n")
    sent = moment(order.get("sent_at")) or moment(order.get("intended_at"))
    if sent is not None:
        whole.append(f"  {_clock(sent, zone)} sent; {text(order, 'reason')}\n")
    for look in rows(order, "look_ups"):
        at = moment(look.get("at"))
        time = "" if at is None else f"{_clock(at, zone)} "
        whole.append(f"  {time}asked by its id: {text(look, 'answer')}\n")
    if sent is not None:
        whole.append(f"  unknown for {_long(int((now - sent).total_seconds()))}\n")
    may = [MAY.get(str(offer), str(offer)) for offer in order.get("may") or ()]
    whole.append(f"  wait, or: {', '.join(may)}\n", "italic")
    return whole


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M:%S}"


def _long(seconds: int) -> str:
    minutes, rest = divmod(max(seconds, 0), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class UnknownScreen(Box[None]):
    """One of the orders is chosen; its keys act on that one."""

    CONTEXT: ClassVar[str] = "unknown"

    def __init__(self) -> None:
        super().__init__()
        self._orders: list[dict[str, Any]] = []
        self._chosen = 0
        self._seq = -1

    def compose(self) -> ComposeResult:
        with Vertical(classes="box resume"):
            yield Static("Orders whose answer never came", classes="box-title", markup=False)
            with VerticalScroll(id="unknown-scroll", can_focus=False):
                yield Static("asking the desk…", id="unknown-words", markup=False)
            yield Static(self.key_words(), classes="box-keys", markup=False)

    def on_mount(self) -> None:
        """Fetch them."""
        self._fetch()

    def show(self, seen: "Seen") -> None:
        """Fetch them again when something was written down meanwhile."""
        if seen.snapshot.journal_seq != self._seq:
            self._seq = seen.snapshot.journal_seq
            self._fetch()

    def _fetch(self) -> None:
        self.deck.ask(lambda desk: desk.unknown(), self._tell)

    def _tell(self, orders: list[dict[str, Any]]) -> None:
        self._orders = orders
        self._chosen = min(self._chosen, max(len(orders) - 1, 0))
        if self.is_mounted:
            self.query_one("#unknown-words", Static).update(self._words())

    def _words(self) -> Text:
        if not self._orders:
            return Text("Every order's answer is known.")
        zone, now = ZoneInfo(self.deck.settings.zone), self.deck.clock.now()
        whole = Text()
        for n, order in enumerate(self._orders):
            whole.append("▶ " if n == self._chosen else "  ", "bold")
            whole.append_text(told(order, now, zone))
        whole.right_crop(1)
        return whole

    def action_choose(self, by: int) -> None:
        """Another order."""
        if self._orders:
            self._chosen = (self._chosen + by) % len(self._orders)
            self._tell(self._orders)

    def action_look_up(self) -> None:
        """Ask the broker now."""
        if (order := self._order("look-up")) is not None:
            self._settle(order, "look-up")

    def action_resend(self) -> None:
        """Send it under its own id, once its quantity is typed."""
        word = "" if not self._orders else text(self._orders[self._chosen], "qty")
        self._typed("resend", word, "send it")

    def action_give_up(self) -> None:
        """Its step is not sent, once DROP is typed."""
        self._typed("give-up", "DROP", "give its step up")

    def _typed(self, offer: str, word: str, what: str) -> None:
        from console.screens.gate import Gate

        if (order := self._order(offer)) is None:
            return
        body = told(order, self.deck.clock.now(), ZoneInfo(self.deck.settings.zone))

        def passed(typed: str | None) -> None:
            if typed is not None:
                self._settle(order, offer)

        self.deck.push_screen(Gate(word, what, body), passed)

    def _order(self, offer: str) -> dict[str, Any] | None:
        """The chosen order, when this may be done with it."""
        order = self._orders[self._chosen] if self._orders else None
        if order is None or offer not in (order.get("may") or ()):
            self.deck.say(
                "Not yet: the broker must have said twice that it has none, and the plan be paused."
                if order is not None
                else "No order is unknown."
            )
            return None
        return order

    def _settle(self, order: Order, offer: str) -> None:
        name = text(order, "client_order_id")
        self.deck.ask(lambda desk: desk.settle(name, offer), self._tell)
