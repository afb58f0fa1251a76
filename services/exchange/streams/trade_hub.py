"""Who listens to which account's `trade_updates`."""

from collections.abc import Iterable

from services.exchange.engine.trade_updates import TradeUpdate
from services.exchange.streams.codec import Codec
from services.exchange.streams.connection import Connection

TRADE_UPDATES = "trade_updates"


class TradeHub:
    """Nothing is kept for those who come later: there is no replay (alpaca.md §5.6)."""

    def __init__(self) -> None:
        self._listeners: dict[Connection, Codec] = {}

    def listen(self, connection: Connection, codec: Codec) -> None:
        """From now on the updates of the connection's account go to it."""
        self._listeners[connection] = codec

    def leave(self, connection: Connection) -> None:
        self._listeners.pop(connection, None)

    def publish(self, updates: Iterable[TradeUpdate]) -> None:
        """Durable updates, in order, to everybody who listens to their account."""
        if self._listeners:
            for update in updates:
                self._tell(update)

    def _tell(self, update: TradeUpdate) -> None:
        """Encoded once a codec, however many listen."""
        frames: dict[Codec, bytes] = {}
        for connection, codec in self._listeners.items():
            if connection.account == update.order.account:
                if codec not in frames:
                    message = {"stream": TRADE_UPDATES, "data": update.as_wire()}
                    frames[codec] = codec.item(message)
                connection.send(frames[codec], update.event, update)
