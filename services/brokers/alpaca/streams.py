"""alpaca-py's two streams, one connection at a time; supervision.py keeps them up.

Importing this costs a quarter of a second: done in the streams' threads, on first use."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from pydantic import SecretStr, ValidationError
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from db.model.market import Quote
from db.without_pandas import without_pandas
from services.brokers.alpaca import parsing
from services.brokers.alpaca.answer import UnreadableError, decoded
from services.brokers.alpaca.client import masked
from services.brokers.alpaca.supervision import Deliver, StreamLostError
from services.brokers.port import StreamState

with without_pandas():
    from alpaca.data.enums import DataFeed
    from alpaca.data.live.stock import StockDataStream
    from alpaca.trading.stream import TradingStream

log = logging.getLogger(__name__)

WRONG_KEYS = "the broker refused the API keys: check them and their environment"

_SAID: Mapping[str, str] = {
    "failed to authenticate": WRONG_KEYS,
    "auth failed": WRONG_KEYS,
    "not authenticated": WRONG_KEYS,
    "auth timeout": "the broker waited for the keys in vain",
    "connection limit exceeded": "another program holds this account's stream",
    "insufficient subscription": "the data plan does not include this feed",
}
"""What the broker says → what the trader reads."""

_HARMLESS = frozenset({403, 407, 412, 413})
"""Errors of the data stream after which it goes on (alpaca.md §6.3)."""
_TOO_MANY_SYMBOLS = 405
_NOT_THIS = frozenset({400, 410, _TOO_MANY_SYMBOLS})
"""Said to a wish for a channel: the subscription stays as it was."""

BASIC_PLAN = 30
"""Symbols that the free data plan streams."""

FLUSH = 0.05
"""Seconds between two deliveries of quotes: at most 20 a second, the latest of each symbol."""


def _websocket_params() -> dict[str, Any]:
    """A dead peer is noticed in 15 s, not 190. The logger is one that can't be turned up to
    debug by accident: there the frames are written out, keys included."""
    frames = logging.getLogger(f"{__name__}.frames")
    frames.setLevel(logging.INFO)
    return {
        "ping_interval": 5,
        "ping_timeout": 10,
        "max_queue": 1024,
        "close_timeout": 1,
        "logger": frames,
    }


@asynccontextmanager
async def _explained(key: SecretStr, secret: SecretStr) -> AsyncIterator[None]:
    """Whatever breaks inside comes out as StreamLostError with a reason."""
    try:
        yield
    except StreamLostError:
        raise
    except TimeoutError as error:
        raise StreamLostError("the broker did not answer in time") from error
    except ConnectionClosed as error:
        code = error.rcvd.code if error.rcvd is not None else "no goodbye"
        raise StreamLostError(f"the broker closed the connection ({code})") from error
    except InvalidHandshake as error:
        raise StreamLostError(_refused(getattr(error, "status_code", None))) from error
    except OSError as error:
        raise StreamLostError("the broker can't be reached") from error
    except Exception as error:
        # alpaca-py raises ValueError, KeyError, TypeError and more on what it does not expect.
        text = masked(str(error), key, secret)
        raise StreamLostError(
            _SAID.get(text, f"the broker's words make no sense ({text})")
        ) from None


def _refused(status: int | None) -> str:
    if status in (401, 403):
        return WRONG_KEYS
    return f"the broker refused the connection ({status or 'no websocket'})"


class OrderStream(TradingStream):
    """One connection to `trade_updates`."""

    _ws: Any

    def __init__(
        self,
        url: str,
        key: SecretStr,
        secret: SecretStr,
        account: str,
        deliver: Deliver,
        deadline: float,
    ) -> None:
        super().__init__(
            key.get_secret_value(),
            secret.get_secret_value(),
            raw_data=True,
            url_override=url,
            websocket_params=_websocket_params(),
        )
        self._keys = (key, secret)
        self._account = account
        self._deliver = deliver
        self._deadline = deadline
        self._acknowledged = False
        self.subscribe_trade_updates(self._on_update)

    async def session(self, connected: Callable[[str], None]) -> None:
        async with _explained(*self._keys):
            start: Callable[[], Awaitable[None]] = self._start_ws
            async with asyncio.timeout(self._deadline):
                await start()
                while not self._acknowledged:
                    await self._next()
            connected("")
            while True:
                await self._next()

    async def _next(self) -> None:
        await self._dispatch(decoded(await self._ws.recv()))

    async def _dispatch(self, msg: dict[str, Any]) -> None:
        """alpaca-py overlooks both the acknowledgement and a refusal of `listen`."""
        message = parsing.an_object(msg)
        stream, data = message.get("stream"), message.get("data")
        if stream == "listening":
            streams = parsing.an_object(data).get("streams") or ()
            if "trade_updates" not in streams:
                raise StreamLostError("the broker does not stream orders to these keys")
            self._acknowledged = True
        elif stream == "authorization" and parsing.an_object(data).get("status") != "authorized":
            raise StreamLostError(WRONG_KEYS)
        await super()._dispatch(msg)

    async def _on_update(self, message: Any) -> None:
        """An update that can't be read ends the connection: the snapshots taken on the next one
        make up for it. To skip it would lose a fill."""
        try:
            update = parsing.update(message, self._account)
        except (UnreadableError, ValidationError) as error:
            why = parsing.sentence(error) if isinstance(error, ValidationError) else error
            raise StreamLostError(f"an order update could not be read: {why}") from error
        self._deliver((update,))


class QuoteStream(StockDataStream):
    """One connection to the quotes of `wanted()`, followed when `changed` is set, and to the trading
    halts of every symbol, where the feed tells them."""

    _ws: Any

    def __init__(
        self,
        url: str,
        key: SecretStr,
        secret: SecretStr,
        deliver: Deliver,
        deadline: float,
        *,
        wanted: Callable[[], frozenset[str]],
        changed: asyncio.Event,
        market_open: Callable[[], bool],
        silence: float,
    ) -> None:
        super().__init__(
            key.get_secret_value(),
            secret.get_secret_value(),
            raw_data=True,
            feed=DataFeed.IEX,
            websocket_params=_websocket_params(),
            url_override=url,
            data_timeout=silence,
        )
        self._keys = (key, secret)
        self._deliver = deliver
        self._deadline = deadline
        self._wanted = wanted
        self._changed = changed
        self._market_open = market_open
        self._silence = silence
        self._acknowledged = False
        self._subscribed: frozenset[str] = frozenset()
        self._most: int | None = None
        self._answered = asyncio.Event()
        self._connected: Callable[[str], None] = lambda remark: None
        self._remark = ""
        self._halts_asked = False
        self._halts_told = False
        self._latest: dict[str, Any] = {}
        self._flushed = float("-inf")
        self._flush_planned = False

    async def session(self, connected: Callable[[str], None]) -> None:
        """Connects only once something is wanted: without symbols alpaca-py spins."""
        while not self._wanted():
            await self._changed.wait()
            self._changed.clear()
        self._changed.set()
        self._connected = connected
        async with _explained(*self._keys):
            async with asyncio.timeout(self._deadline):
                await self._start_ws()
            await self._first_of(self._consume(), self._follow())
        if self._wanted() and self._market_open():
            raise StreamLostError(f"no quotes for {self._silence:g} s")

    async def _first_of(self, *coroutines: Any) -> None:
        tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError, Exception):  # the first one's end is the news
                await asyncio.gather(*tasks)

    async def _follow(self) -> None:
        """After every change of what is wanted, ask until the broker's own list agrees; one
        question at a time, none twice."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            asked: set[tuple[str, frozenset[str]]] = set()
            while (change := self._next_change()) is not None and change not in asked:
                asked.add(change)
                await self._ask(*change)
            if not self._halts_asked:
                await self._ask_for_halts()

    def _next_change(self) -> tuple[str, frozenset[str]] | None:
        goal = frozenset(sorted(self._wanted())[: self._most])
        self._handlers["quotes"] = dict.fromkeys(sorted(goal), self._on_quote)
        if gone := self._subscribed - goal:
            return "unsubscribe", gone
        return ("subscribe", goal) if goal - self._subscribed else None

    async def _ask(self, action: str, symbols: frozenset[str]) -> None:
        self._answered.clear()
        if action == "subscribe":
            await self._send_subscribe_msg()  # of all handlers, which are `symbols`
        else:
            await self._send_unsubscribe_msg("quotes", sorted(symbols))
        async with asyncio.timeout(self._deadline):
            await self._answered.wait()

    async def _ask_for_halts(self) -> None:
        """After the quotes: a feed without halts, or without an answer, is no reason to be without
        prices. One question at a time here, too: its answer is not another one's."""
        self._halts_asked = True
        self._handlers["statuses"] = {"*": self._on_status}
        self._answered.clear()
        await self._send_subscribe_msg()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._deadline):
                await self._answered.wait()

    async def _dispatch(self, msg: dict[str, Any]) -> None:
        kind = msg.get("T")
        if kind == "error":
            self._on_error(msg)
        elif kind == "subscription":
            self._subscribed = frozenset(msg.get("quotes") or ())
            self._on_answer("")
            if not self._halts_told and "*" in (msg.get("statuses") or ()):
                self._halts_told = True
                self._tell_halts(told=True)
        else:
            await super()._dispatch(msg)

    def _on_answer(self, remark: str) -> None:
        """The first answer makes the connection; a remark is told whenever it comes."""
        self._answered.set()
        if remark or not self._acknowledged:
            self._acknowledged = True
            self._remark = remark
            self._connected(remark)

    def _on_error(self, message: Mapping[str, Any]) -> None:
        code, said = message.get("code"), str(message.get("msg"))
        if code in _NOT_THIS and self._halts_asked and not self._halts_told:
            self._handlers["statuses"] = {}
            self._answered.set()
            log.warning("the broker's feed tells no trading halts: %s (%s)", said, code)
        elif code == _TOO_MANY_SYMBOLS:
            # The subscription stays as it was: ask for fewer. The rest goes stale and is polled.
            self._most = BASIC_PLAN
            self._on_answer(f"the data plan streams {BASIC_PLAN} symbols: the others are polled")
        elif code in _HARMLESS:
            log.warning("the quote stream says: %s (%s)", said, code)
        else:
            raise StreamLostError(_SAID.get(said, f"the broker says: {said} ({code})"))

    async def _on_quote(self, message: Any) -> None:
        """Keep the latest of each symbol; a burst costs the desk one delivery."""
        self._latest[message["S"]] = message
        if not self._flush_planned:
            self._flush_planned = True
            loop = asyncio.get_running_loop()
            loop.call_at(max(loop.time(), self._flushed + FLUSH), self._flush)

    async def _on_status(self, message: Any) -> None:
        try:
            self._deliver((parsing.trading_status(message),))
        except (UnreadableError, ValidationError) as error:
            # What is halted is not known any more, but prices are.
            log.warning("a trading status can't be read, halts are not told: %s", error)
            self._handlers["statuses"] = {}
            self._tell_halts(told=False)

    def _tell_halts(self, *, told: bool) -> None:
        state = StreamState(stream="quotes", connected=True, reason=self._remark, tells_halts=told)
        self._deliver((state,))

    def _flush(self) -> None:
        self._flush_planned = False
        self._flushed = asyncio.get_running_loop().time()
        latest, self._latest = self._latest, {}
        quotes = [quote for row in latest.values() if (quote := _readable(row)) is not None]
        self._deliver(quotes)


def _readable(row: Any) -> Quote | None:
    """A quote that can't be read is reported and missing: the next one comes soon."""
    try:
        return parsing.quote(row, symbol=str(row["S"]), source="stream")
    except (UnreadableError, ValidationError) as error:
        log.warning("left out a quote that can't be read: %s", error)
        return None
