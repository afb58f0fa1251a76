"""The unmodified alpaca-py clients against the exchange as a process."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.enums import DataFeed
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.live import StockDataStream
from alpaca.data.models import Bar, Quote, Trade
from alpaca.data.requests import (
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockSnapshotRequest,
)
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import AssetClass, OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.models import TradeUpdate
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
)
from alpaca.trading.stream import TradingStream

WAIT = 20


@pytest.fixture
def client(exchange) -> TradingClient:
    return TradingClient(exchange.key, exchange.secret, url_override=exchange.trading_url)


@pytest.fixture
def run_stream() -> Iterator[Callable[..., None]]:
    """Runs a stream in its own thread, as `run()` does, but ends at once when the test does."""
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None], threading.Thread]] = []

    def run(stream: TradingStream | StockDataStream) -> None:
        loop = asyncio.new_event_loop()
        task = loop.create_task(stream._run_forever())

        def until_cancelled() -> None:
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
            loop.run_until_complete(stream.close())
            loop.close()

        thread = threading.Thread(target=until_cancelled)
        thread.start()
        running.append((loop, task, thread))

    yield run
    for loop, task, thread in running:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(WAIT)


def test_accounts_positions_assets_clock_and_calendar_parse(client):
    account = client.get_account()
    assert (account.account_number, account.cash) == ("SIM000001", "2500")
    assert (account.equity, account.buying_power) == ("100000", "102500")
    positions = {position.symbol: position for position in client.get_all_positions()}
    assert len(positions) == 12
    assert (positions["NEM"].qty, positions["NEM"].market_value) == ("150", "12000")
    assert client.get_open_position("NEM") == positions["NEM"]
    assets = client.get_all_assets(GetAssetsRequest(asset_class=AssetClass.US_EQUITY))
    assert len(assets) > 540
    assert client.get_asset("NVDA").fractionable
    assert client.get_clock().is_open
    days = client.get_calendar(GetCalendarRequest(start="2026-11-23", end="2026-11-29"))
    assert [day.date.day for day in days] == [23, 24, 25, 27]


def test_orders_are_placed_found_replaced_cancelled_and_closed(client):
    sale = client.submit_order(
        MarketOrderRequest(
            symbol="NEM",
            qty=150,
            side=OrderSide.SELL,
            time_in_force=TimeInForce.DAY,
            client_order_id="sell-nem",
        )
    )
    found = client.get_order_by_client_id("sell-nem")
    assert (found.id, found.status.value, found.filled_avg_price) == (sale.id, "filled", "79.99")
    resting = client.submit_order(
        LimitOrderRequest(
            symbol="NVDA", qty=3, side=OrderSide.BUY, time_in_force="day", limit_price=170.10
        )
    )
    replaced = client.replace_order_by_id(resting.id, ReplaceOrderRequest(qty=2, limit_price=171))
    assert replaced.replaces == resting.id
    (working,) = client.get_orders(GetOrdersRequest(nested=True, limit=500))
    assert (working.id, working.limit_price, working.qty) == (replaced.id, "171", "2")
    client.cancel_order_by_id(replaced.id)
    assert client.get_order_by_id(replaced.id).status.value == "canceled"
    closed = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.CLOSED, direction="asc"))
    assert [order.status.value for order in closed] == ["filled", "replaced", "canceled"]
    client.close_position("FCX", ClosePositionRequest(percentage="50"))
    assert client.get_open_position("FCX").qty == "150"
    assert {answer.status for answer in client.close_all_positions(cancel_orders=True)} == {200}
    assert client.get_all_positions() == []
    fills = client.get("/account/activities/FILL", {"direction": "asc"})
    assert (fills[0]["symbol"], fills[0]["qty"], len(fills)) == ("NEM", "150", 13)
    with pytest.raises(APIError) as refused:
        client.get_open_position("NEM")
    assert (refused.value.status_code, refused.value.code) == (404, 40410000)


def test_latest_market_data_parse(exchange):
    data = StockHistoricalDataClient(exchange.key, exchange.secret, url_override=exchange.data_url)
    asked = {"symbol_or_symbols": ["NEM", "NOSUCH"]}
    assert data.get_stock_latest_quote(StockLatestQuoteRequest(**asked))["NEM"].bid_price == 79.99
    assert data.get_stock_latest_trade(StockLatestTradeRequest(**asked))["NEM"].price == 80.0
    assert data.get_stock_latest_bar(StockLatestBarRequest(**asked))["NEM"].close == 80.0
    snapshot = data.get_stock_snapshot(StockSnapshotRequest(**asked))["NEM"]
    assert (snapshot.latest_quote.ask_price, snapshot.daily_bar.close) == (80.01, 80.0)


def test_trade_updates_arrive_in_order(exchange, client, run_stream):
    updates: queue.Queue[TradeUpdate] = queue.Queue()
    listening = threading.Event()

    class Listening(TradingStream):
        async def _dispatch(self, message):
            await super()._dispatch(message)
            if message["stream"] == "listening":
                listening.set()

    async def take(update: TradeUpdate) -> None:
        updates.put(update)

    stream = Listening(exchange.key, exchange.secret, url_override=exchange.trading_stream_url)
    stream.subscribe_trade_updates(take)
    run_stream(stream)
    assert listening.wait(WAIT)
    order = client.submit_order(
        MarketOrderRequest(symbol="NEM", qty=5, side=OrderSide.SELL, time_in_force="day")
    )
    heard = [updates.get(timeout=WAIT) for _ in range(3)]
    assert [update.event for update in heard] == ["pending_new", "new", "fill"]
    assert {update.order.id for update in heard} == {order.id}
    fill = heard[-1]
    assert (fill.price, fill.qty, fill.position_qty) == (79.99, 5.0, 145.0)
    assert Decimal(client.get_account().cash) == 2500 + 5 * Decimal("79.99")


def test_market_data_arrive_as_models(start_exchange, run_stream):
    """A minute passes in every tick, so that bars come as well; the 30-odd frames are few."""
    exchange = start_exchange(tick=20, speed=3000, volatility="0.1")
    heard: queue.Queue[Quote | Trade | Bar] = queue.Queue()

    async def take(item: Quote | Trade | Bar) -> None:
        heard.put(item)

    stream = StockDataStream(
        exchange.key, exchange.secret, feed=DataFeed.IEX, url_override=exchange.data_stream_url
    )
    stream.subscribe_quotes(take, "NEM", "MSFT")
    stream.subscribe_trades(take, "*")
    stream.subscribe_bars(take, "NEM")
    run_stream(stream)
    kinds: dict[type, set[str]] = {}
    while {Quote, Trade, Bar} - set(kinds) or kinds[Quote] != {"NEM", "MSFT"}:
        item = heard.get(timeout=WAIT)
        kinds.setdefault(type(item), set()).add(item.symbol)
        if isinstance(item, Quote):
            assert 0 < item.bid_price < item.ask_price
    assert kinds[Bar] == {"NEM"}


def test_wrong_keys_are_refused_before_anything_else(exchange):
    client = TradingClient("wrong", "keys", url_override=exchange.trading_url)
    with pytest.raises(APIError) as refused:
        client.get_account()
    assert refused.value.status_code == 401
