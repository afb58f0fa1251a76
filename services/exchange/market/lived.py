"""What the exchange itself saw since it began: the newest ticks and bars of a symbol, bounded."""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, date, datetime

from services.exchange.market.quotes import Bar, Quote, Trade
from services.exchange.market.rows import Row, RowBook, midnight
from services.exchange.sessions import NEW_YORK

TICKS, MINUTES, DAYS = 4_000, 2_000, 1_000
QUIET_TICKS, QUIET_MINUTES, QUIET_DAYS = 100, 400, 250


class Lived:
    """`quiet` symbols, of which there are many, are remembered for a shorter time."""

    def __init__(self, *, quiet: bool = False) -> None:
        ticks = QUIET_TICKS if quiet else TICKS
        self.trades: deque[Trade] = deque(maxlen=ticks)
        self.quotes: deque[Quote] = deque(maxlen=ticks)
        self._minutes = RowBook(QUIET_MINUTES if quiet else MINUTES)
        self._days = RowBook(QUIET_DAYS if quiet else DAYS)

    def finish_minute(self, bar: Bar) -> None:
        self._minutes.put(Row.of(bar))

    def finish_day(self, bar: Bar) -> None:
        self._days.put(Row.of(bar))

    def split(self, day: date, new: int, old: int) -> None:
        """Turn the minutes of the day of a split into new shares."""
        self._minutes.split(new, old, midnight(day))

    @property
    def last_day(self) -> Row | None:
        return self._days.last()

    def days(self, running: Bar | None) -> dict[date, Row]:
        """The days seen, the running one with them, in time order."""
        rows = {day_of(row): row for row in self._days.rows()}
        if running is not None:
            row = Row.of(running)
            rows[day_of(row)] = row
        return rows

    def minutes(self, day: date) -> Iterator[Row]:
        return (row for row in self._minutes.rows() if day_of(row) == day)

    def minute_days(self) -> list[date]:
        return list(dict.fromkeys(day_of(row) for row in self._minutes.rows()))


def day_of(row: Row) -> date:
    return datetime.fromtimestamp(row.at, UTC).astimezone(NEW_YORK).date()
