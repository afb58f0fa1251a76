"""alpaca-py's own stream clients, unmodified, against the exchange in this process."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from alpaca.data.enums import DataFeed
from alpaca.data.live import NewsDataStream, OptionDataStream, StockDataStream
from alpaca.data.models import Bar, Quote, Trade, TradeCancel, TradeCorrection, TradingStatus
from alpaca.trading.stream import TradingStream
from exchange_world import TUESDAY_NOON
from stream_talk import SALE

from services.exchange.market import quotes as said
from services.exchange.market.boards import Update
from services.exchange.streams.limits import DataLimits
from services.exchange.streams.tap import Frame, Step, Tap

WAIT = 10
ONE = Decimal(1)
TRADE = said.Trade("NEM", 7, ONE, 100, TUESDAY_NOON, ONE, ONE, ONE)
BAR = said.Bar.begun(TRADE, TUESDAY_NOON)
EVERYTHING = Update(
    ticks=[said.Quote("NEM", ONE, 100, ONE + 1, 200, TUESDAY_NOON), TRADE],
    bars=[BAR],
    days=[BAR],
    updated=[BAR],
    statuses=[said.TradingStatus("NEM", "H", "Trading Halt", "T1", "News", TUESDAY_NOON)],
    corrections=[said.Correction(TRADE, TRADE._replace(id=8), TUESDAY_NOON)],
    cancels=[said.Cancel(TRADE, "C", TUESDAY_NOON)],
)
Run = Callable[[Any], "asyncio.Task[None]"]


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    """Runs a stream as a task, cancelled at the end."""
    running: list[tuple[Any, asyncio.Task[None]]] = []

    def start(stream: Any) -> "asyncio.Task[None]":
        task = asyncio.create_task(stream._run_forever())
        running.append((stream, task))
        return task

    yield start
    for stream, task in running:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with suppress(AttributeError):  # never connected
            await stream.close()


class Watch(Tap):
    """Lets all pass; tells when a frame of a kind was sent."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[str] = asyncio.Queue()

    def passes(self, frame: Frame) -> Sequence[Step]:
        self.told.put_nowait(frame.event)
        return super().passes(frame)

    async def until(self, event: str) -> None:
        async with asyncio.timeout(WAIT):
            while await self.told.get() != event:
                pass


@pytest.fixture
def watch(served) -> Watch:
    tap = served.opened.exchange.connections.tap = Watch()
    return tap


def url(served, path: str) -> str:
    return str(served.client.make_url(path)).replace("http", "ws", 1)


def taker() -> tuple["asyncio.Queue[Any]", Callable[[Any], Any]]:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def take(item: Any) -> None:
        heard.put_nowait(item)

    return heard, take


async def taken(heard: "asyncio.Queue[Any]", count: int) -> list[Any]:
    async with asyncio.timeout(WAIT):
        return [await heard.get() for _ in range(count)]


async def test_every_kind_of_message_becomes_its_model(served, run, watch):
    heard, take = taker()
    stream = StockDataStream(
        served.key, served.secret, feed=DataFeed.SIP, url_override=url(served, "/v2/sip")
    )
    for subscribe in (
        stream.subscribe_quotes,
        stream.subscribe_trades,
        stream.subscribe_bars,
        stream.subscribe_updated_bars,
        stream.subscribe_daily_bars,
        stream.subscribe_trading_statuses,
    ):
        subscribe(take, "NEM")
    stream.register_trade_corrections(take)
    stream.register_trade_cancels(take)
    run(stream)
    await watch.until("subscription")
    served.opened.exchange.data_hubs.of["stocks"].publish(EVERYTHING)
    items = await taken(heard, 8)
    kinds = [Quote, Trade, TradeCorrection, TradeCancel, Bar, Bar, Bar, TradingStatus]
    assert [type(item) for item in items] == kinds
    assert {item.symbol for item in items} == {"NEM"}
    assert {item.timestamp for item in items} == {TUESDAY_NOON}


async def test_option_quotes_and_trades_become_models(served, run, watch):
    occ = "NEM260320C00080000"
    heard, take = taker()
    stream = OptionDataStream(
        served.key, served.secret, url_override=url(served, "/v1beta1/indicative")
    )
    stream.subscribe_quotes(take, occ)
    stream.subscribe_trades(take, "*")
    run(stream)
    await watch.until("subscription")
    ticks = [tick._replace(symbol=occ) for tick in EVERYTHING.ticks]
    served.opened.exchange.data_hubs.of["options"].publish(Update(ticks, [], []))
    quote, trade = await taken(heard, 2)
    assert (type(quote), quote.symbol, quote.conditions) == (Quote, occ, "R")
    assert (type(trade), trade.symbol, trade.price) == (Trade, occ, 1.0)


async def test_news_is_subscribed(served, run, watch):
    _, take = taker()
    path = url(served, "/v1beta1/news")
    stream = NewsDataStream(served.key, served.secret, url_override=path)
    stream.subscribe_news(take, "*")
    run(stream)
    await watch.until("subscription")


async def test_a_feed_that_is_not_the_accounts_ends_the_client(serve, run):
    """409 is the one error at authentication after which `run()` returns (alpaca.md §6.3)."""
    served = await serve(data_limits=DataLimits(not_subscribed=frozenset({"sip"})))
    _, take = taker()
    stream = StockDataStream(
        served.key, served.secret, feed=DataFeed.SIP, url_override=url(served, "/v2/sip")
    )
    stream.subscribe_quotes(take, "NEM")
    async with asyncio.timeout(WAIT):
        await run(stream)


async def test_order_updates_become_models(served, run, watch):
    heard, take = taker()
    stream = TradingStream(served.key, served.secret, url_override=url(served, "/stream"))
    stream.subscribe_trade_updates(take)
    run(stream)
    await watch.until("listening")
    _, order, _ = await served.call("POST", "/v2/orders", SALE)
    updates = await taken(heard, 3)
    assert [update.event for update in updates] == ["pending_new", "new", "fill"]
    assert {str(update.order.id) for update in updates} == {order["id"]}
    assert len({update.execution_id for update in updates}) == 3
