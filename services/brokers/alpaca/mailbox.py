"""What the streams bring, for one consumer: a quote replaces the one not yet taken, everything
else keeps its place and is never dropped."""

import asyncio
from collections import deque
from collections.abc import Sequence

from db.model.market import Quote
from services.brokers.port import BrokerMessage


class Mailbox:
    """Lives on one event loop; only `put` by way of `call_soon_threadsafe` comes from threads."""

    def __init__(self) -> None:
        self._facts: deque[BrokerMessage] = deque()
        self._quotes: dict[str, Quote] = {}
        self._waiting = asyncio.Event()
        self._closed = False

    def put(self, messages: Sequence[BrokerMessage]) -> None:
        for message in messages:
            if isinstance(message, Quote):
                self._quotes[message.symbol] = message
            else:
                self._facts.append(message)
        self._waiting.set()

    def close(self) -> None:
        self._closed = True
        self._waiting.set()

    async def get(self) -> BrokerMessage | None:
        """The oldest fact, else a latest quote; waits for one. None once closed."""
        while not self._closed:
            if self._facts:
                return self._facts.popleft()
            if self._quotes:
                return self._quotes.pop(next(iter(self._quotes)))
            self._waiting.clear()
            await self._waiting.wait()
        return None
