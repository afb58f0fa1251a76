"""/v2/clock and /v2/calendar."""

from datetime import date, datetime, time
from functools import cache
from typing import Any

from services.exchange import sessions
from services.exchange.engine.errors import invalid
from services.exchange.exchange import Exchange
from services.exchange.rest.call import Answer, Call
from services.exchange.sessions import NEW_YORK
from services.exchange.settlement import settlement_day

FIRST_YEAR, LAST_YEAR = 1970, 2029  # what Alpaca's calendar spans
DATE_TYPES = ("TRADING", "SETTLEMENT")


def _hours(closes: time, ends: time) -> dict[str, str]:
    return {
        "open": f"{sessions.OPEN:%H:%M}",
        "close": f"{closes:%H:%M}",
        "session_open": f"{sessions.PRE_MARKET:%H%M}",
        "session_close": f"{ends:%H%M}",
    }


FULL_DAY = _hours(sessions.CLOSE, sessions.AFTER_HOURS_END)
HALF_DAY = _hours(sessions.EARLY_CLOSE, sessions.EARLY_AFTER_HOURS_END)


def clock(exchange: Exchange, call: Call) -> Answer:
    """Times carry New York's offset, as Alpaca's do."""
    now = exchange.clock.now()
    session = sessions.current_or_next(now)
    opened = session.opens <= now
    following = sessions.session_after(session) if opened else session
    return Answer(
        {
            "timestamp": local(now),
            "is_open": opened,
            "next_open": local(following.opens),
            "next_close": local(session.closes),
        }
    )


def calendar(exchange: Exchange, call: Call) -> Answer:
    """Both ends included; everything when none is given. `date_type` says which date is meant."""
    last_year = max(LAST_YEAR, exchange.clock.now().year + 1)
    start = call.day("start") or date(FIRST_YEAR, 1, 1)
    end = call.day("end") or date(last_year, 12, 31)
    date_type = (call.text("date_type") or "TRADING").upper()
    if date_type not in DATE_TYPES:
        raise invalid("invalid date_type")
    if end < start:
        raise invalid("end must not be before start")
    meant = "date" if date_type == "TRADING" else "settlement_date"
    first, last = start.isoformat(), end.isoformat()
    # A day settles in the year it is traded in or in the next one.
    years = range(max(start.year - 1, FIRST_YEAR), min(end.year, last_year) + 1)
    return Answer([day for year in years for day in _year(year) if first <= day[meant] <= last])


def local(at: datetime) -> str:
    return at.astimezone(NEW_YORK).isoformat()


@cache
def _year(year: int) -> tuple[dict[str, Any], ...]:
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    days = map(date.fromordinal, range(first, last + 1))
    return tuple(_calendar_day(day) for day in days if sessions.is_trading_day(day))


def _calendar_day(day: date) -> dict[str, Any]:
    return {
        "date": day.isoformat(),
        **(HALF_DAY if sessions.is_half_day(day) else FULL_DAY),
        "settlement_date": settlement_day(day).isoformat(),
    }
