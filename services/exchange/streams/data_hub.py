"""Who is subscribed to which market data, and the fan-out of a tick to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.exchange.market.boards import Update
from services.exchange.streams.codec import Codec, frames
from services.exchange.streams.connection import Connection
from services.exchange.streams.messages import Item, Kinds, items
from services.exchange.streams.tap import DATA

EVERYTHING = "*"
MOST_BYTES = 256 << 10  # of a frame; well under the megabyte at which clients hang up


@dataclass(eq=False)
class Subscriber:
    connection: Connection
    codec: Codec
    account: str
    wanted: dict[str, set[str]] = field(default_factory=dict)

    @property
    def channels(self) -> set[str]:
        return {channel for channel, symbols in self.wanted.items() if symbols}

    def wants(self, channel: str, symbol: str) -> bool:
        symbols = self.wanted.get(channel)
        return symbols is not None and (symbol in symbols or EVERYTHING in symbols)

    def metered_with(self, metered: Iterable[str], more: Mapping[str, Iterable[str]]) -> int:
        """How many symbol subscriptions would count if `more` were added."""
        return sum(
            len(self.wanted.get(channel, set()) | set(more.get(channel, ()))) for channel in metered
        )


class DataHub:
    """One fan-out. Each message is encoded once a codec, however many listen."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._subscribers: set[Subscriber] = set()

    def join(self, subscriber: Subscriber) -> None:
        self._subscribers.add(subscriber)

    def leave(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)

    def connections_of(self, account: str) -> int:
        return sum(1 for other in self._subscribers if other.account == account)

    @property
    def is_heard(self) -> bool:
        return any(subscriber.channels for subscriber in self._subscribers)

    @property
    def symbols(self) -> set[str]:
        """All that somebody wants by name."""
        sets = (symbols for s in self._subscribers for symbols in s.wanted.values())
        return set[str]().union(*sets) - {EVERYTHING}

    def publish(self, update: Update) -> None:
        for codec in {subscriber.codec for subscriber in self._subscribers}:
            listening = [s for s in self._subscribers if s.codec is codec and s.channels]
            if listening:
                wanted = set[str]().union(*(s.channels for s in listening))
                _deliver(list(items(update, self._kinds, codec, wanted)), listening)


def _deliver(said: list[Item], listening: list[Subscriber]) -> None:
    for subscriber in listening:
        mine = (item.data for item in said if subscriber.wants(item.channel, item.symbol))
        for frame in frames(subscriber.codec, mine, MOST_BYTES):
            subscriber.connection.send(frame, DATA)
