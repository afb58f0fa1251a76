"""Prices replayed from a recorded day: SYMBOL.quotes.csv[.gz] and SYMBOL.trades.csv[.gz]."""

import csv
import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from heapq import merge
from pathlib import Path
from typing import TextIO

from services.exchange.market.quotes import ONE, Quote, Trade
from services.exchange.sessions import NEW_YORK, Session, session_of

QUOTES = ("time_et", "bid", "bid_size", "ask", "ask_size")
TRADES = ("time_et", "open", "high", "low", "close", "volume")


class TapeError(ValueError):
    """The tape cannot be played; the message is one sentence."""


@dataclass(frozen=True)
class Tape:
    """A folder of one recorded day, looked at but not yet read."""

    folder: Path
    session: Session
    symbols: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path) -> "Tape":
        """Raises TapeError when the folder is no tape."""
        try:
            day = datetime.strptime(folder.resolve().name, "%Y%m%d").replace(tzinfo=UTC).date()
        except ValueError as error:
            raise TapeError(f"Tape {folder} is not named by its date (YYYYMMDD).") from error
        session = session_of(day)
        if session is None:
            raise TapeError(f"Tape {folder} is of a day without a session.")
        names = sorted(path.name for path in folder.glob("*.quotes.csv*"))
        symbols = tuple(dict.fromkeys(name.split(".quotes.")[0] for name in names))
        if not symbols:
            raise TapeError(f"Tape {folder} holds no SYMBOL.quotes.csv or .csv.gz file.")
        return cls(folder, session, symbols)

    def ticks(self) -> Iterator[Quote | Trade]:
        """All records in time order, read as they are needed. A bad line is a TapeError."""
        feeds: list[Iterator[Quote | Trade]] = []
        for symbol in self.symbols:
            feeds.append(self._quotes(symbol))
            feeds.append(self._trades(symbol))
        return merge(*feeds, key=lambda tick: tick.at)

    def first_mids(self) -> dict[str, Decimal]:
        """The mid of each symbol's last quote before the open, else of its first."""
        mids = {}
        for symbol in self.symbols:
            for quote in self._quotes(symbol):
                if symbol in mids and quote.at > self.session.opens:
                    break
                mids[symbol] = (quote.bid + quote.ask) / 2
        return mids

    def _quotes(self, symbol: str) -> Iterator[Quote]:
        """Locked seconds (bid = ask, about one in a hundred) are left out: the quote before
        stands, so that a bid is below its ask for everybody."""
        for at, row in self._rows(f"{symbol}.quotes.csv", QUOTES):
            bid, ask = Decimal(row[1]), Decimal(row[3])
            if bid < ask or not ask:
                yield Quote(symbol, bid, _shares(row[2]), ask, _shares(row[4]), at)

    def _trades(self, symbol: str) -> Iterator[Trade]:
        for index, (at, row) in enumerate(self._rows(f"{symbol}.trades.csv", TRADES), start=1):
            first, high, low, last = (Decimal(price) for price in row[1:5])
            yield Trade(symbol, index, last, _shares(row[5]), at, first, high, low)

    def _rows(self, name: str, header: tuple[str, ...]) -> Iterator[tuple[datetime, list[str]]]:
        midnight = datetime.combine(self.session.day, time(), NEW_YORK).astimezone(UTC)
        path = self.folder / name
        packed = self.folder / f"{name}.gz"
        if not path.exists() and not packed.exists():
            return
        with path.open() if path.exists() else _unpacked(packed) as file:
            lines = csv.reader(file)
            if tuple(next(lines, ())) != header:
                raise TapeError(f"Tape file {name} does not start with {','.join(header)}.")
            for number, row in enumerate(lines, start=2):
                try:
                    hours, minutes, seconds = row[0].split(":")
                    at = midnight + timedelta(
                        hours=int(hours), minutes=int(minutes), seconds=float(seconds)
                    )
                    checked = [Decimal(cell) for cell in row[1:]]
                except (ValueError, IndexError, InvalidOperation) as error:
                    raise TapeError(f"Tape file {name} is malformed at line {number}.") from error
                if len(checked) != len(header) - 1 or not all(c.is_finite() for c in checked):
                    raise TapeError(f"Tape file {name} is malformed at line {number}.")
                yield at, row


class TapePlayer:
    """Plays a tape by the exchange's clock: what is due is what was recorded up to now.

    `factors` are what scenarios multiplied the tape's prices with, by symbol.
    """

    def __init__(self, tape: Tape, factors: Mapping[str, Decimal] | None = None) -> None:
        self._ticks = tape.ticks()
        self._next = next(self._ticks, None)
        self._symbols = frozenset(tape.symbols)
        self.factors = dict(factors or {})

    def jump(self, symbol: str, factor: Decimal) -> None:
        if symbol in self._symbols:
            self.factors[symbol] = self.factors.get(symbol, ONE) * factor

    def due(self, now: datetime) -> list[Quote | Trade]:
        ticks: list[Quote | Trade] = []
        while self._next is not None and self._next.at <= now:
            factor = self.factors.get(self._next.symbol)
            ticks.append(self._next if factor is None else self._next.moved(factor))
            self._next = next(self._ticks, None)
        return ticks


def _unpacked(path: Path) -> TextIO:
    return gzip.open(path, "rt", encoding="utf-8")


def _shares(cell: str) -> int:
    return int(Decimal(cell))
