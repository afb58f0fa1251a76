"""Bars, trades and quotes over any past range: made up before the exchange began, seen since.

Bars begin in [start, end], trades and quotes happened in it; `descending` gives the newest
first. Everything is made as it is taken, so that a page costs a page.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, takewhile
from typing import Protocol, TypeVar

from services.exchange.book import Listing
from services.exchange.market.lived import Lived
from services.exchange.market.past import Past, PastDay, PastSessions
from services.exchange.market.quotes import Bar, Quote, Trade
from services.exchange.market.rows import Row, Split, adjusted
from services.exchange.market.timeframes import Timeframe
from services.exchange.sessions import NEW_YORK

Tick = TypeVar("Tick", Quote, Trade)
Item = TypeVar("Item")
MOST_PASTS = 64  # symbols whose past stays made


class Subject(Protocol):
    """What history is told of: a Board."""

    listing: Listing
    lived: Lived
    day: Bar | None


@dataclass(frozen=True)
class Span:
    """A range of time, both ends included, and which end comes first."""

    start: datetime
    end: datetime
    descending: bool = False

    @property
    def first_day(self) -> date:
        return self.start.astimezone(NEW_YORK).date()

    @property
    def last_day(self) -> date:
        return self.end.astimezone(NEW_YORK).date()

    def holds(self, at: datetime) -> bool:
        return self.start <= at <= self.end


class History:
    def __init__(self, seed: int, begun: date) -> None:
        """`begun` is New York's day on which prices began to be the listings' own."""
        self._seed, self.begun = seed, begun
        self._sessions = PastSessions(seed, begun)
        self._pasts: dict[str, Past] = {}

    def bars(
        self, board: Subject, timeframe: Timeframe, span: Span, splits: Sequence[Split] = ()
    ) -> Iterator[Bar]:
        """What lies before one of the `splits` is told in today's shares."""
        symbol = board.listing.symbol
        low, high = span.start.timestamp(), span.end.timestamp()
        rows = self._rows(board, timeframe, span, splits)
        return (row.bar(symbol) for row in rows if low <= row.at <= high)

    def day_before(self, board: Subject) -> Bar | None:
        """The last finished day before the running one, or before today when none runs."""
        row = board.lived.last_day
        if row is None:
            past = self._past(board).day(0)
            row = past.row if past else None
        return row.bar(board.listing.symbol) if row else None

    def trades(self, board: Subject, span: Span) -> Iterator[Trade]:
        made = (
            trade
            for day, number in self._past_minutes(board, span)
            for trade in _turned(day.trades(number), span)
        )
        return _joined(made, board.lived.trades, span)

    def quotes(self, board: Subject, span: Span) -> Iterator[Quote]:
        made = (
            quote
            for day, number in self._past_minutes(board, span)
            for quote in _turned(day.quotes(number), span)
        )
        return _joined(made, board.lived.quotes, span)

    # -- bars ---------------------------------------------------------------------------------

    def _rows(
        self, board: Subject, timeframe: Timeframe, span: Span, splits: Sequence[Split]
    ) -> Iterator[Row]:
        if timeframe.within_a_day:
            for day, rows in self._within_days(board, timeframe, span):
                yield from (adjusted(row, day, splits) for row in _turned(rows, span))
            return
        first = timeframe.first_day(span.first_day)
        past = [(day.session.day, day.row) for day in self._past_days(board, first, date.max)]
        lived = board.lived.days(board.day)
        raw = past[::-1] + [(day, row) for day, row in lived.items() if day >= first]
        days = [(day, adjusted(row, day, splits)) for day, row in raw]
        whole = takewhile(lambda row: row.at <= span.end.timestamp(), timeframe.of_days(days))
        yield from _turned(whole, span)

    def _within_days(
        self, board: Subject, timeframe: Timeframe, span: Span
    ) -> Iterator[tuple[date, Iterable[Row]]]:
        """The bars of each day, the days in the order asked for."""
        days = self._past_days(board, span.first_day, span.last_day)
        past = ((day.session.day, day.rows(timeframe)) for day in _in_order(days, span))
        lived = (
            (day, timeframe.of_minutes(day, board.lived.minutes(day)))
            for day in _turned(board.lived.minute_days(), span)
            if span.first_day <= day <= span.last_day
        )
        return chain(lived, past) if span.descending else chain(past, lived)

    # -- ticks --------------------------------------------------------------------------------

    def _past_minutes(self, board: Subject, span: Span) -> Iterator[tuple[PastDay, int]]:
        for day in _in_order(self._past_days(board, span.first_day, span.last_day), span):
            count = len(day.shape.minutes)
            since = int((span.start - day.session.opens).total_seconds() // 60)
            until = int((span.end - day.session.opens).total_seconds() // 60)
            numbers = range(max(since, 0), min(until + 1, count))
            yield from ((day, number) for number in _turned(numbers, span))

    # -- the past -----------------------------------------------------------------------------

    def _past_days(self, board: Subject, first: date, last: date) -> Iterator[PastDay]:
        """Newest first."""
        past = self._past(board)
        for index in self._sessions.indices(first, last):
            day = past.day(index)
            if day is not None:
                yield day

    def _past(self, board: Subject) -> Past:
        symbol = board.listing.symbol
        if symbol not in self._pasts:
            if len(self._pasts) >= MOST_PASTS:
                del self._pasts[next(iter(self._pasts))]
            self._pasts[symbol] = Past(self._seed, board.listing, self._sessions)
        return self._pasts[symbol]


def _joined(made: Iterator[Tick], seen: Iterable[Tick], span: Span) -> Iterator[Tick]:
    """What was made up lies before what was seen."""
    held = list(seen)
    both = chain(reversed(held), made) if span.descending else chain(made, held)
    return (tick for tick in both if span.holds(tick.at))


def _in_order(newest_first: Iterable[Item], span: Span) -> Iterable[Item]:
    return newest_first if span.descending else reversed(list(newest_first))


def _turned(items: Iterable[Item], span: Span) -> Iterable[Item]:
    """Things in time order in the order asked for."""
    return reversed(list(items)) if span.descending else items
