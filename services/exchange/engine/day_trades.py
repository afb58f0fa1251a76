"""Day trades as FINRA's former rule counted them (alpaca.md §8.10, mode legacy_pdt). Pure."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from services.exchange import sessions
from services.exchange.engine.activities import Fill
from services.exchange.engine.orders import ZERO, Order, Side

MOST = 3  # day trades in five business days; the fourth is denied
BUSINESS_DAYS = 5
FREE_EQUITY = Decimal(25_000)


class DayTrades(NamedTuple):
    """`made` in the last five business days; `opened` is what of each symbol was put on today."""

    made: int
    opened: Mapping[str, Decimal]


def day_trades(fills: Iterable[Fill], held: Mapping[str, Decimal], now: datetime) -> DayTrades:
    """Of one account's fills, oldest first, and the positions they led to.

    Closing on a day what was opened on it is a day trade; however many orders close it, it is
    one until something is opened again.
    """
    by_symbol: dict[str, list[Fill]] = {}
    for fill in fills:
        by_symbol.setdefault(fill.symbol, []).append(fill)
    today, first = _day(now), _business_days_back(_day(now))
    count, opened = 0, {}
    for symbol, of_symbol in by_symbol.items():
        start = held.get(symbol, ZERO) - sum((_signed(fill) for fill in of_symbol), ZERO)
        days, left = _walked(of_symbol, start, today)
        count += sum(day >= first for day in days)
        if left:
            opened[symbol] = left
    return DayTrades(count, opened)


def would_be_fourth(trades: DayTrades, asked: Order, open_orders: Iterable[Order]) -> bool:
    """Whether an order could complete the fourth; pending pairs count as if they had filled."""
    pending = sum(_pairs(order, trades) for order in open_orders)
    return _pairs(asked, trades) and trades.made + pending >= MOST


def _pairs(order: Order, trades: DayTrades) -> bool:
    """Whether it may close on the day what the day opened: an exit, or an entry with its exits."""
    if order.parent_id is not None or order.covered_by is not None:
        return False
    return bool(order.leg_ids) if order.opens else bool(trades.opened.get(order.symbol))


def _walked(fills: Iterable[Fill], held: Decimal, today: date) -> tuple[list[date], Decimal]:
    """The day of every day trade in one symbol, and what was opened today and is still held."""
    days: list[date] = []
    day, opened, counted = date.min, ZERO, False
    for fill in fills:
        if _day(fill.at) != day:
            day, opened, counted = _day(fill.at), ZERO, False
        signed = _signed(fill)
        if held * signed >= 0:
            opened, counted = opened + signed, False
        else:
            closed = min(abs(signed), abs(opened))
            if closed and not counted:
                days.append(day)
                counted = True
            opened -= closed if opened > 0 else -closed
        held += signed
    return days, opened if day == today else ZERO


def _signed(fill: Fill) -> Decimal:
    return fill.qty if fill.side == Side.BUY else -fill.qty


def _day(at: datetime) -> date:
    return at.astimezone(sessions.NEW_YORK).date()


def _business_days_back(today: date) -> date:
    """The first of the five business days that end today."""
    day, seen = today, 0
    while True:
        seen += sessions.session_of(day) is not None
        if seen == BUSINESS_DAYS:
            return day
        day -= sessions.DAY
