"""Minute and daily bars as Alpaca's stream makes them (alpaca.md §6.2).

A trade belongs to the minute of its own time. A bar is sent as soon as its minute is over, and
again half a minute later if a late trade, a correction or a bust changed it meanwhile. A late
trade moves high, low and volume, never open or close. Every trade counts, odd lots too; a day
is of its regular session, and what is printed at night is in no bar.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, Protocol

from services.exchange.market.lived import Lived
from services.exchange.market.quotes import Bar, Trade
from services.exchange.market.rows import Row, folded, price_of
from services.exchange.sessions import NEW_YORK, Phase, phase_at

MINUTE = timedelta(minutes=1)
UPDATED_AFTER = MINUTE + timedelta(seconds=30)


class Charted(Protocol):
    """What bars are made for: a Board."""

    previous_close: Decimal
    trade: Trade | None
    minute: Bar | None
    last_minute: Bar | None
    day: Bar | None
    lived: Lived


class Made(NamedTuple):
    """Minutes finished, minutes changed since, and the running days of what was finished."""

    bars: list[Bar]
    updated: list[Bar]
    days: list[Bar]


@dataclass
class _Changed:
    board: Charted
    bar: Bar


class BarMaker:
    def __init__(self) -> None:
        self._finished: list[tuple[Charted, Bar]] = []
        self._changed: dict[tuple[str, datetime], _Changed] = {}
        self._running: dict[str, Charted] = {}
        self._swept: datetime | None = None  # the minute before which nothing is running

    def print(self, board: Charted, trade: Trade) -> None:
        minute = minute_of(trade.at)
        phase = _phase(minute)
        if phase is Phase.CLOSED:
            board.trade = trade
            return
        board.lived.trades.append(trade)
        if _is_late(board, minute):
            self._late(board, trade, minute)
            return
        board.trade = trade
        if board.minute and board.minute.at < minute:
            self._finish(board, board.minute)
        if board.minute:
            board.minute.take(trade)
        else:
            board.minute = Bar.begun(trade, minute)
            self._running[trade.symbol] = board
            if self._swept is not None and minute < self._swept:
                self._swept = None
        if phase is not Phase.REGULAR:
            return
        if board.day and _day(board.day.at) == _day(trade.at):
            board.day.take(trade)
        else:
            _begin_day(board, trade)

    def sweep(self, now: datetime) -> Made:
        """What is over by now. Cheap as long as the minute lasts."""
        minute = minute_of(now)
        if minute != self._swept:
            self._swept = minute
            for board in list(self._running.values()):
                if board.minute and board.minute.at < minute:
                    self._finish(board, board.minute)
        bars = [bar for _, bar in self._finished]
        days = {bar.symbol: board.day for board, bar in self._finished}
        self._finished = []
        updated = []
        for key, changed in list(self._changed.items()):
            if key[1] + UPDATED_AFTER <= now:
                changed.board.lived.finish_minute(changed.bar)
                updated.append(changed.bar)
                del self._changed[key]
        return Made(bars, updated, [replace(day) for day in days.values() if day])

    def split(self, board: Charted, new: int, old: int, day: date) -> None:
        """What is running goes on in new shares, as if the day had begun with them."""
        board.minute, board.last_minute, board.day = (
            bar and Row.of(bar).split(new, old).bar(bar.symbol)
            for bar in (board.minute, board.last_minute, board.day)
        )
        board.lived.split(day, new, old)

    def recall_day(self, board: Charted, row: Row, symbol: str) -> None:
        """The day that was running before a restart goes on, or is yesterday by now."""
        running = Row.of(board.day) if board.day else None
        if running is None:
            board.day = row.bar(symbol)
        elif running.at == row.at:
            board.day = folded((row, running), row.at).bar(symbol)
        elif running.at > row.at:
            board.lived.finish_day(row.bar(symbol))
            board.previous_close = price_of(row.close)

    def correct(self, board: Charted, wrong: Trade, right: Trade | None) -> None:
        """A print was another one, or none. The day's high and low stay what they were."""
        kept = [right if trade is wrong else trade for trade in board.lived.trades]
        board.lived.trades.clear()
        board.lived.trades.extend(trade for trade in kept if trade is not None)
        if board.trade is wrong and board.lived.trades:
            board.trade = board.lived.trades[-1]
        if board.day is not None and board.trade is not None:
            board.day.volume += (right.size if right else 0) - wrong.size
            board.day.trades += 0 if right else -1
            paid = right.price * right.size if right else Decimal(0)
            board.day.turnover += paid - wrong.price * wrong.size
            board.day.close = board.trade.price
        self._rebuild(board, minute_of(wrong.at))

    def _finish(self, board: Charted, bar: Bar) -> None:
        board.minute, board.last_minute = None, bar
        board.lived.finish_minute(bar)
        self._running.pop(bar.symbol, None)
        self._finished.append((board, bar))

    def _late(self, board: Charted, trade: Trade, minute: datetime) -> None:
        bars = [board.day] if board.day and _day(board.day.at) == _day(trade.at) else []
        if board.last_minute and board.last_minute.at == minute:
            bars.append(board.last_minute)
            self._note_change(board, board.last_minute)
        for bar in bars:
            close = bar.close
            bar.take(trade)
            bar.close = close

    def _rebuild(self, board: Charted, minute: datetime) -> None:
        trades = [trade for trade in board.lived.trades if minute_of(trade.at) == minute]
        if not trades:
            return
        bar = Bar.begun(trades[0], minute)
        for trade in trades[1:]:
            bar.take(trade)
        if board.minute and board.minute.at == minute:
            board.minute = bar
        elif board.last_minute and board.last_minute.at == minute:
            board.last_minute = bar
            self._note_change(board, bar)

    def _note_change(self, board: Charted, bar: Bar) -> None:
        self._changed[bar.symbol, bar.at] = _Changed(board, bar)


def minute_of(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


@lru_cache(maxsize=1024)
def _phase(minute: datetime) -> Phase:
    return phase_at(minute)


def _is_late(board: Charted, minute: datetime) -> bool:
    newest = board.minute or board.last_minute
    return newest is not None and (minute < newest.at or (not board.minute and minute == newest.at))


def _begin_day(board: Charted, trade: Trade) -> None:
    if board.day:
        board.previous_close = board.day.close
        board.lived.finish_day(board.day)
    midnight = trade.at.astimezone(NEW_YORK).replace(hour=0, minute=0, second=0)
    board.day = Bar.begun(trade, midnight.replace(microsecond=0))


def _day(at: datetime) -> date:
    return at.astimezone(NEW_YORK).date()
