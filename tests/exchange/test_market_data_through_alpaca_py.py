"""alpaca-py's historical clients, unmodified, against the exchange as a process."""

from datetime import UTC, datetime, timedelta

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.enums import Adjustment, DataFeed
from alpaca.data.historical import OptionHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.requests import (
    OptionBarsRequest,
    OptionChainRequest,
    OptionLatestQuoteRequest,
    OptionLatestTradeRequest,
    OptionSnapshotRequest,
    OptionTradesRequest,
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockQuotesRequest,
    StockSnapshotRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from alpaca.trading.enums import ContractType

CLOCK = "2026-03-03T12:00"
MONDAY = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
YEAR = datetime(2025, 3, 3, tzinfo=UTC)


@pytest.fixture
def running(start_exchange):
    return start_exchange(clock=CLOCK, tick=50, volatility=1, speed=60)


@pytest.fixture
def stocks(running) -> StockHistoricalDataClient:
    return StockHistoricalDataClient(running.key, running.secret, url_override=running.data_url)


@pytest.fixture
def options(running) -> OptionHistoricalDataClient:
    return OptionHistoricalDataClient(running.key, running.secret, url_override=running.data_url)


@pytest.mark.parametrize(
    ("amount", "unit", "end"),
    [
        (1, TimeFrameUnit.Minute, MONDAY + timedelta(hours=2)),
        (15, TimeFrameUnit.Minute, MONDAY + timedelta(days=1)),
        (4, TimeFrameUnit.Hour, MONDAY + timedelta(days=1)),
        (1, TimeFrameUnit.Day, MONDAY + timedelta(days=1)),
        (1, TimeFrameUnit.Week, MONDAY + timedelta(days=1)),
        (3, TimeFrameUnit.Month, MONDAY + timedelta(days=1)),
    ],
)
def test_bars_of_every_length(stocks, amount, unit, end):
    start = MONDAY if unit is TimeFrameUnit.Minute else YEAR
    request = StockBarsRequest(
        symbol_or_symbols=["AAPL", "NEM", "NOSUCH"],
        timeframe=TimeFrame(amount, unit),
        start=start,
        end=end,
        adjustment=Adjustment.ALL,
        feed=DataFeed.IEX,
    )
    bars = stocks.get_stock_bars(request)
    assert set(bars.data) == {"AAPL", "NEM"}
    for bar in bars["AAPL"]:
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.low <= bar.vwap <= bar.high
        assert bar.volume >= bar.trade_count > 0


def test_the_client_follows_the_tokens_through_many_pages(stocks):
    """More points than a page has at most, so that the client must come again."""
    request = StockTradesRequest(
        symbol_or_symbols=["AAPL", "MSFT"], start=MONDAY, end=MONDAY + timedelta(minutes=10)
    )
    trades = stocks.get_stock_trades(request)
    assert sum(map(len, trades.data.values())) > 10_000
    for symbol in ("AAPL", "MSFT"):
        times = [trade.timestamp for trade in trades[symbol]]
        assert times == sorted(set(times))
        minutes = stocks.get_stock_bars(
            StockBarsRequest(
                symbol_or_symbols=symbol,
                timeframe=TimeFrame.Minute,
                start=MONDAY,
                end=MONDAY + timedelta(minutes=9),
            )
        )[symbol]
        assert len(times) == sum(bar.trade_count for bar in minutes)


def test_quotes_and_a_limit(stocks):
    request = StockQuotesRequest(symbol_or_symbols="AAPL", start=MONDAY, limit=25)
    quotes = stocks.get_stock_quotes(request)["AAPL"]
    assert len(quotes) == 25
    assert all(quote.bid_price < quote.ask_price for quote in quotes)


def test_the_latest_and_snapshots(stocks):
    ask = {"symbol_or_symbols": ["AAPL", "TSLA"]}
    quotes = stocks.get_stock_latest_quote(StockLatestQuoteRequest(**ask))
    trades = stocks.get_stock_latest_trade(StockLatestTradeRequest(**ask))
    bars = stocks.get_stock_latest_bar(StockLatestBarRequest(**ask))
    snapshots = stocks.get_stock_snapshot(StockSnapshotRequest(**ask))
    assert set(quotes) == set(trades) == set(bars) == set(snapshots) == {"AAPL", "TSLA"}
    assert snapshots["AAPL"].previous_daily_bar.close == 250


def test_a_complaint_is_an_error_whose_code_is_missing(stocks):
    with pytest.raises(APIError) as caught:
        stocks.get_stock_bars(
            StockBarsRequest(
                symbol_or_symbols="AAPL",
                timeframe=TimeFrame.Day,
                start=MONDAY,
                end=MONDAY - timedelta(days=1),
            )
        )
    assert caught.value.status_code == 400
    with pytest.raises(KeyError):
        _ = caught.value.code


def test_options(options):
    chain = options.get_option_chain(
        OptionChainRequest(underlying_symbol="AAPL", type=ContractType.CALL)
    )
    assert len(chain) == 7 * 21
    symbol, snapshot = next(iter(chain.items()))
    assert snapshot.latest_quote.bid_price < snapshot.latest_quote.ask_price
    assert 0 <= snapshot.greeks.delta <= 1
    assert snapshot.implied_volatility > 0
    ask = {"symbol_or_symbols": symbol}
    assert options.get_option_snapshot(OptionSnapshotRequest(**ask))[symbol].latest_trade
    assert options.get_option_latest_quote(OptionLatestQuoteRequest(**ask))[symbol].ask_price > 0
    assert options.get_option_latest_trade(OptionLatestTradeRequest(**ask))[symbol].price > 0
    bars = options.get_option_bars(
        OptionBarsRequest(**ask, timeframe=TimeFrame.Day, start=MONDAY - timedelta(days=10))
    )
    assert len(bars[symbol]) == 7
    trades = options.get_option_trades(OptionTradesRequest(**ask, start=MONDAY, limit=50))
    assert len(trades[symbol]) == 50
    assert options.get_option_exchange_codes()["C"] == "Cboe Options"
