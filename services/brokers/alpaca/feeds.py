"""Both streams of an account together: started for one consumer, stopped with it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from pydantic import SecretStr

from services.brokers.alpaca.client import Timeouts
from services.brokers.alpaca.endpoints import Endpoints
from services.brokers.alpaca.mailbox import Mailbox
from services.brokers.alpaca.supervision import Backoff, Connection, Deliver, StreamThread
from services.brokers.port import BrokerMessage


class Streams:
    """Threads that fill a mailbox on the consumer's loop."""

    def __init__(
        self,
        account: str,
        key: SecretStr,
        secret: SecretStr,
        endpoints: Endpoints,
        timeouts: Timeouts,
        market_open: Callable[[], bool],
        backoff: Backoff | None,
    ) -> None:
        self._account = account
        self._key = key
        self._secret = secret
        self._endpoints = endpoints
        self._timeouts = timeouts
        self._market_open = market_open
        self._backoff = backoff or Backoff()
        self._wanted: frozenset[str] = frozenset()
        self._changed = asyncio.Event()
        self._mailbox: Mailbox | None = None
        self._threads: tuple[StreamThread, ...] = ()

    def watch(self, symbols: Sequence[str]) -> None:
        """From any thread; the stream follows at once or when it connects."""
        if (wanted := frozenset(symbols)) == self._wanted:
            return
        self._wanted = wanted
        for thread in self._threads:
            thread.call(self._changed.set)

    def start(self) -> Mailbox:
        """On the consumer's loop. RuntimeError when there is a consumer already."""
        if self._mailbox is not None:
            raise RuntimeError("The broker's messages have one consumer already.")
        mailbox = self._mailbox = Mailbox()
        deliver = _deliverer(mailbox, asyncio.get_running_loop())
        self._changed = asyncio.Event()  # bound to the loop of the thread that waits on it
        self._threads = (
            StreamThread("orders", lambda: self._orders(deliver), deliver, self._backoff),
            StreamThread("quotes", lambda: self._quotes(deliver), deliver, self._backoff),
        )
        for thread in self._threads:
            thread.start()
        return mailbox

    async def stop(self) -> None:
        """Ends the consumer and both threads; never hangs. Harmless when repeated."""
        threads, self._threads = self._threads, ()
        if self._mailbox is not None:
            self._mailbox.close()
            self._mailbox = None
        await asyncio.gather(*(asyncio.to_thread(thread.stop) for thread in threads))

    def _orders(self, deliver: Deliver) -> Connection:
        from services.brokers.alpaca.streams import OrderStream

        return OrderStream(
            self._endpoints.trading_stream_url,
            self._key,
            self._secret,
            self._account,
            deliver,
            self._timeouts.listen,
        )

    def _quotes(self, deliver: Deliver) -> Connection:
        from services.brokers.alpaca.streams import QuoteStream

        return QuoteStream(
            self._endpoints.data_stream_url,
            self._key,
            self._secret,
            deliver,
            self._timeouts.listen,
            wanted=lambda: self._wanted,
            changed=self._changed,
            market_open=self._market_open,
            silence=self._timeouts.silence,
        )


def _deliverer(mailbox: Mailbox, loop: asyncio.AbstractEventLoop) -> Deliver:
    def deliver(messages: Sequence[BrokerMessage]) -> None:
        with suppress(RuntimeError):  # the consumer's loop has ended: so do these threads, soon
            loop.call_soon_threadsafe(mailbox.put, messages)

    return deliver
