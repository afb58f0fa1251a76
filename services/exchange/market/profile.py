"""How a day looks: busy and wide at the open, quiet at noon, busy at the close.

The tables follow what US stocks show on average (Wood, McInish and Ord 1985; Admati and
Pfleiderer 1988): U-shaped volume and volatility, spreads that narrow in the first half hour.
A half day has the same shape in less time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from services.exchange.sessions import NEW_YORK, session_of

PARTS = 13  # half hours of a full session
# Thousandths of the day's volume in each part; together one.
VOLUME = (130, 85, 70, 60, 55, 50, 50, 50, 55, 60, 70, 90, 175)
# Hundredths of the mean volatility; their root mean square is one.
VOLATILITY = (163, 125, 104, 91, 84, 77, 75, 75, 79, 84, 91, 100, 113)
OPENING_SPREAD, SETTLED_AFTER = Decimal(2), timedelta(minutes=30)  # added at the open, gone after
OUTSIDE_VOLATILITY, OUTSIDE_SPREAD = Decimal("0.5"), Decimal(4)
FULL_SESSION = 23_400  # seconds


@dataclass(frozen=True)
class Moment:
    """What a time of day does: `volume` is a part of the day's a second, the rest factors."""

    volume: Decimal
    volatility: Decimal
    spread: Decimal


CALM = Moment(Decimal(1) / FULL_SESSION, Decimal(1), Decimal(1))
OUTSIDE = Moment(Decimal(0), OUTSIDE_VOLATILITY, OUTSIDE_SPREAD)


def moment_of(at: datetime) -> Moment:
    """The profile at a time, told to the minute; outside the regular
    session quotes are wide and nothing is printed."""
    return _minute(at.replace(second=0, microsecond=0))


@lru_cache(maxsize=1024)
def _minute(at: datetime) -> Moment:
    session = session_of(at.astimezone(NEW_YORK).date())
    if session is None or not session.opens <= at < session.closes:
        return OUTSIDE
    length, since = session.closes - session.opens, at - session.opens
    part = PARTS * since // length
    seconds = int(length.total_seconds())
    left = max(
        1 - Decimal(since // timedelta(minutes=1)) / (SETTLED_AFTER // timedelta(minutes=1)),
        Decimal(0),
    )
    return Moment(
        Decimal(VOLUME[part] * PARTS) / 1000 / seconds,
        Decimal(VOLATILITY[part]) / 100,
        1 + OPENING_SPREAD * left,
    )
