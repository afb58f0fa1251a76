"""The trader's portfolio or broker's statement as a file: PORTFOLIO.md, a book, or a CSV."""

import csv
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import PurePath

from pydantic import ValidationError

from db.model.ticket import StatedHolding, Statement
from services.brokers.manual.ledger import Ledger
from services.brokers.manual.typed import WrongInputError, read_price
from services.exchange.book import BookError, parse_book
from services.intake.refusal import RefusedInputError
from services.intake.text import decoded
from services.reports.portfolio_md import PortfolioFormatError, parse

Known = Callable[[str], Decimal | None]
"""Symbol → what is known already, where the file does not say."""
_COLUMNS = {
    "symbol": "symbol", "ticker": "symbol", "qty": "qty", "quantity": "qty", "shares": "qty",
    "price": "price", "last price": "price", "entry price": "cost", "entry_price": "cost",
    "average cost": "cost", "cost": "cost", "avg_entry_price": "cost",
}  # fmt: skip
CASH = "CASH"


def read_statement(
    name: str, data: bytes, account: str, at: datetime, before: Ledger, *, opening: bool = False
) -> Statement:
    """The statement in the file, as of `at`. A price or cost that the file leaves out is taken from
    `before`; where nobody ever told one, the file is refused, for no value could be trusted. Raises
    RefusedInputError."""
    text = decoded(name, data)
    kind = PurePath(name).suffix.lower()
    reader = {".md": _of_portfolio, ".json": _of_book, ".csv": _of_csv}.get(kind)
    if reader is None:
        raise RefusedInputError(name, "expected PORTFOLIO.md, a book (.json) or a .csv")
    try:
        cash, holdings = reader(name, text, before)
        if cash is None and opening:
            raise RefusedInputError(name, "it says no cash, expected it for a beginning")
        twice = {h.symbol for h in holdings if sum(h.symbol == o.symbol for o in holdings) > 1}
        if twice:
            raise RefusedInputError(name, f"{min(twice)} stands twice in it")
        return Statement(
            account=account,
            as_of=at,
            cash=before.cash if cash is None else cash,
            holdings=holdings,
            source=name,
            opening=opening,
        )
    except (PortfolioFormatError, BookError, WrongInputError) as error:
        raise RefusedInputError(name, str(error).rstrip(".")) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RefusedInputError(name, f"{where}: {first['msg']}") from error


Read = tuple[Decimal | None, tuple[StatedHolding, ...]]


def _of_portfolio(name: str, text: str, before: Ledger) -> Read:
    report = parse(text)
    accounts = {line.account for line in report.accounts}
    accounts |= {line.account for line in report.holdings}
    if len(accounts) > 1:
        raise RefusedInputError(name, f"it has {len(accounts)} accounts, a manual desk keeps one")
    return report.cash, tuple(
        _holding(
            name, before, line.ticker, line.quantity, line.entry_price, line.price, line.sector
        )
        for line in report.holdings
    )


def _of_book(name: str, text: str, before: Ledger) -> Read:
    book = parse_book(text, name)
    if len(book.accounts) != 1:
        raise RefusedInputError(
            name, f"it has {len(book.accounts)} accounts, a manual desk keeps one"
        )
    market = {listing.symbol: listing for listing in book.market}
    cash = next(iter(book.accounts.values())).cash
    return cash, tuple(
        _holding(
            name,
            before,
            held.symbol,
            held.qty,
            held.avg_entry_price,
            market[held.symbol].price,
            market[held.symbol].sector,
        )
        for held in book.positions
    )


def _of_csv(name: str, text: str, before: Ledger) -> Read:
    """`symbol,quantity` and perhaps `price,entry price`; a row `CASH` has the cash as its quantity."""
    rows = list(csv.reader(text.splitlines()))
    heads = [_COLUMNS.get(cell.strip().lower(), "") for cell in rows[0]]
    if "symbol" not in heads or "qty" not in heads:
        raise RefusedInputError(name, "expected the columns symbol and quantity", line=1)
    cash: Decimal | None = None
    holdings = []
    for number, cells in enumerate(rows[1:], start=2):
        row = {head: cell.strip() for head, cell in zip(heads, cells, strict=False) if head}
        symbol = row.get("symbol", "").upper()
        if not symbol:
            continue
        try:
            qty = _signed(row.get("qty", ""))
            if symbol == CASH:
                cash = qty
                continue
            cost, price = (read_price(row[n]) if row.get(n) else None for n in ("cost", "price"))
        except WrongInputError as error:
            raise RefusedInputError(name, str(error).rstrip("."), line=number) from error
        holdings.append(_holding(name, before, symbol, qty, cost, price, ""))
    return cash, tuple(holdings)


def _signed(text: str) -> Decimal:
    """A quantity, negative when short; nothing held is a quantity too."""
    bare = text.removeprefix("-")
    if bare.strip("0.") == "" and bare:
        return Decimal(0)
    number = read_price(bare)
    return -number if text.startswith("-") else number


def _holding(
    name: str,
    before: Ledger,
    symbol: str,
    qty: Decimal,
    cost: Decimal | None,
    price: Decimal | None,
    sector: str,
) -> StatedHolding:
    held = before.held.get(symbol)
    price = price or before.last_price(symbol) or cost
    cost = cost or (held.cost if held is not None else None) or price
    if price is None or cost is None:
        raise RefusedInputError(
            name, f"nobody told a price of {symbol} yet, expected one: no value can be trusted"
        )
    return StatedHolding(symbol=symbol, qty=qty, avg_entry_price=cost, price=price, sector=sector)
