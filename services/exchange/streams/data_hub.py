"""Who is subscribed to which market data, and the fan-out of a tick to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.exchange.market.boards import Update
from services.exchange.market.quotes import Bar, Quote, Trade
from services.exchange.market.wire import bar_fields, quote_fields, trade_fields
from services.exchange.streams.codec import Codec
from services.exchange.streams.connection import Connection
from services.exchange.streams.tap import DATA

# Channels that carry data here, then those that exist but stay silent.
CHANNELS = ("trades", "quotes", "bars", "dailyBars", "updatedBars", "statuses", "lulds")
FOLLOW_TRADES = ("corrections", "cancelErrors")
METERED = ("trades", "quotes")  # what Alpaca's symbol limit counts
EVERYTHING = "*"
MOST_ITEMS = 2_000  # a frame; well under the megabyte at which clients hang up


@dataclass(eq=False)
class Subscriber:
    connection: Connection
    codec: Codec
    account: str
    wanted: dict[str, set[str]] = field(default_factory=dict)

    def wants(self, channel: str, symbol: str) -> bool:
        symbols = self.wanted.get(channel)
        return symbols is not None and (symbol in symbols or EVERYTHING in symbols)

    def metered_with(self, more: Mapping[str, Iterable[str]]) -> int:
        """How many symbol subscriptions would count if `more` were added."""
        return sum(
            len(self.wanted.get(channel, set()) | set(more.get(channel, ()))) for channel in METERED
        )


class DataHub:
    """One feed. Each message is encoded once a codec, however many listen."""

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()

    def join(self, subscriber: Subscriber) -> None:
        self._subscribers.add(subscriber)

    def leave(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)

    def connections_of(self, account: str) -> int:
        return sum(1 for other in self._subscribers if other.account == account)

    def publish(self, update: Update) -> None:
        listening = [s for s in self._subscribers if any(s.wanted.values())]
        for codec in {s.codec for s in listening}:
            items = _encoded(update, codec)
            for subscriber in listening:
                if subscriber.codec is codec:
                    _deliver(subscriber, items)


def _deliver(subscriber: Subscriber, items: list[tuple[str, str, bytes]]) -> None:
    mine = [data for channel, symbol, data in items if subscriber.wants(channel, symbol)]
    for start in range(0, len(mine), MOST_ITEMS):
        frame = subscriber.codec.array(mine[start : start + MOST_ITEMS])
        subscriber.connection.send(frame, DATA)


def _encoded(update: Update, codec: Codec) -> list[tuple[str, str, bytes]]:
    ticks = [_tick(tick, codec) for tick in update.ticks]
    bars = [_bar("bars", "b", bar, codec) for bar in update.bars]
    days = [_bar("dailyBars", "d", bar, codec) for bar in update.days]
    return ticks + bars + days


def _tick(tick: Quote | Trade, codec: Codec) -> tuple[str, str, bytes]:
    t = codec.time(tick.at)
    if isinstance(tick, Quote):
        message = {"T": "q", "S": tick.symbol, **quote_fields(tick, t)}
        return "quotes", tick.symbol, codec.item(message)
    message = {"T": "t", "S": tick.symbol, **trade_fields(tick, t)}
    return "trades", tick.symbol, codec.item(message)


def _bar(channel: str, kind: str, bar: Bar, codec: Codec) -> tuple[str, str, bytes]:
    message = {"T": kind, "S": bar.symbol, **bar_fields(bar, codec.time(bar.at))}
    return channel, bar.symbol, codec.item(message)
