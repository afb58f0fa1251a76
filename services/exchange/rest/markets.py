"""/v3/clock and /v3/calendar/{market}, for the markets whose hours are New York's."""

from datetime import date, timedelta
from itertools import takewhile
from typing import Any, NamedTuple

from services.exchange import sessions
from services.exchange.engine.errors import Cause, RefusedError, invalid
from services.exchange.exchange import Exchange
from services.exchange.rest.call import Answer, Call
from services.exchange.rest.reference import FIRST_YEAR, LAST_YEAR, local
from services.exchange.sessions import NEW_YORK, Phase, Session
from services.exchange.settlement import settlement_day

WEEK = timedelta(days=6)
LONGEST = timedelta(days=3660)


class Market(NamedTuple):
    acronym: str
    mic: str
    name: str

    def as_wire(self) -> dict[str, str]:
        return {**self._asdict(), "timezone": str(NEW_YORK)}


MARKETS = {
    market.acronym: market
    for market in (
        Market("NYSE", "XNYS", "New York Stock Exchange"),
        Market("NASDAQ", "XNAS", "Nasdaq"),
        Market("ARCA", "ARCX", "NYSE Arca"),
        Market("AMEX", "XASE", "NYSE American"),
        Market("BATS", "BATS", "Cboe BZX"),
        Market("IEX", "IEXG", "Investors Exchange"),
    )
}
DEFAULT = ("NYSE", "NASDAQ")
PHASES = {
    Phase.CLOSED: "closed",
    Phase.PRE_MARKET: "pre",
    Phase.REGULAR: "core",
    Phase.AFTER_HOURS: "post",
}


def clock(exchange: Exchange, call: Call) -> Answer:
    """Of the `markets` asked for, at `time` or now."""
    now = call.moment("time") or exchange.clock.now()
    if not FIRST_YEAR <= now.year <= max(LAST_YEAR, exchange.clock.now().year):
        raise invalid("invalid time")
    phase, day = sessions.phase_at(now), sessions.current_or_next_day(now)
    current = sessions.current_or_next(now)
    following = sessions.session_after(current) if current.opens <= now else current
    until = {
        Phase.CLOSED: day.begins,
        Phase.PRE_MARKET: day.opens,
        Phase.REGULAR: day.closes,
        Phase.AFTER_HOURS: day.ends,
    }[phase]
    state = {
        "timestamp": local(now),
        "is_market_day": sessions.session_of(now.astimezone(NEW_YORK).date()) is not None,
        "next_market_open": local(following.opens),
        "next_market_close": local(current.closes),
        "phase": PHASES[phase],
        "phase_until": local(until),
    }
    found = [_market(name) for name in call.names("markets") or DEFAULT]
    return Answer({"clocks": [{"market": market.as_wire(), **state} for market in found]})


def calendar(exchange: Exchange, call: Call) -> Answer:
    """Both ends included; a week from today when none is given, ten years at the most."""
    market = _market(call.path["market"])
    start = call.day("start") or exchange.clock.now().astimezone(NEW_YORK).date()
    start = max(start, date(FIRST_YEAR, 1, 1))
    last = date(max(LAST_YEAR, exchange.clock.now().year + 1), 12, 31)
    end = min(call.day("end") or min(start, last) + WEEK, last)
    if end - start > LONGEST:
        raise invalid("the calendar is given for at most ten years at once")
    days = takewhile(lambda s: s.day <= end, sessions.sessions_from(min(start, last)))
    found = [_day(session) for session in days if session.day >= start]
    return Answer({"market": market.as_wire(), "calendar": found})


def _market(name: str) -> Market:
    """By acronym or by market identifier code."""
    for market in MARKETS.values():
        if name.upper() in (market.acronym, market.mic):
            return market
    raise RefusedError(Cause.NO_MARKET, {"market": name})


def _day(session: Session) -> dict[str, Any]:
    return {
        "date": session.day.isoformat(),
        "pre_start": local(session.begins),
        "pre_end": local(session.opens),
        "core_start": local(session.opens),
        "core_end": local(session.closes),
        "post_start": local(session.closes),
        "post_end": local(session.ends),
        "settlement_date": settlement_day(session.day).isoformat(),
    }
