"""/v2/account/portfolio/history: what is asked for, as windows of time."""

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from services.exchange import sessions
from services.exchange.engine.activities import Entry
from services.exchange.engine.errors import invalid
from services.exchange.equity import session_before
from services.exchange.exchange import Exchange
from services.exchange.portfolio_history import (
    HOURS,
    Worth,
    day_windows,
    history,
    intraday_windows,
)
from services.exchange.rest.activities import KINDS, TRADES
from services.exchange.rest.call import Answer, Call
from services.exchange.sessions import DAY, NEW_YORK, session_of

STEPS = {
    "1Min": timedelta(minutes=1),
    "5Min": timedelta(minutes=5),
    "15Min": timedelta(minutes=15),
    "1H": timedelta(hours=1),
}
TIMEFRAMES = (*STEPS, "1D", "")
PERIOD = re.compile(r"(\d{1,4})([DWMA])")
UNIT_DAYS = {"D": 1, "W": 7, "M": 30, "A": 365}
MOST_DAYS = {"1Min": 7, "15Min": 30}
RESETS = ("per_day", "no_reset")
FIRST_DAY = date(1970, 1, 2)
LAST_YEAR = 9990


class Range(NamedTuple):
    """From `start` up to `end`; `days` is how long that is said to be."""

    start: datetime
    end: datetime
    days: int


def portfolio_history(exchange: Exchange, call: Call) -> Answer:
    floor, now = exchange.venue.floor, exchange.clock.now()
    entries = [a for a in floor.ledger.activities(call.account) if isinstance(a, Entry)]
    equity = floor.standing(call.account).equity
    worth = Worth(exchange.equity.curves[call.account], entries, now, equity)
    asked = _range(call, now)
    timeframe = call.choice("timeframe", TIMEFRAMES, "") or _usual_timeframe(asked.days)
    extended = call.flag("extended_hours")
    hours = call.choice("intraday_reporting", HOURS, HOURS[1] if extended else HOURS[0])
    per_day = call.choice("pnl_reset", RESETS, "per_day") == "per_day"
    cashflow = _cashflow(call)
    start = max(asked.start, _midnight(worth.known_from))
    if timeframe == "1D":
        windows, per_day = day_windows(_day(start), _last_day(asked.end), now), False
    else:
        longest = MOST_DAYS["1Min" if timeframe == "1Min" else "15Min"]
        if asked.days > longest:
            raise invalid(f"{timeframe} is given for at most {longest} days")
        windows = intraday_windows(start, asked.end, STEPS[timeframe], hours, now)
    found = history(worth, windows, per_day=per_day, cashflow=cashflow)
    return Answer({**found, "timeframe": timeframe})


def _range(call: Call, now: datetime) -> Range:
    """Two of start, end and period, or fewer; a month up to now when nothing is said."""
    period, start = call.text("period"), call.moment("start")
    end, last_day = call.moment("end"), call.day("date_end")
    if end is not None and last_day is not None:
        raise invalid("only one of end and date_end is accepted")
    if last_day is not None:
        end = _midnight(min(max(last_day, FIRST_DAY), _day(now)) + DAY)
    if period is not None and start is not None and end is not None:
        raise invalid("only two of start, end and period are accepted")
    count, unit = _period(period or "1M")
    if start is not None:
        start = _clamped(start, now)
        if period is not None:
            end = _midnight(_after(_day(start), count, unit))
    end = now if end is None else _clamped(end, now)
    if start is not None and start > end:
        raise invalid("start must not be after end")
    if start is None:
        start = _midnight(_before(_market_day(end), count, unit))
    elif period is None:
        return Range(start, end, -((start - end) // DAY))
    return Range(start, end, count * UNIT_DAYS[unit])


def _usual_timeframe(days: int) -> str:
    """1Min below seven days, 15Min below thirty (alpaca-py's GetPortfolioHistoryRequest)."""
    if days < MOST_DAYS["1Min"]:
        return "1Min"
    return "15Min" if days < MOST_DAYS["15Min"] else "1D"


def _period(text: str) -> tuple[int, str]:
    found = PERIOD.fullmatch(text)
    if found is None or not int(found[1]):
        raise invalid("invalid period")
    return int(found[1]), found[2]


def _before(last: date, count: int, unit: str) -> date:
    """The first day of a period; `D` counts trading days, the last one included."""
    if unit == "D":
        days = (last - DAY * n for n in range((last - FIRST_DAY).days + 1))
        return min(islice((day for day in days if session_of(day)), count), default=FIRST_DAY)
    return max(_shifted(last, -count, unit), FIRST_DAY)


def _after(first: date, count: int, unit: str) -> date:
    """The first day that is not of a period any more."""
    if unit == "D":
        return max(s.day for s in islice(sessions.sessions_from(first), count)) + DAY
    return _shifted(first, count, unit)


def _shifted(day: date, count: int, unit: str) -> date:
    """So many weeks, months or years away; a month's last day when it has no such day."""
    if unit == "W":
        return date.fromordinal(max(day.toordinal() + 7 * count, 1))
    months = day.year * 12 + day.month - 1 + count * (12 if unit == "A" else 1)
    year, month = divmod(max(months, 12), 12)
    year = min(year, LAST_YEAR)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _market_day(end: datetime) -> date:
    """The last session that had opened before a time."""
    day = _last_day(end)
    session = session_of(day)
    if session is not None and session.opens < end:
        return day
    return session_before(day).day


def _cashflow(call: Call) -> Iterable[str]:
    asked = [kind.upper() for kind in call.names("cashflow_types")]
    if asked == ["ALL"]:
        return sorted(KINDS - TRADES)
    kinds = [kind for kind in asked if kind != "NONE"]
    for kind in kinds:
        if kind not in KINDS:
            raise invalid(f"invalid cashflow type: {kind}")
    return kinds


def _clamped(at: datetime, now: datetime) -> datetime:
    """Nothing is known before the calendar begins, nor after now."""
    return min(max(at, _midnight(FIRST_DAY)), now)


def _last_day(end: datetime) -> date:
    return _day(end - timedelta.resolution)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), NEW_YORK).astimezone(UTC)


def _day(at: datetime) -> date:
    return at.astimezone(NEW_YORK).date()
