"""Tickets: orders that a person copies into a broker's form (spec 5, Manual environment).

What the trader says of a ticket is a *claim* until a statement of the broker agrees with it."""

from decimal import Decimal

from db.model.base import Exact, Noun, Positive, Utc, plain
from db.model.order import PROTECTION, Fill, OrderRequest, OrderState, OrderType, TimeInForce

TIMES = {
    TimeInForce.DAY: "day", TimeInForce.GTC: "good till cancelled", TimeInForce.OPG: "at the open",
    TimeInForce.CLS: "at the close", TimeInForce.IOC: "immediate or cancel",
    TimeInForce.FOK: "fill or kill",
}  # fmt: skip


class Item(Noun):
    """One thing to look at. `after`: once the order has traded, not before it is entered."""

    name: str
    after: bool
    words: str


CHECKLIST: tuple[Item, ...] = (
    Item(name="prices", after=False, words="I looked at the price at my broker."),
    Item(name="account", after=False, words="The form is open in the right account."),
    Item(name="form", after=False, words="The order form reads exactly like this ticket."),
    Item(name="entered", after=False, words="The order is placed: the broker shows it."),
    Item(name="fill", after=True, words="Every fill is typed in, with its fee."),
    Item(name="confirmation", after=True, words="The confirmation number is noted."),
    Item(name="cancelled", after=True, words="Cancelled by hand: the broker shows it no more."),
)
"""`cancelled` only of a ticket that is to be cancelled. `entered` is also the broker's acknowledgement."""
ITEMS = {item.name: item for item in CHECKLIST}


class Claim(Noun):
    """An execution as the trader typed it."""

    fill: Fill
    fee: Exact = Decimal(0)
    confirmation: str = ""
    """The broker's own number of it."""
    typed_at: Utc
    matched: bool = False
    """A statement of the broker since then agrees with our holding of the symbol."""


class Ticket(Noun):
    """One order to copy, and what was said of it since."""

    order_id: str
    request: OrderRequest
    plan_id: str
    step: int
    shown_at: Utc
    entered_at: Utc | None = None
    cancel_by_hand: bool = False
    """We want it cancelled: only the trader can do that, and only his word says that it is done."""
    claims: tuple[Claim, ...] = ()
    ticked: tuple[str, ...] = ()
    ended: OrderState | None = None
    """`canceled` (not done) or `rejected`, by the trader's word."""
    reason: str = ""
    updated_at: Utc

    @property
    def protective(self) -> bool:
        return PROTECTION.match(self.request.client_order_id) is not None

    @property
    def qty(self) -> Decimal:
        return self.request.qty or Decimal(0)

    @property
    def filled_qty(self) -> Decimal:
        return sum((claim.fill.qty for claim in self.claims), Decimal(0))

    @property
    def filled_avg_price(self) -> Decimal | None:
        if not self.claims:
            return None
        paid = sum((claim.fill.qty * claim.fill.price for claim in self.claims), Decimal(0))
        return paid / self.filled_qty

    @property
    def left(self) -> Decimal:
        return self.qty - self.filled_qty

    @property
    def state(self) -> OrderState:
        """Ours. `sent`: it is on the screen, and nobody said that the broker has it."""
        if self.left <= 0:
            return OrderState.FILLED
        if self.ended is not None:
            return self.ended
        if self.cancel_by_hand:
            return OrderState.PENDING_CANCEL
        if self.claims:
            return OrderState.PARTIALLY_FILLED
        return OrderState.SENT if self.entered_at is None else OrderState.ACKNOWLEDGED

    @property
    def open(self) -> bool:
        return not self.state.terminal

    @property
    def claimed(self) -> bool:
        """Filled by the trader's word alone, wholly or in part."""
        return any(not claim.matched for claim in self.claims)

    @property
    def checklist(self) -> tuple[Item, ...]:
        """What is to be looked at for this ticket, in order."""
        return tuple(i for i in CHECKLIST if i.name != "cancelled" or self.cancel_by_hand)

    @property
    def next_item(self) -> Item | None:
        """The first that is not ticked yet."""
        return next((item for item in self.checklist if item.name not in self.ticked), None)

    @property
    def line(self) -> str:
        """The whole ticket in one line, as it is copied to the clipboard."""
        return order_line(self.request)


def order_form(order: OrderRequest, number: str = "") -> tuple[tuple[str, str], ...]:
    """Every field of an order in the order in which a broker's form asks; one without a value is
    absent. `number` is the account's at the broker, where it is known."""
    known = f" ({number})" if number not in ("", order.account) else ""
    fields = [
        ("account", f"{order.account}{known}"),
        ("side", order.side.value),
        ("symbol", order.symbol),
        ("quantity", "" if order.qty is None else plain(order.qty)),
        ("order type", "one cancels the other" if order.oco else _type(order.type)),
        ("target (limit)" if order.oco else "limit price", _price(order.limit_price)),
        ("stop price", _price(order.stop_price)),
        ("time in force", TIMES[order.time_in_force]),
    ]
    return tuple((name, value) for name, value in fields if value)


def order_line(order: OrderRequest) -> str:
    """`SELL 150 NEM LIMIT 79.50 DAY`, and the account it is meant for."""
    prices = [
        *(["OCO"] if order.oco else [order.type.value.replace("_", " ").upper()]),
        *(["LIMIT"] if order.oco else []),
        *([_price(order.limit_price)] if order.limit_price is not None else []),
        *(["STOP"] if order.oco else []),
        *([_price(order.stop_price)] if order.stop_price is not None else []),
    ]
    qty = "" if order.qty is None else plain(order.qty)
    words = [
        order.side.value.upper(),
        qty,
        order.symbol,
        *prices,
        order.time_in_force.value.upper(),
    ]
    return f"{' '.join(words)} in account {order.account}"


def _type(kind: OrderType) -> str:
    return kind.value.replace("_", " ")


def _price(price: Decimal | None) -> str:
    """With its cents: what is copied must not look like a typing mistake."""
    if price is None:
        return ""
    text = plain(price)
    return text if len(text.partition(".")[2]) >= 2 else f"{price:.2f}"


class StatedHolding(Noun):
    """A line of a statement."""

    symbol: str
    qty: Exact
    avg_entry_price: Positive
    price: Positive
    sector: str = ""


class Statement(Noun):
    """What the broker said, as the trader entered it: cash and every position at an instant."""

    account: str
    as_of: Utc
    cash: Exact
    holdings: tuple[StatedHolding, ...] = ()
    source: str = ""
    opening: bool = False
    """The first: where this journal begins."""
