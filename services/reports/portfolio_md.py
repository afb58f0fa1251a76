"""PORTFOLIO.md: written for people, read back without loss (spec 2.A)."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError

from db.model.base import Noun, plain
from services.intake.markdown import Piece, pieces
from services.reports.markup import MISSING, escaped, table
from services.reports.portfolio import (
    AccountLine,
    HoldingLine,
    PortfolioReport,
    SectorLine,
    WorkingOrderLine,
    offset_of,
)

_GENERATED = re.compile(r"Generated:\s*(\d{4}-\d\d-\d\d) at (\d\d:\d\d) (\S+)")
_ACTION_PLAN = "## ACTION PLAN\n"


class PortfolioFormatError(ValueError):
    """A PORTFOLIO.md that can't be read back: one sentence names the line and what was expected."""

    def __init__(self, line: int, expected: str) -> None:
        super().__init__(f"PORTFOLIO.md, line {line}: {expected}.")


@dataclass(frozen=True)
class Form:
    """How one kind of value is written and read."""

    write: Callable[[Any], str]
    read: Callable[[str], Any]

    def or_missing(self) -> "Form":
        return Form(
            lambda value: MISSING if value is None else self.write(value),
            lambda text: None if text == MISSING else self.read(text),
        )


def money(value: Decimal) -> str:
    """Dollars with at least the cents and no digit lost: `-$1,234.50`."""
    exact = plain(abs(value))
    cents = exact if len(exact.partition(".")[2]) > 2 else f"{abs(value):.2f}"
    whole, _, fraction = cents.partition(".")
    return f"{'-' if value < 0 else ''}${int(whole):,}.{fraction}"


def percent(value: Decimal) -> str:
    """A fraction as percent with at least one decimal and no digit lost: `46.8%`."""
    text = plain(value.scaleb(2))
    return f"{text}%" if "." in text else f"{text}.0%"


def _number(text: str) -> Decimal:
    number = Decimal(text.replace(",", ""))
    if not number.is_finite():
        raise ValueError(text)
    return number


def _percent_number(text: str) -> Decimal:
    return _number(text.removesuffix("%")).scaleb(-2)


TEXT = Form(escaped, str)
MONEY = Form(money, lambda text: _number(text.replace("$", "", 1)))
PERCENT = Form(percent, _percent_number)
QUANTITY = Form(plain, _number)
DATE = Form(date.isoformat, date.fromisoformat)
TICKERS = Form(
    lambda tickers: escaped(", ".join(tickers)) or MISSING,
    lambda text: () if text == MISSING else tuple(text.split(", ")),
)


@dataclass(frozen=True)
class Section:
    """One table of the report: its heading, the noun of a row, and its columns in order."""

    heading: str
    field: str
    noun: type[Noun]
    columns: tuple[tuple[str, str, Form], ...]


SECTIONS = (
    Section(
        "B. Accounts", "accounts", AccountLine,
        (
            ("Account", "account", TEXT),
            ("Value", "value", MONEY),
            ("Cash", "cash", MONEY),
            ("Buying power", "buying_power", MONEY.or_missing()),
        ),
    ),
    Section(
        "C. Current holdings", "holdings", HoldingLine,
        (
            ("Ticker", "ticker", TEXT),
            ("Quantity", "quantity", QUANTITY),
            ("Entry price", "entry_price", MONEY.or_missing()),
            ("Price", "price", MONEY.or_missing()),
            ("Value", "value", MONEY.or_missing()),
            ("Weight", "weight", PERCENT.or_missing()),
            ("Unrealised P&L %", "unrealized_plpc", PERCENT.or_missing()),
            ("Sector", "sector", TEXT),
            ("Account", "account", TEXT),
            ("Entry date", "entry_date", DATE.or_missing()),
            ("Stop loss", "stop_loss", MONEY.or_missing()),
            ("Profit target", "profit_target", MONEY.or_missing()),
            ("Conviction tier", "conviction_tier", TEXT.or_missing()),
        ),
    ),
    Section(
        "D. Working orders", "working_orders", WorkingOrderLine,
        (
            ("Client order id", "client_order_id", TEXT),
            ("Account", "account", TEXT),
            ("Ticker", "ticker", TEXT),
            ("Side", "side", TEXT),
            ("Quantity", "quantity", QUANTITY.or_missing()),
            ("Type", "type", TEXT),
            ("Limit price", "limit_price", MONEY.or_missing()),
            ("Stop price", "stop_price", MONEY.or_missing()),
            ("Filled", "filled_quantity", QUANTITY),
            ("Status", "status", TEXT),
        ),
    ),
    Section(
        "E. Sector allocation", "sectors", SectorLine,
        (
            ("Sector", "sector", TEXT),
            ("Weight", "weight", PERCENT),
            ("Cap", "cap", PERCENT.or_missing()),
            ("Headroom", "headroom", PERCENT.or_missing()),
            ("Tickers", "tickers", TICKERS),
        ),
    ),
)  # fmt: skip
"""The tables of the report, in order. Sections A, F and the action plan are not tables."""


def render(report: PortfolioReport) -> str:
    """The report as Markdown. `parse` gives it back, equal."""
    return "\n".join(_parts(report))


def _parts(report: PortfolioReport) -> Iterator[str]:
    local = report.generated_at.astimezone(offset_of(report.zone))
    yield "# PORTFOLIO"
    yield f"**Generated:** {local:%Y-%m-%d} at {local:%H:%M} {report.zone}\n"
    yield "## A. Portfolio overview"
    yield f"- Total portfolio value: {money(report.total_value)}"
    yield f"- Cash: {money(report.cash)} ({PERCENT.or_missing().write(report.cash_weight)})\n"
    for section in SECTIONS:
        yield f"## {section.heading}"
        lines: Sequence[Noun] = getattr(report, section.field)
        if not lines:
            yield "None.\n"
            continue
        heads = [head for head, _, _ in section.columns]
        yield table(
            heads,
            [[form.write(getattr(n, name)) for _, name, form in section.columns] for n in lines],
        )
    yield "## F. Notes"
    yield "".join(f"- {escaped(note)}\n" for note in report.notes) or "None.\n"
    if report.action_plan:
        yield _ACTION_PLAN + report.action_plan


def parse(text: str) -> PortfolioReport:
    """What `render` wrote. Raises PortfolioFormatError."""
    head, _, action_plan = text.partition(f"\n{_ACTION_PLAN}")
    document = pieces(head)
    if not document or (document[0].kind, document[0].text) != ("heading", "PORTFOLIO"):
        raise PortfolioFormatError(1, "it does not begin with '# PORTFOLIO'")
    generated_at, zone = _generated(document)
    overview = _items(document, "A. Portfolio overview")
    cash, cash_weight = _cash(overview)
    tables = {one.field: tuple(_lines(document, one)) for one in SECTIONS}
    try:
        return PortfolioReport(
            generated_at=generated_at,
            zone=zone,
            total_value=_after(overview, "Total portfolio value: ", MONEY),
            cash=cash,
            cash_weight=cash_weight,
            notes=tuple(piece.text for piece in _items(document, "F. Notes")),
            action_plan=action_plan,
            **tables,
        )
    except ValidationError as error:
        raise PortfolioFormatError(1, _first(error)) from error


def _generated(document: Sequence[Piece]) -> tuple[datetime, str]:
    for piece in document:
        if match := _GENERATED.fullmatch(" ".join(piece.text.split())):
            try:
                naive = datetime.fromisoformat(f"{match[1]}T{match[2]}")
                return naive.replace(tzinfo=offset_of(match[3])), match[3]
            except ValueError as error:
                raise PortfolioFormatError(piece.line, f"{error}") from error
    raise PortfolioFormatError(2, "expected '**Generated:** 2026-01-05 at 14:32 MST'")


def _section(document: Sequence[Piece], heading: str) -> tuple[int, list[Piece]]:
    """The line of a heading, and what stands under it."""
    for n, piece in enumerate(document):
        if (piece.kind, piece.text) == ("heading", heading):
            rest = document[n + 1 :]
            end = next((k for k, one in enumerate(rest) if one.kind == "heading"), len(rest))
            return piece.line, list(rest[:end])
    raise PortfolioFormatError(1, f"it has no section '## {heading}'")


def _items(document: Sequence[Piece], heading: str) -> list[Piece]:
    return [piece for piece in _section(document, heading)[1] if piece.kind == "item"]


def _after(overview: Sequence[Piece], label: str, form: Form) -> Any:
    for piece in overview:
        if piece.text.startswith(label):
            return _read(form, piece.text.removeprefix(label), piece.line, label.rstrip(": "))
    raise PortfolioFormatError(1, f"section A has no line '- {label}…'")


def _cash(overview: Sequence[Piece]) -> tuple[Decimal, Decimal | None]:
    pair = re.compile(r"(\S+) \((\S+)\)")

    def read(text: str) -> tuple[Decimal, Decimal | None]:
        match = pair.fullmatch(text)
        if match is None:
            raise ValueError(text)
        return MONEY.read(match[1]), PERCENT.or_missing().read(match[2])

    found: tuple[Decimal, Decimal | None] = _after(overview, "Cash: ", Form(str, read))
    return found


def _lines(document: Sequence[Piece], section: Section) -> Iterator[Noun]:
    line, under = _section(document, section.heading)
    rows = [piece for piece in under if piece.kind == "row"]
    if not rows:
        return
    heads = tuple(head for head, _, _ in section.columns)
    if rows[0].cells != heads:
        raise PortfolioFormatError(line, f"expected the columns {', '.join(heads)}")
    for row in rows[1:]:
        values = {
            name: _read(form, cell, row.line, head)
            for (head, name, form), cell in zip(section.columns, row.cells, strict=True)
        }
        try:
            yield section.noun(**values)
        except ValidationError as error:
            raise PortfolioFormatError(row.line, _first(error)) from error


def _read(form: Form, text: str, line: int, name: str) -> Any:
    try:
        return form.read(text)
    except (ValueError, InvalidOperation) as error:
        raise PortfolioFormatError(line, f"{text!r} can't be read as {name}") from error


def _first(error: ValidationError) -> str:
    one = error.errors()[0]
    return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
