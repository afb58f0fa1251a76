"""The market as it stands: its boards, what moves them, halts and limits. No I/O."""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from services.exchange.book import Listing
from services.exchange.market import halts
from services.exchange.market.bar_maker import BarMaker
from services.exchange.market.board import Board, Update, asset_id
from services.exchange.market.drift import Drift
from services.exchange.market.history import History
from services.exchange.market.limits import PAUSE, RECOMPUTED, Limits, within
from services.exchange.market.lived import Lived
from services.exchange.market.option_boards import OptionBoards
from services.exchange.market.options import Contract
from services.exchange.market.quotes import (
    Bands,
    Cancel,
    Correction,
    PriceSource,
    Quote,
    Trade,
    tick_size,
)
from services.exchange.market.rows import Row, Split
from services.exchange.sessions import NEW_YORK

__all__ = ["Board", "Market", "Update", "asset_id"]

FINEST = Decimal("0.0001")
CORRECTED = 10**9  # added to the id of a print for the one that corrects it


class Market:
    """Takes ticks from its sources and keeps the latest of everything."""

    def __init__(
        self,
        listings: Iterable[Listing],
        sources: Iterable[PriceSource],
        *,
        quiet: Collection[str] = (),
        seed: int = 0,
        begun: date | None = None,
        pauses: bool = False,
    ) -> None:
        """`quiet` symbols are remembered for a shorter time. History is made up, from `seed`,
        before `begun`, New York's day of the first tick when not given. With `pauses` nothing
        trades outside its limit-up limit-down bands, and what stands at one is paused."""
        self.boards = {
            listing.symbol: Board(
                listing,
                asset_id(listing.symbol),
                listing.price,
                lived=Lived(quiet=listing.symbol in quiet),
            )
            for listing in listings
        }
        self._symbols = {board.asset_id: symbol for symbol, board in self.boards.items()}
        self._sources = tuple(sources)
        self.version = 0  # raised whenever a price may have changed
        self._options = OptionBoards(self.boards)
        self._bars = BarMaker()
        self._limits = {s: Limits(board.listing) for s, board in self.boards.items()}
        self._pauses = pauses
        self._halts: dict[str, tuple[str, datetime | None]] = {}
        self._drifts: list[Drift] = []
        self._splits: dict[str, list[Split]] = {}
        self._said = Update([], [], [])
        self._seed, self._begun = seed, begun
        self._history: History | None = None
        self._now: datetime | None = None
        self._banded: datetime | None = None
        self.on_change: Callable[[], None] = lambda: None

    def find(self, symbol_or_id: str) -> Board | None:
        """By symbol, asset id, or the OCC symbol of a contract on something listed here."""
        board = self.boards.get(symbol_or_id)
        if board is None:
            symbol = self._symbols.get(symbol_or_id, symbol_or_id.upper())
            board = self.boards.get(symbol) or self._options.find(symbol_or_id)
        return board

    def name_contract(self, contract: Contract) -> None:
        """A contract is about to be told: it is found by its id from now on."""
        self._options.name(contract)

    @property
    def history(self) -> History:
        if self._history is None:
            self._history = History(self._seed, self._begun or self.now.astimezone(NEW_YORK).date())
        return self._history

    @property
    def now(self) -> datetime:
        """The time of the newest tick; ValueError before the first."""
        if self._now is None:
            raise ValueError("the market has not seen a tick yet")
        return self._now

    # -- time passing -------------------------------------------------------------------------

    def advance(self, now: datetime) -> Update:
        """Take what the sources have up to now."""
        for drift in list(self._drifts):
            self._push(drift.symbol, drift.step(now))
            if drift.ends <= now:
                self._drifts.remove(drift)
        for symbol, (_, until) in list(self._halts.items()):
            if until is not None and until <= now:
                self._now = now
                self.resume(symbol)
        return self.take([tick for source in self._sources for tick in source.due(now)], now)

    def take(self, ticks: list[Quote | Trade], now: datetime) -> Update:
        self._now = now
        self.version += 1
        shown = [self._show(tick) for tick in ticks if not self.boards[tick.symbol].halted]
        bars, updated, days = self._bars.sweep(now)
        lulds = self._rebanded(now)
        said, self._said = self._said, Update([], [], [])
        quoted = {tick.symbol for tick in shown if isinstance(tick, Quote)}
        return Update(
            shown,
            bars,
            days,
            updated,
            said.statuses,
            lulds,
            said.corrections,
            said.cancels,
            self._options.quotes(quoted),
        )

    def _show(self, tick: Quote | Trade) -> Quote | Trade:
        board, limits = self.boards[tick.symbol], self._limits[tick.symbol]
        if self._pauses and limits.bands is not None:
            tick = within(limits.bands, tick)
        if isinstance(tick, Trade):
            self._bars.print(board, tick)
            limits.note(tick)
            return tick
        board.quote = tick
        board.lived.quotes.append(tick)
        if self._pauses and limits.stands_at_band(tick):
            self.halt(tick.symbol, halts.VOLATILITY, until=tick.at + PAUSE)
        return tick

    def _rebanded(self, now: datetime) -> list[Bands]:
        if self._banded is not None and now - self._banded < RECOMPUTED:
            return []
        self._banded = now
        found = []
        for symbol, limits in self._limits.items():
            bands = limits.recomputed(now)
            if bands is not None:
                found.append(bands)
            self.boards[symbol].bands = limits.bands
        return found

    # -- what a scenario does -----------------------------------------------------------------

    def halt(self, symbol: str, reason: str = "T1", until: datetime | None = None) -> None:
        """Nothing is quoted or trades until `resume`, or until a time. KeyError if unknown."""
        board = self.boards[symbol]
        if not board.halted:
            board.halted = True
            self._halts[symbol] = reason, until
            self._said.statuses.append(halts.halt_status(symbol, reason, self._time()))
            self.on_change()

    def resume(self, symbol: str) -> None:
        """Trading goes on, with new bands. Without a halt nothing happens."""
        board = self.boards[symbol]
        if board.halted:
            board.halted = False
            del self._halts[symbol]
            self._limits[symbol].forget()
            board.bands = None
            self._said.statuses.append(halts.resume_status(symbol, self._time()))
            self.on_change()

    def jump(self, symbol: str, factor: Decimal) -> None:
        """Multiply the price of a symbol, from its next quote on, and for good."""
        self._push(symbol, factor)
        self.on_change()

    def split(self, symbol: str, new: int, old: int) -> None:
        """`new` shares for every `old`: all prices change at once, yesterday's close too, and
        history can be told in new shares. KeyError if unknown."""
        board, factor = self.boards[symbol], Decimal(old) / new
        day = self._time().astimezone(NEW_YORK).date()
        self._splits.setdefault(symbol, []).append(Split(day, new, old))
        self._bars.split(board, new, old, day)
        board.previous_close = (board.previous_close * factor).quantize(FINEST)
        self.version += 1
        board.quote = board.quote and board.quote.moved(factor)
        board.trade = board.trade and board.trade.moved(factor)
        self._limits[symbol].forget()
        self.jump(symbol, factor)

    def splits(self, symbol: str) -> tuple[Split, ...]:
        return tuple(self._splits.get(symbol, ()))

    def drift(self, symbol: str, factor: Decimal, over: timedelta) -> None:
        """As `jump`, but evenly over some exchange time. ValueError if that is none."""
        if over <= timedelta(0):
            raise ValueError("a drift takes some time")
        begins = self._time()
        self._drifts.append(Drift(symbol, factor, begins, begins + over))
        self.on_change()

    def correct(self, symbol: str, factor: Decimal | None = None) -> None:
        """The last print was at another price: `factor` times it, or a tick higher."""
        board = self.boards[symbol]
        wrong = board.trade
        if wrong is not None:
            tick = tick_size(wrong.price)
            price = wrong.price + tick
            if factor is not None:
                price = max((wrong.price * factor / tick).to_integral_value() * tick, tick)
            right = wrong._replace(
                id=wrong.id + CORRECTED, price=price, open=price, high=price, low=price
            )
            self.version += 1
            self._bars.correct(board, wrong, right)
            self._said.corrections.append(Correction(wrong, right, self._time()))

    def bust(self, symbol: str) -> None:
        """The last print never was."""
        board = self.boards[symbol]
        wrong = board.trade
        if wrong is not None:
            self.version += 1
            self._bars.correct(board, wrong, None)
            self._said.cancels.append(Cancel(wrong, "C", self._time()))

    def _push(self, symbol: str, factor: Decimal) -> None:
        for source in self._sources:
            source.jump(symbol, factor)

    def _time(self) -> datetime:
        return self._now or datetime.fromtimestamp(0, UTC)

    # -- over a restart -----------------------------------------------------------------------

    def memory(self) -> dict[str, Any]:
        """What lasts beside the sources' own prices, as JSON: halts, drifts, splits, the running day
        and yesterday's close."""
        halted = {
            symbol: [reason, until.isoformat() if until else None]
            for symbol, (reason, until) in self._halts.items()
        }
        boards = self.boards.items()
        return {
            "halts": halted,
            "drifts": [drift.as_json() for drift in self._drifts],
            "closes": {symbol: str(board.previous_close) for symbol, board in boards},
            "days": {symbol: Row.of(board.day) for symbol, board in boards if board.day},
            "splits": {
                symbol: [[split.day.isoformat(), split.new, split.old] for split in splits]
                for symbol, splits in self._splits.items()
            },
        }

    def recall(self, memory: dict[str, Any]) -> None:
        """Go on from a `memory`, after the first `take`."""
        self.version += 1
        for symbol, (reason, until) in memory["halts"].items():
            if symbol in self.boards:
                self.boards[symbol].halted = True
                self._halts[symbol] = reason, datetime.fromisoformat(until) if until else None
        for symbol, close in memory["closes"].items():
            if symbol in self.boards:
                self.boards[symbol].previous_close = Decimal(close)
        for symbol, raw in memory["days"].items():
            if symbol in self.boards:
                self._bars.recall_day(self.boards[symbol], Row(*raw), symbol)
        for symbol, splits in memory["splits"].items():
            self._splits[symbol] = [
                Split(date.fromisoformat(d), new, old) for d, new, old in splits
            ]
        self._drifts = [Drift.parsed(raw) for raw in memory["drifts"]]
