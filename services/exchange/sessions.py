"""New York trading days: weekdays without NYSE holidays, half days included."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache, cached_property, lru_cache
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
OPEN = time(9, 30)
CLOSE = time(16, 0)
EARLY_CLOSE = time(13, 0)
PRE_MARKET = time(4, 0)
AFTER_HOURS_END = time(20, 0)
EARLY_AFTER_HOURS_END = time(17, 0)
DAY = timedelta(days=1)
HOUR = 3600  # seconds


class Phase(StrEnum):
    """The parts of a trading day; from the end of after-hours to four o'clock it is closed."""

    CLOSED = "closed"
    PRE_MARKET = "pre_market"
    REGULAR = "regular"
    AFTER_HOURS = "after_hours"


@dataclass(frozen=True)
class Session:
    """One trading day, in aware UTC times: the regular session from `opens` to `closes`,
    pre-market from `begins`, after-hours to `ends`."""

    day: date
    opens: datetime
    closes: datetime

    @cached_property
    def half(self) -> bool:
        return is_half_day(self.day)

    @cached_property
    def begins(self) -> datetime:
        return _utc(self.day, PRE_MARKET)

    @cached_property
    def ends(self) -> datetime:
        return _utc(self.day, EARLY_AFTER_HOURS_END if self.half else AFTER_HOURS_END)


def is_trading_day(day: date) -> bool:
    return day.weekday() < 5 and day not in _holidays(day.year)


def is_half_day(day: date) -> bool:
    return day in _half_days(day.year)


@lru_cache(maxsize=4096)
def session_of(day: date) -> Session | None:
    """The regular session of a New York date, None when the market is closed all day."""
    if not is_trading_day(day):
        return None
    close = EARLY_CLOSE if is_half_day(day) else CLOSE
    return Session(day, _utc(day, OPEN), _utc(day, close))


def sessions_from(day: date) -> Iterator[Session]:
    """Sessions on and after a date, without end."""
    while True:
        found = session_of(day)
        if found:
            yield found
        day += DAY


def current_or_next(now: datetime) -> Session:
    """The session that is running, else the next one to open."""
    return _next_to_close(_hour(now))


def session_after(session: Session) -> Session:
    return next(sessions_from(session.day + DAY))


def current_or_next_day(now: datetime) -> Session:
    """The trading day that is running, after-hours included, else the next one to begin."""
    return _next_to_end(_hour(now))


def is_open(now: datetime) -> bool:
    return current_or_next(now).opens <= now


def phase_at(now: datetime) -> Phase:
    day = current_or_next_day(now)
    if now < day.begins:
        return Phase.CLOSED
    if now < day.opens:
        return Phase.PRE_MARKET
    return Phase.REGULAR if now < day.closes else Phase.AFTER_HOURS


def _hour(now: datetime) -> int:
    """Since the epoch. Whatever closes or ends does so on the hour: all through one the same
    session comes next."""
    return int(now.timestamp() // HOUR)


@lru_cache(maxsize=64)
def _next_to_close(hour: int) -> Session:
    begun = datetime.fromtimestamp(hour * HOUR, NEW_YORK)
    return next(session for session in sessions_from(begun.date()) if session.closes > begun)


@lru_cache(maxsize=64)
def _next_to_end(hour: int) -> Session:
    begun = datetime.fromtimestamp(hour * HOUR, NEW_YORK)
    return next(session for session in sessions_from(begun.date()) if session.ends > begun)


def _utc(day: date, at: time) -> datetime:
    return datetime.combine(day, at, NEW_YORK).astimezone(UTC)


@cache
def _holidays(year: int) -> frozenset[date]:
    """NYSE's rules; one-off closures (mourning, storms) are not in them."""
    fixed = [date(year, 7, 4), date(year, 12, 25)] + ([date(year, 6, 19)] if year >= 2022 else [])
    days = {
        *([_nth(year, 1, 0, 3)] if year >= 1998 else []),  # Martin Luther King
        _nth(year, 2, 0, 3),  # Presidents
        _easter(year) - 2 * DAY,  # Good Friday
        _nth(year, 6, 0, 1) - 7 * DAY,  # Memorial: the Monday a week before June's first...
        _nth(year, 9, 0, 1),  # Labor
        _nth(year, 11, 3, 4),  # Thanksgiving
        *(_observed(day) for day in fixed),
    }
    # ... and a New Year's Day on a Saturday is not made up for in December.
    new_year = date(year, 1, 1)
    if new_year.weekday() != 5:
        days.add(_observed(new_year))
    return frozenset(days)


@cache
def _half_days(year: int) -> frozenset[date]:
    eves = {date(year, 7, 3), date(year, 12, 24), _nth(year, 11, 3, 4) + DAY}
    return frozenset(day for day in eves if day.weekday() < 5 and day not in _holidays(year))


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + DAY * ((weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _observed(day: date) -> date:
    return day + DAY * {5: -1, 6: 1}.get(day.weekday(), 0)


def _easter(year: int) -> date:
    """Gregorian Easter Sunday (the anonymous algorithm, Meeus 1991)."""
    golden, century, rest = year % 19, *divmod(year, 100)
    leaps, skipped = divmod(century, 4)
    moon = (19 * golden + century - leaps - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    sunday = (32 + 2 * skipped + 2 * (rest // 4) - moon - rest % 4) % 7
    shift = (golden + 11 * moon + 22 * sunday) // 451
    month, day = divmod(moon + sunday - 7 * shift + 114, 31)
    return date(year, month, day + 1)
