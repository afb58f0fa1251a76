"""/v2/clock and /v2/calendar."""

from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from itertools import takewhile
from typing import Any

from services.exchange import sessions
from services.exchange.engine.errors import invalid
from services.exchange.exchange import Exchange
from services.exchange.rest.call import Answer, Call
from services.exchange.sessions import NEW_YORK, Session
from services.exchange.settlement import settlement_day

FIRST_YEAR, LAST_YEAR = 1970, 2029  # what Alpaca's calendar spans
DATE_TYPES = ("TRADING", "SETTLEMENT")


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
    return tuple(_calendar_day(session) for session in _sessions_in(year))


def _sessions_in(year: int) -> Iterator[Session]:
    return takewhile(lambda s: s.day.year == year, sessions.sessions_from(date(year, 1, 1)))


def _calendar_day(session: Session) -> dict[str, Any]:
    times = (session.opens, session.closes, session.begins, session.ends)
    opens, closes, begins, ends = (at.astimezone(NEW_YORK) for at in times)
    return {
        "date": session.day.isoformat(),
        "open": opens.strftime("%H:%M"),
        "close": closes.strftime("%H:%M"),
        "session_open": begins.strftime("%H%M"),
        "session_close": ends.strftime("%H%M"),
        "settlement_date": settlement_day(session.day).isoformat(),
    }
