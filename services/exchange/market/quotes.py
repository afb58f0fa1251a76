"""What a price feed says: quotes, trades and the bars made of them. Prices are exact Decimals."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

CENT = Decimal("0.01")
TENTH_OF_MILL = Decimal("0.0001")
ONE = Decimal(1)


class Quote(NamedTuple):
    """Best bid and ask; a price of 0 means nobody quotes that side. Sizes are shares."""

    symbol: str
    bid: Decimal
    bid_size: int
    ask: Decimal
    ask_size: int
    at: datetime

    def moved(self, factor: Decimal) -> "Quote":
        """At `factor` times its prices, on the tick; a side nobody quotes stays empty."""
        bid, ask = (_priced(price, factor) if price else price for price in (self.bid, self.ask))
        least = bid + tick_size(bid) if ask else ask
        return self._replace(bid=bid, ask=max(ask, least))


class Trade(NamedTuple):
    """A print. From a tape it is a second of them: `high` and `low` are that second's."""

    symbol: str
    id: int
    price: Decimal
    size: int
    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal

    def moved(self, factor: Decimal) -> "Trade":
        """At `factor` times its prices, on the tick."""
        return self._replace(
            price=_priced(self.price, factor),
            open=_priced(self.open, factor),
            high=_priced(self.high, factor),
            low=_priced(self.low, factor),
        )


class TradingStatus(NamedTuple):
    """A halt or a resumption, in the words of the tape (alpaca.md §6.2, T=s)."""

    symbol: str
    code: str
    message: str
    reason: str
    reason_message: str
    at: datetime


class Bands(NamedTuple):
    """Limit up and limit down (T=l): no trade may happen outside of them."""

    symbol: str
    up: Decimal
    down: Decimal
    at: datetime


class Correction(NamedTuple):
    """A print that was told wrong, and what it should have been (T=c)."""

    wrong: Trade
    right: Trade
    at: datetime


class Cancel(NamedTuple):
    """A print that never was: `action` is C (cancelled) or E (an error) (T=x)."""

    trade: Trade
    action: str
    at: datetime


@dataclass(slots=True)
class Bar:
    """A running bar. `turnover` is Σ price × size, for the volume-weighted price."""

    symbol: str
    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int
    trades: int
    turnover: Decimal

    @classmethod
    def begun(cls, trade: Trade, at: datetime) -> "Bar":
        bar = cls(
            trade.symbol, at, trade.open, trade.high, trade.low, trade.price, 0, 0, Decimal(0)
        )
        bar.take(trade)
        return bar

    def take(self, trade: Trade) -> None:
        self.high = max(self.high, trade.high)
        self.low = min(self.low, trade.low)
        self.close = trade.price
        self.volume += trade.size
        self.trades += 1
        self.turnover += trade.price * trade.size

    @property
    def vwap(self) -> Decimal:
        return (self.turnover / self.volume).quantize(TENTH_OF_MILL) if self.volume else self.close


class PriceSource(Protocol):
    """Where prices come from."""

    def due(self, now: datetime) -> list[Quote | Trade]:
        """What happened up to a time, which is never earlier than the one asked for before."""

    def jump(self, symbol: str, factor: Decimal) -> None:
        """Multiply a symbol's prices from now on; of others nothing happens."""


def tick_size(price: Decimal) -> Decimal:
    return CENT if price >= ONE else TENTH_OF_MILL


def _priced(price: Decimal, factor: Decimal) -> Decimal:
    tick = tick_size(price * factor)
    return max((price * factor / tick).to_integral_value() * tick, tick)
