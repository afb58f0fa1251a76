"""Bars as plain integers: what history is kept in, folded from and made of.

A price is counted in ten-thousandths of a dollar, which every price increment divides.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from struct import Struct
from typing import NamedTuple

from services.exchange.market.quotes import Bar
from services.exchange.sessions import NEW_YORK

SCALE = 10_000
_PACKED = Struct("<8q")


class Row(NamedTuple):
    """A bar; `at` in seconds since the epoch, `turnover` Σ price × size."""

    at: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int
    turnover: int

    @classmethod
    def of(cls, bar: Bar) -> "Row":
        return cls(
            int(bar.at.timestamp()),
            int(bar.open * SCALE),
            int(bar.high * SCALE),
            int(bar.low * SCALE),
            int(bar.close * SCALE),
            bar.volume,
            bar.trades,
            int(bar.turnover * SCALE),
        )

    def split(self, new: int, old: int) -> "Row":
        """As if there had always been `new` shares for every `old`; the turnover stays."""
        opens, high, low, close = (max(price * old // new, 1) for price in self[1:5])
        volume = self.volume * new // old
        return Row(self.at, opens, high, low, close, volume, self.trades, self.turnover)

    def bar(self, symbol: str) -> Bar:
        return Bar(
            symbol,
            datetime.fromtimestamp(self.at, UTC),
            price_of(self.open),
            price_of(self.high),
            price_of(self.low),
            price_of(self.close),
            self.volume,
            self.trades,
            price_of(self.turnover),
        )


class Split(NamedTuple):
    """`new` shares for every `old`, in force on all of New York's `day`."""

    day: date
    new: int
    old: int


def adjusted(row: Row, day: date, splits: Iterable[Split]) -> Row:
    """A bar of some day in today's shares."""
    for split in splits:
        if day < split.day:
            row = row.split(split.new, split.old)
    return row


class RowBook:
    """The newest rows by time, packed: a day of five hundred symbols is remembered cheaply."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._packed: dict[int, bytes] = {}

    def put(self, row: Row) -> None:
        """Keep a row, in place of the one of its time; the oldest goes when there are too many."""
        self._packed[row.at] = _PACKED.pack(*row)
        if len(self._packed) > self._most:
            del self._packed[next(iter(self._packed))]

    def split(self, new: int, old: int, since: int) -> None:
        """Turn what is not older than `since` into new shares."""
        for row in list(self.rows()):
            if row.at >= since:
                self.put(row.split(new, old))

    def rows(self) -> Iterator[Row]:
        return (Row(*_PACKED.unpack(packed)) for packed in self._packed.values())

    def last(self) -> Row | None:
        packed = next(reversed(self._packed.values()), None)
        return None if packed is None else Row(*_PACKED.unpack(packed))


def folded(rows: Iterable[Row], at: int) -> Row:
    """One bar of several in time order."""
    kept = list(rows)
    return Row(
        at,
        kept[0].open,
        max(row.high for row in kept),
        min(row.low for row in kept),
        kept[-1].close,
        sum(row.volume for row in kept),
        sum(row.trades for row in kept),
        sum(row.turnover for row in kept),
    )


def price_of(count: int) -> Decimal:
    return Decimal(count).scaleb(-4)


def midnight(day: date) -> int:
    """New York's, in seconds since the epoch: when daily bars begin."""
    return int(datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).timestamp())
