"""The market as it stands: instruments, latest quotes and trades, running bars. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from services.exchange.book import Listing
from services.exchange.market.quotes import (
    Bands,
    Bar,
    Cancel,
    Correction,
    PriceSource,
    Quote,
    Trade,
    TradingStatus,
)
from services.exchange.sessions import NEW_YORK

MINUTE = timedelta(minutes=1)
ZERO = Decimal(0)


@dataclass
class Board:
    """The latest of one instrument. `previous_close` is what yesterday ended at."""

    listing: Listing
    asset_id: str
    previous_close: Decimal
    halted: bool = False
    quote: Quote | None = None
    trade: Trade | None = None
    minute: Bar | None = None
    last_minute: Bar | None = None
    day: Bar | None = None

    @property
    def price(self) -> Decimal:
        """What a share is worth now: the last trade, as Alpaca values positions."""
        return self.trade.price if self.trade else self.listing.price


@dataclass(frozen=True)
class Update:
    """What one tick of the market changed, in order.

    `bars` are the minutes just finished, `updated` those that late trades or corrections changed
    since they were sent, `days` the running days of what traded in the last minute.
    """

    ticks: list[Quote | Trade]
    bars: list[Bar]
    days: list[Bar]
    updated: list[Bar] = field(default_factory=list)
    statuses: list[TradingStatus] = field(default_factory=list)
    lulds: list[Bands] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    cancels: list[Cancel] = field(default_factory=list)

    @property
    def quoted(self) -> set[str]:
        return {tick.symbol for tick in self.ticks if isinstance(tick, Quote)}


class Market:
    """Takes ticks from its sources and keeps the latest of everything."""

    def __init__(self, listings: Iterable[Listing], sources: Iterable[PriceSource]) -> None:
        self.boards = {
            listing.symbol: Board(listing, asset_id(listing.symbol), listing.price)
            for listing in listings
        }
        self._symbols = {board.asset_id: symbol for symbol, board in self.boards.items()}
        self._sources = tuple(sources)

    def find(self, symbol_or_id: str) -> Board | None:
        return self.boards.get(self._symbols.get(symbol_or_id, symbol_or_id.upper()))

    def advance(self, now: datetime) -> Update:
        """Take what the sources have up to now."""
        return self.take([tick for source in self._sources for tick in source.due(now)], now)

    def take(self, ticks: list[Quote | Trade], now: datetime) -> Update:
        finished: list[Bar] = []
        for tick in ticks:
            board = self.boards[tick.symbol]
            if isinstance(tick, Quote):
                board.quote = tick
            else:
                self._print(board, tick, finished)
        minute = now.replace(second=0, microsecond=0)
        for board in self.boards.values():
            if board.minute and board.minute.at < minute:
                finished.append(self._finish(board))
        days = [replace(day) for bar in finished if (day := self.boards[bar.symbol].day)]
        return Update(ticks, finished, days)

    def _print(self, board: Board, trade: Trade, finished: list[Bar]) -> None:
        board.trade = trade
        minute = trade.at.replace(second=0, microsecond=0)
        if board.minute and board.minute.at < minute:
            finished.append(self._finish(board))
        if board.minute:
            board.minute.take(trade)
        else:
            board.minute = Bar.begun(trade, minute)
        if board.day and _day(board.day.at) == _day(trade.at):
            board.day.take(trade)
        else:
            if board.day:
                board.previous_close = board.day.close
            midnight = trade.at.astimezone(NEW_YORK).replace(hour=0, minute=0, second=0)
            board.day = Bar.begun(trade, midnight.replace(microsecond=0))

    @staticmethod
    def _finish(board: Board) -> Bar:
        bar = board.minute
        if bar is None:
            raise ValueError(f"{board.listing.symbol} has no running bar to finish")
        board.minute, board.last_minute = None, bar
        return bar


def asset_id(symbol: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"simulated exchange asset {symbol}"))


def asset_as_wire(board: Board) -> dict[str, Any]:
    """GET /v2/assets item; `sector` and `average_daily_volume` are extras clients ignore."""
    listing = board.listing
    return {
        "id": board.asset_id,
        "class": "us_equity",
        "exchange": listing.venue,
        "symbol": listing.symbol,
        "name": listing.name or f"{listing.symbol} (simulated)",
        "status": "active",
        "tradable": True,
        "marginable": True,
        "maintenance_margin_requirement": 30,
        "shortable": True,
        "easy_to_borrow": True,
        "fractionable": True,
        "attributes": [],
        "sector": listing.sector,
        "average_daily_volume": listing.adv,
    }


def _day(at: datetime) -> date:
    return at.astimezone(NEW_YORK).date()
