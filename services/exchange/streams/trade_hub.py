"""Who listens to which account's `trade_updates`."""

from collections.abc import Iterable

from services.exchange.engine.trade_updates import TradeUpdate
from services.exchange.streams.connection import Connection


class TradeHub:
    def __init__(self) -> None:
        self._listeners: dict[Connection, str] = {}

    def listen(self, connection: Connection, account: str) -> None:
        self._listeners[connection] = account

    def leave(self, connection: Connection) -> None:
        self._listeners.pop(connection, None)

    def publish(self, updates: Iterable[TradeUpdate]) -> None:
        """Durable updates, in order, to everybody who listens to their account."""
        if not self._listeners:
            return
        for update in updates:
            frame = update.as_frame()
            for connection, account in self._listeners.items():
                if account == update.order.account:
                    connection.send(frame, update.event, update)
