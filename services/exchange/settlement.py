"""When a trade settles: so many business days later, of those on which banks are open too."""

from bisect import bisect_right
from datetime import date
from functools import cache

from services.exchange.sessions import is_trading_day

# From this trading day on, days to settlement: SEC rule 15c6-1 and what it replaced.
LAGS = (
    (date(2024, 5, 28), 1),
    (date(2017, 9, 5), 2),
    (date(1995, 6, 7), 3),
    (date.min, 5),
)


def settlement_day(traded: date) -> date:
    """Columbus Day and Veterans Day are traded on, but nothing settles then."""
    lag = next(lag for since, lag in LAGS if traded >= since)
    days = _days_from(traded.year)
    return days[bisect_right(days, traded) + lag - 1]


@cache
def _days_from(year: int) -> tuple[date, ...]:
    """The days on which trades settle, of a year and of the January after it."""
    first, end = date(year, 1, 1).toordinal(), date(year + 1, 2, 1).toordinal()
    days = map(date.fromordinal, range(first, end))
    return tuple(day for day in days if is_trading_day(day) and not _banks_closed(day))


def _banks_closed(day: date) -> bool:
    columbus = day.month == 10 and day.weekday() == 0 and 8 <= day.day <= 14
    veterans = (day.month, day.day) == (11, 11) or (
        (day.month, day.day, day.weekday()) == (11, 12, 0)
    )
    return columbus or veterans
