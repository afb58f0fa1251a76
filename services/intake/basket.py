"""Reads a basket: orders as CSV, taken as given (spec 2.F)."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from db.model.order import OrderType, Side, TimeInForce
from db.model.proposal import BasketLine, BasketProposal
from services.intake.refusal import RefusedInputError
from services.intake.text import sha256, shown

COLUMNS = (
    "symbol", "side", "qty", "notional", "type", "limit_price", "stop_price", "time_in_force",
    "account",
)  # fmt: skip
REQUIRED = ("symbol", "side")
MOST_LINES = 2000
SYMBOL = re.compile(r"[A-Z][A-Z0-9./]{0,11}")
NUMBER = re.compile(r"\d{1,12}(\.\d{1,9})?|\.\d{1,9}", re.ASCII)
TYPES = [kind.value for kind in OrderType if kind is not OrderType.TRAILING_STOP]
"""A trailing stop needs a trail, for which a basket has no column."""
LIMITED = (OrderType.LIMIT, OrderType.STOP_LIMIT)
STOPPED = (OrderType.STOP, OrderType.STOP_LIMIT)


@dataclass(frozen=True)
class Cells:
    """One row by column, with the words for what is wrong in it."""

    name: str
    line: int
    values: dict[str, str]

    def refused(self, field: str, expected: str) -> RefusedInputError:
        return RefusedInputError(self.name, expected, line=self.line, field=field)

    def symbol(self) -> str:
        symbol = self.values["symbol"].upper()
        if not SYMBOL.fullmatch(symbol):
            raise self.refused("symbol", f"expected a ticker such as AAPL, found {shown(symbol)!r}")
        return symbol

    def word(self, field: str, known: Sequence[str], default: str) -> str:
        word = self.values.get(field, "").lower() or default
        if word not in known:
            raise self.refused(field, f"expected {' or '.join(known)}, found {shown(word)!r}")
        return word

    def number(self, field: str) -> Decimal | None:
        """A finite number above zero; None for an empty cell."""
        text = self.values.get(field, "")
        if not text:
            return None
        if not NUMBER.fullmatch(text) or not (value := Decimal(text)):
            raise self.refused(field, f"expected a number above zero, found {shown(text)!r}")
        return value


def looks_like(text: str) -> bool:
    """Its first line that is not blank is a header row with at least one of our columns in it."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    names = {cell.strip().strip('"').lower() for cell in first.split(",")}
    return len(names) > 1 and bool(names & {"symbol", "side", "qty", "notional"})


def read(name: str, text: str, data: bytes) -> BasketProposal:
    """The basket's lines. Raises RefusedInputError for the first that can't be used."""
    rows = csv.reader(io.StringIO(text), strict=True)
    header: list[str] | None = None
    lines: list[BasketLine] = []
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = _header(name, row, rows.line_num)
                continue
            lines.append(_line(name, header, row, rows.line_num))
            if len(lines) > MOST_LINES:
                raise RefusedInputError(
                    name, f"more than {MOST_LINES} orders, expected fewer", line=rows.line_num
                )
    except csv.Error as error:
        raise RefusedInputError(name, f"not CSV: {error}", line=rows.line_num) from error
    if not lines:
        raise RefusedInputError(name, "the basket has no order, expected one a line")
    return BasketProposal(source=name, sha256=sha256(data), lines=tuple(lines))


def _header(name: str, row: list[str], line: int) -> list[str]:
    header = [cell.strip().lower() for cell in row]
    missing = [column for column in REQUIRED if column not in header]
    if "qty" not in header and "notional" not in header:
        missing.append("qty or notional")
    if missing:
        columns = ", ".join(COLUMNS)
        raise RefusedInputError(
            name,
            f"the column {missing[0]} is missing, expected {columns}",
            line=line,
            field=missing[0],
        )
    for column in header:
        if column not in COLUMNS:
            raise RefusedInputError(
                name,
                f"unknown column {shown(column) or 'without a name'}, expected {', '.join(COLUMNS)}",
                line=line,
                field="header",
            )
    twice = next((c for c in header if header.count(c) > 1), None)
    if twice:
        raise RefusedInputError(name, f"the column {twice} is there twice", line=line, field=twice)
    return header


def _line(name: str, header: list[str], row: list[str], line: int) -> BasketLine:
    if len(row) != len(header):
        raise RefusedInputError(
            name, f"{len(row)} values, expected {len(header)} as in the header", line=line
        )
    cells = Cells(name, line, {c: v.strip() for c, v in zip(header, row, strict=True)})
    qty, notional = cells.number("qty"), cells.number("notional")
    if (qty is None) == (notional is None):
        raise cells.refused("qty", "expected either qty or notional, and not both")
    order = BasketLine(
        line=line,
        symbol=cells.symbol(),
        side=Side(cells.word("side", [side.value for side in Side], "")),
        qty=qty,
        notional=notional,
        type=OrderType(cells.word("type", TYPES, "market")),
        limit_price=cells.number("limit_price"),
        stop_price=cells.number("stop_price"),
        time_in_force=TimeInForce(
            cells.word("time_in_force", [t.value for t in TimeInForce], "day")
        ),
        account=cells.values.get("account") or None,
    )
    _prices_fit(cells, order)
    return order


def _prices_fit(cells: Cells, order: BasketLine) -> None:
    """A limit order has a limit, a stop order a stop, and no other order has either."""
    for field, price, wanted in (
        ("limit_price", order.limit_price, order.type in LIMITED),
        ("stop_price", order.stop_price, order.type in STOPPED),
    ):
        if wanted and price is None:
            raise cells.refused(field, f"a {order.type} order needs one")
        if not wanted and price is not None:
            raise cells.refused(field, f"a {order.type} order takes none, expected it empty")
