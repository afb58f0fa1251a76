"""Reads a basket: orders as CSV, taken as given (spec 2.F)."""

from db.model.order import OrderType, Side, TimeInForce
from db.model.proposal import BasketLine, BasketProposal
from services.intake.csv_rows import rows
from services.intake.entry import Entry
from services.intake.refusal import RefusedInputError
from services.intake.text import sha256
from services.intake.values import ABOVE_ZERO

COLUMNS = (
    "symbol", "side", "qty", "notional", "type", "limit_price", "stop_price", "time_in_force",
    "account", "extended_hours",
)  # fmt: skip
REQUIRED = ("symbol", "side", "qty or notional")
LONGEST_ACCOUNT = 60
SIDES = [side.value for side in Side]
TIMES = [time.value for time in TimeInForce]
TYPES = [kind.value for kind in OrderType if kind is not OrderType.TRAILING_STOP]
"""A trailing stop needs a trail, for which a basket has no column."""
LIMITED = (OrderType.LIMIT, OrderType.STOP_LIMIT)
STOPPED = (OrderType.STOP, OrderType.STOP_LIMIT)


def read(name: str, text: str, data: bytes) -> BasketProposal:
    """The basket's lines. Raises RefusedInputError for the first that can't be used."""
    lines = tuple(_line(line, row) for line, row in rows(name, text, COLUMNS, REQUIRED))
    if not lines:
        raise RefusedInputError(name, "the basket has no order, expected one a line")
    return BasketProposal(source=name, sha256=sha256(data), lines=lines)


def _line(line: int, row: Entry) -> BasketLine:
    size, worth = row.get("qty"), row.get("notional")
    qty, notional = size and size.number(ABOVE_ZERO), worth and worth.number(ABOVE_ZERO)
    if (qty is None) == (notional is None):
        raise row.at("qty").refused("expected either qty or notional, and not both")
    kind, limit, stop = row.get("type"), row.get("limit_price"), row.get("stop_price")
    time, account = row.get("time_in_force"), row.get("account")
    extended = row.get("extended_hours")
    order = BasketLine(
        line=line,
        symbol=row.at("symbol").symbol(),
        side=Side(row.at("side").word(SIDES)),
        qty=qty,
        notional=notional,
        type=OrderType(kind.word(TYPES)) if kind else OrderType.MARKET,
        limit_price=limit and limit.number(ABOVE_ZERO),
        stop_price=stop and stop.number(ABOVE_ZERO),
        time_in_force=TimeInForce(time.word(TIMES)) if time else TimeInForce.DAY,
        account=account and account.text(LONGEST_ACCOUNT),
        extended_hours=extended is not None and extended.word(("yes", "no")) == "yes",
    )
    _prices_fit(row, order)
    return order


def _prices_fit(row: Entry, order: BasketLine) -> None:
    """A limit order has a limit, a stop order a stop, and no other order has either."""
    for field, price, wanted in (
        ("limit_price", order.limit_price, order.type in LIMITED),
        ("stop_price", order.stop_price, order.type in STOPPED),
    ):
        if wanted and price is None:
            raise row.at(field).refused(f"a {order.type} order needs one")
        if not wanted and price is not None:
            raise row.at(field).refused(f"a {order.type} order takes none, expected it empty")
