"""What was before: trades of the account and daily bars, read once and kept for a while."""

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

from db.clock import Clock
from db.model.event import Event
from db.model.market import Bar
from db.model.order import Fill, Side
from db.model.portfolio import Position
from db.model.record import PastTrade, TradeRecord
from services.brokers.port import Broker, BrokerUnavailableError
from services.risk.facts import NEW_YORK

TRADES = timedelta(days=62)
"""A wash sale looks 30 days back, at sales of what may have been bought 30 days before."""
BARS = timedelta(days=100)
"""Calendar days that hold more than 60 sessions."""
KEPT_SECONDS = 60.0
Elsewhere = Callable[[datetime], Awaitable[tuple[TradeRecord, ...]]]
"""Records of other journals, read now."""
ZERO = Decimal(0)

log = logging.getLogger(__name__)


class Past:
    """Asks the broker for what was traded and for daily bars."""

    def __init__(self, broker: Broker, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock
        self.elsewhere: Elsewhere = _nothing
        self._fills: tuple[Fill, ...] = ()
        self._others: tuple[TradeRecord, ...] = ()
        self._since: datetime | None = None
        self._asked = float("-inf")
        self._looked = float("-inf")
        self._bars: dict[str, tuple[Bar, ...]] = {}
        self._bars_of: date | None = None

    def apply(self, events: Iterable[Event]) -> None:
        """A fill makes the record old."""
        if any(event.kind in ("FillReceived", "OutsideFillSeen") for event in events):
            self._asked = float("-inf")

    async def record(self, now: datetime, held: Iterable[Position]) -> TradeRecord | None:
        """Trades since 62 days ago; None while they can't be read: the checks say so."""
        if self._since is None or self._old(self._asked):
            since = now - TRADES
            try:
                self._fills = await self._broker.fills_since(since)
            except BrokerUnavailableError as error:
                log.warning("what was traded before can't be read: %s", error)
                return None
            self._since, self._asked = since, self._clock.monotonic()
        if self._old(self._looked):  # our own fills tell nothing of what others traded
            self._others = await self.elsewhere(self._clock.now())
            self._looked = self._clock.monotonic()
        own = TradeRecord(since=self._since, trades=tuple(trades_of(self._fills, held)))
        return together(own, self._others)

    def _old(self, then: float) -> bool:
        return self._clock.monotonic() - then >= KEPT_SECONDS

    async def bars(self, symbols: Collection[str], now: datetime) -> dict[str, tuple[Bar, ...]]:
        """Daily bars of the sessions before today's, asked for once a day; what can't be read is
        absent."""
        today = now.astimezone(NEW_YORK).date()
        if today != self._bars_of:
            self._bars, self._bars_of = {}, today
        missing = sorted(set(symbols) - self._bars.keys())
        if missing:
            try:
                found = await self._broker.bars(missing, now - BARS)
                self._bars |= {
                    symbol: tuple(bar for bar in bars if bar.date < today)
                    for symbol, bars in found.items()
                }
            except BrokerUnavailableError as error:
                log.warning("daily bars can't be read: %s", error)
        return {symbol: self._bars[symbol] for symbol in symbols if symbol in self._bars}


async def _nothing(_: datetime) -> tuple[TradeRecord, ...]:
    return ()


def together(own: TradeRecord, others: Iterable[TradeRecord]) -> TradeRecord:
    """One record: complete since the last of them is."""
    every = (own, *others)
    last = max(every, key=lambda record: record.since)
    return TradeRecord(
        since=last.since, trades=tuple(t for record in every for t in record.trades), why=last.why
    )


def trades_of(fills: Iterable[Fill], now: Iterable[Position]) -> Iterable[PastTrade]:
    """The fills, oldest first, with the gain of each sale against the average cost. Of shares that
    were there before the first fill nobody here knows the cost, until all of them are gone."""
    ordered = sorted(fills, key=lambda fill: fill.at)
    before = {(p.account, p.symbol): p.qty for p in now}
    for fill in ordered:
        key = (fill.account, fill.symbol)
        before[key] = before.get(key, ZERO) - _signed(fill)
    held: dict[tuple[str, str], tuple[Decimal, Decimal | None]] = {
        key: (qty, None if qty else ZERO) for key, qty in before.items()
    }
    for fill in ordered:
        key = (fill.account, fill.symbol)
        qty, cost = held[key]
        left, gain = qty + _signed(fill), None
        if cost is not None and fill.side is Side.SELL and 0 < fill.qty <= qty:
            gain = fill.qty * (fill.price - cost / qty)
            cost -= cost / qty * fill.qty
        elif cost is not None and fill.side is Side.BUY and qty >= 0:
            cost += fill.qty * fill.price
        else:
            cost = None
        held[key] = (left, cost if left else ZERO)
        yield PastTrade(
            account=fill.account,
            symbol=fill.symbol,
            side=fill.side,
            qty=fill.qty,
            price=fill.price,
            at=fill.at,
            gain=gain,
        )


def _signed(fill: Fill) -> Decimal:
    return fill.qty if fill.side is Side.BUY else -fill.qty
