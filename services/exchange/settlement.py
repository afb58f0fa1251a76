"""When a trade settles: so many business days later, of those on which banks are open too."""

from datetime import date

from services.exchange.sessions import DAY, session_of

# From this trading day on, days to settlement: SEC rule 15c6-1 and what it replaced.
LAGS = (
    (date(2024, 5, 28), 1),
    (date(2017, 9, 5), 2),
    (date(1995, 6, 7), 3),
    (date.min, 5),
)


def settlement_day(traded: date) -> date:
    """Columbus Day and Veterans Day are traded on, but nothing settles then."""
    left = next(lag for since, lag in LAGS if traded >= since)
    day = traded
    while left:
        day += DAY
        if session_of(day) is not None and not _banks_closed(day):
            left -= 1
    return day


def _banks_closed(day: date) -> bool:
    columbus = day.month == 10 and day.weekday() == 0 and 8 <= day.day <= 14
    veterans = (day.month, day.day) == (11, 11) or (
        (day.month, day.day, day.weekday()) == (11, 12, 0)
    )
    return columbus or veterans
