"""What the trader's other desks traded: a wash sale counts in any account of one's own (spec 3).

The accounts with real money are those of `live` and `manual`; paper and simulated money know no tax.
Another desk's journal is read, never written. Accounts that no Quarterdeck keeps are not seen."""

import asyncio
import json
import logging
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from db.connection import existing
from db.errors import JournalError
from db.home import Home
from db.model.base import Environment
from db.model.event import Event
from db.model.order import Fill
from db.model.portfolio import Position
from db.model.record import TradeRecord
from db.rows import SELECT_EVENTS, event_of
from services.desk.past import trades_of
from services.desk.settings import DeskSettings, Quotes
from services.execution import tax_book

REAL = (Environment.LIVE, Environment.MANUAL)
KINDS = json.dumps(sorted(tax_book.KINDS))
OF_TRADES = " ".join(
    (SELECT_EVENTS, "WHERE kind IN (SELECT value FROM json_each(?)) OR seq = 1 ORDER BY seq")
)

log = logging.getLogger(__name__)


class Book(NamedTuple):
    """A journal that tells of trades."""

    name: str
    path: Path
    own: bool
    """This desk's: its broker tells the trades, and the journal since when that is all of them."""


def books(home: Home, settings: DeskSettings) -> tuple[Book, ...]:
    """The journals to be looked at by the desk of `home`, there or not."""
    if home.environment not in REAL or settings.manual.quotes is Quotes.SIM:
        return ()  # by hand with practice prices is practice
    found = []
    for environment in REAL:
        own = environment is home.environment
        if not own or environment is Environment.MANUAL:
            found.append(Book(environment.value, Home(home.root, environment).journal, own))
    return tuple(found)


async def records(told: Iterable[Book], now: datetime) -> tuple[TradeRecord, ...]:
    """Of each journal there is. One that can't be read is known from `now` on only."""
    there = [book for book in told if book.path.exists()]
    return tuple(await asyncio.gather(*(asyncio.to_thread(_record, book, now) for book in there)))


def _record(book: Book, now: datetime) -> TradeRecord:
    try:
        db = existing(book.path)
        try:
            return record_of(book, map(event_of, db.execute(OF_TRADES, (KINDS,))), now)
        finally:
            db.close()
    except (JournalError, sqlite3.Error, ValueError, KeyError) as error:
        log.warning("the trades of %s can't be read: %s", book.name, error)
        return TradeRecord(since=now, why=f"the journal of {book.name} can't be read")


def record_of(book: Book, events: Iterable[Event], now: datetime) -> TradeRecord:
    """Trades by a journal, complete since it began or last adopted what nobody had told it. Pure."""
    since, fills = now, list[Fill]()
    held: tax_book.TaxBook = {}
    for n, event in enumerate(events):
        before, held = held, tax_book.after(held, (event,))
        if event.kind == "FillReceived":
            fills.append(Fill.model_validate(event.payload["fill"]))
        if n == 0 or (event.kind == "PositionAdopted" and held != before):
            since = event.at
    positions = (_position(account, symbol, b.qty) for (account, symbol), b in held.items())
    trades = () if book.own else tuple(trades_of(fills, positions))
    return TradeRecord(
        since=since,
        trades=tuple(
            trade.model_copy(update={"account": f"{book.name}/{trade.account}"}) for trade in trades
        ),
        why=f"what {book.name} traded before is not in its journal",
    )


def _position(account: str, symbol: str, qty: Decimal) -> Position:
    return Position(
        account=account, symbol=symbol, qty=qty, qty_available=qty, avg_entry_price=Decimal(0)
    )
