"""/v2/clock, /v2/calendar and /v2/assets."""

from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from services.exchange import sessions
from services.exchange.engine.errors import Cause, RefusedError, invalid
from services.exchange.exchange import Exchange
from services.exchange.market.boards import asset_as_wire
from services.exchange.rest.call import Answer, Call
from services.exchange.sessions import NEW_YORK, Session

LONGEST = timedelta(days=3660)
YEAR = timedelta(days=366)


def clock(exchange: Exchange, call: Call) -> Answer:
    """Times carry New York's offset, as Alpaca's do."""
    now = exchange.clock.now()
    session = sessions.current_or_next(now)
    opened = session.opens <= now
    following = sessions.session_after(session) if opened else session
    return Answer(
        {
            "timestamp": _local(now),
            "is_open": opened,
            "next_open": _local(following.opens),
            "next_close": _local(session.closes),
        }
    )


def calendar(exchange: Exchange, call: Call) -> Answer:
    """Both ends included; a year from today when none is given."""
    start = call.moment("start") or exchange.clock.now().astimezone(NEW_YORK)
    end = call.moment("end") or start + YEAR
    if end - start > LONGEST:
        raise invalid("the calendar is given for at most ten years at once")
    days = takewhile(lambda s: s.day <= end.date(), sessions.sessions_from(start.date()))
    return Answer([_calendar_day(session) for session in days])


def assets(exchange: Exchange, call: Call) -> Answer:
    if call.choice("status", ("active", "inactive", "all"), "all") == "inactive":
        return Answer([])
    if call.choice("asset_class", ("us_equity", "crypto", "us_option"), "us_equity") != "us_equity":
        return Answer([])
    listed = call.text("exchange")
    boards = exchange.market.boards.values()
    return Answer([asset_as_wire(b) for b in boards if listed in (None, b.listing.venue)])


def asset(exchange: Exchange, call: Call) -> Answer:
    board = exchange.market.find(call.path["symbol"])
    if board is None:
        raise RefusedError(Cause.NO_ASSET, {"symbol": call.path["symbol"]})
    return Answer(asset_as_wire(board))


def _local(at: datetime) -> str:
    return at.astimezone(NEW_YORK).isoformat()


def _calendar_day(session: Session) -> dict[str, Any]:
    opens, closes = session.opens.astimezone(NEW_YORK), session.closes.astimezone(NEW_YORK)
    return {
        "date": session.day.isoformat(),
        "open": opens.strftime("%H:%M"),
        "close": closes.strftime("%H:%M"),
        "session_open": "0400",
        "session_close": "2000" if closes.hour == 16 else "1700",
        "settlement_date": sessions.session_after(session).day.isoformat(),
    }
