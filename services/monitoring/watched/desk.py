"""The desk's own state: its streams, journal, clock and books. Pure."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from db.model.trading import TradingState
from services.monitoring.situation import Situation
from services.monitoring.watched.observation import Observation

DRIFT, DRIFT_BAND = Decimal(1), Decimal("0.5")
"""Seconds between the machine's clock and the desk's (spec 6, Alerts), and what counts as none."""
STANDSTILL_TOLD = timedelta(hours=1)


def streams(now: Situation) -> Iterator[Observation]:
    feed = now.feed
    yield _stream("orders", feed.orders_connected, "is not connected")
    silent = now.market_open and feed.polling
    why = "is not connected" if not feed.quotes_connected else "is silent, prices are polled"
    yield _stream("quotes", feed.quotes_connected and not silent, why)


def _stream(name: str, up: bool, why: str) -> Observation:
    return Observation(name, on=not up, over=up, values={"stream": name, "why": why})


def mismatches(now: Situation) -> Iterator[Observation]:
    for mismatch in now.mismatches:
        values = {"symbol": mismatch.symbol, "explanation": mismatch.explanation}
        yield Observation(mismatch.key, on=True, over=False, values=values)


def halted(now: Situation) -> Iterator[Observation]:
    if now.trading_state is not TradingState.ACTIVE:
        why = "Another process set it."
        if now.stop is not None:
            why = f"Set by {now.stop.by}: {now.stop.reason}"
        values = {"state": now.trading_state.value, "explanation": why}
        yield Observation("trading", on=True, over=False, values=values)


def journal(now: Situation) -> Iterator[Observation]:
    if now.journal_failed:
        values = {"explanation": now.journal_failed}
        yield Observation("journal", on=True, over=False, values=values)


def drift(now: Situation) -> Iterator[Observation]:
    off = abs(now.clock_drift)
    values = {
        "off": f"{off:,.0f}",
        "where": "ahead of" if now.clock_drift > 0 else "behind",
    }
    yield Observation("clock", on=off > DRIFT, over=off <= DRIFT_BAND, values=values)


def standstill(now: Situation) -> Iterator[Observation]:
    still = now.standstill
    if still is not None and now.at - still.at < STANDSTILL_TOLD:
        at = still.at.strftime("%H:%M:%S")
        values = {"seconds": f"{still.seconds:,.0f}", "at": at}
        yield Observation(f"desk@{still.at.isoformat()}", on=True, over=False, values=values)


def drill(now: Situation) -> Iterator[Observation]:
    limit = now.policy.drill_days
    if limit is None:
        return
    drill = now.last_drill
    age = None if drill is None else now.at - drill.at
    due = drill is None or not drill.passed or now.at - drill.at > timedelta(days=limit)
    last = "never" if drill is None or age is None else f"{age.days} days ago"
    if drill is not None and not drill.passed:
        last += " and failed"
    yield Observation(
        "kill switch", on=due, over=not due, values={"last": last, "limit": str(limit)}
    )
