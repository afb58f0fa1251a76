"""An account's worth over time, cut into windows (alpaca.md §3.3). Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise, takewhile
from typing import Any

from services.exchange import sessions
from services.exchange.engine.activities import (
    DEPOSIT,
    JOURNAL,
    WITHDRAWAL,
    Entry,
)
from services.exchange.equity import EquityCurve, session_before
from services.exchange.sessions import NEW_YORK, Session

ZERO = Decimal(0)
CENT, MILLIONTH = Decimal("0.01"), Decimal("1e-6")
TRANSFERS = (DEPOSIT, WITHDRAWAL, JOURNAL)  # money that came or went is no profit
HOURS = ("market_hours", "extended_hours", "continuous")


@dataclass(frozen=True)
class Window:
    """`begins` is what the answer says; the account is valued at `ends`, profit is counted from
    the end of the session before `day`, or from the beginning of it all."""

    day: date
    begins: datetime
    ends: datetime


class Flow:
    """Money that moved without a fill, added up."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        ordered = sorted(entries, key=lambda entry: entry.at)
        self._times = [entry.at for entry in ordered]
        self._totals = list(accumulate((entry.net_amount for entry in ordered), initial=ZERO))

    def between(self, after: datetime, until: datetime) -> Decimal:
        """Dollars after one time and up to another."""
        up_to = self._totals[bisect_right(self._times, until)]
        return up_to - self._totals[bisect_right(self._times, after)]


@dataclass(frozen=True)
class Worth:
    """What is known of an account: its curve, its entries, and what it is worth now."""

    curve: EquityCurve
    entries: Sequence[Entry]
    now: datetime
    equity: Decimal

    @property
    def known_from(self) -> date:
        """The first session that begins with a known value."""
        first = min(self.curve.minutes[:1], default=self.now)
        return _day(first) + sessions.DAY

    def at(self, moment: datetime) -> Decimal:
        """Before the first value, that one: the account was not there."""
        if moment >= self.now:
            return self.equity
        value = self.curve.at(moment)
        if value is not None:
            return value
        return self.curve.values[0] if self.curve.values else self.equity

    def flow(self, kinds: Iterable[str]) -> Flow:
        asked = frozenset(kinds)
        return Flow(entry for entry in self.entries if entry.kind in asked)


def day_windows(first: date, last: date, now: datetime) -> list[Window]:
    """One for each session that has opened."""
    return [
        Window(session.day, session.opens, min(session.ends, now))
        for session in _sessions(first, last)
        if session.opens <= now
    ]


def intraday_windows(
    start: datetime, end: datetime, step: timedelta, hours: str, now: datetime
) -> list[Window]:
    """Those that have begun, of the regular session, the whole trading day, or around the clock."""
    end = min(end, now)
    spans = _round_the_clock(start, end) if hours == "continuous" else _spans(start, end, hours)
    return [
        Window(day, at, min(at + step, closes, now))
        for day, opens, closes in spans
        for at in _steps(opens, closes, step)
        if start <= at < end
    ]


def history(
    worth: Worth, windows: Sequence[Window], *, per_day: bool, cashflow: Iterable[str]
) -> dict[str, Any]:
    """GET /v2/account/portfolio/history without the timeframe; numbers are JSON numbers.

    Profit is worth less what it was at the base, less transfers since; with `per_day` the base
    begins anew with each day.
    """
    first = windows[0].day if windows else _day(worth.now)
    begun = session_before(first)
    base, transfers = worth.at(begun.ends), worth.flow(TRANSFERS)
    bases = {w.day: session_before(w.day).ends if per_day else begun.ends for w in windows}
    equity, profit, share = [], [], []
    for window in windows:
        since = bases[window.day]
        value, before = worth.at(window.ends), worth.at(since)
        gained = value - before - transfers.between(since, window.ends)
        equity.append(_number(value, CENT))
        profit.append(_number(gained, CENT))
        share.append(_number(gained / before, MILLIONTH) if before else None)
    ends = [begun.ends, *(window.ends for window in windows)]
    flows = {kind: _flows(worth.flow([kind]), ends) for kind in cashflow}
    return {
        "timestamp": [int(window.begins.timestamp()) for window in windows],
        "equity": equity,
        "profit_loss": profit,
        "profit_loss_pct": share,
        "base_value": _number(base, CENT),
        "base_value_asof": begun.day.isoformat(),
        "cashflow": {kind: flow for kind, flow in flows.items() if any(flow)},
    }


def _flows(flow: Flow, ends: Sequence[datetime]) -> list[float]:
    """What each window brought, and what came since the window before ended."""
    return [_number(flow.between(after, until), CENT) for after, until in pairwise(ends)]


def _spans(start: datetime, end: datetime, hours: str) -> Iterator[tuple[date, datetime, datetime]]:
    for session in _sessions(_day(start), _day(end)):
        if hours == "extended_hours":
            yield session.day, session.begins, session.ends
        else:
            yield session.day, session.opens, session.closes


def _round_the_clock(start: datetime, end: datetime) -> Iterator[tuple[date, datetime, datetime]]:
    """New York's days, whole."""
    day = _day(start)
    while day <= _day(end):
        midnight = datetime.combine(day, datetime.min.time(), NEW_YORK)
        following = datetime.combine(day + sessions.DAY, datetime.min.time(), NEW_YORK)
        yield day, midnight.astimezone(start.tzinfo), following.astimezone(start.tzinfo)
        day += sessions.DAY


def _steps(opens: datetime, closes: datetime, step: timedelta) -> Iterator[datetime]:
    while opens < closes:
        yield opens
        opens += step


def _sessions(first: date, last: date) -> Iterator[Session]:
    return takewhile(lambda session: session.day <= last, sessions.sessions_from(first))


def _day(at: datetime) -> date:
    return at.astimezone(NEW_YORK).date()


def _number(value: Decimal, step: Decimal) -> float:
    return float(value.quantize(step))
