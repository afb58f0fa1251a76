"""alpaca.md §7: market data over REST."""

from datetime import UTC as ZONE
from datetime import datetime

from alpaca.data.requests import (
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame

from conformance.row import (
    NUMBER,
    SOME,
    UTC,
    Call,
    Client,
    Is,
    Row,
    get,
    like,
    price,
)

STOCKS = "/v2/stocks"
WEEKS = "start=2026-02-02T00:00:00Z&end=2026-02-20T00:00:00Z"
BAR = dict.fromkeys("ohlc", NUMBER) | {"t": UTC, "v": NUMBER, "n": NUMBER, "vw": NUMBER}
QUOTE = {"t": UTC, "bx": SOME, "bp": NUMBER, "bs": NUMBER, "ax": SOME, "ap": NUMBER, "as": NUMBER}
TRADE = {"t": UTC, "x": SOME, "p": NUMBER, "s": NUMBER, "i": NUMBER, "z": SOME}
CONTRACT = "{page.option_contracts.0.symbol}"
CHAIN = "/v1beta1/options/snapshots"


def listed(pattern: object, count: int | None = None) -> Is:
    """A list of items that match, at least one."""
    from conformance.row import mismatch

    return Is(
        f"a list of {pattern}",
        lambda got: (
            isinstance(got, list)
            and bool(got)
            and (count is None or len(got) == count)
            and not any(mismatch(pattern, item) for item in got)
        ),
    )


def text(pattern: object) -> object:
    return pattern


def one_contract() -> Call:
    return get("/v2/options/contracts?underlying_symbols=SPY&limit=1", save="page")


STOCK_ROWS = (
    Row(
        "7-bars",
        "bars by symbol with t o h l c v n vw, and a token",
        (
            get(
                f"{STOCKS}/bars?symbols=XYZ,ABC&timeframe=1Day&{WEEKS}",
                {"bars": {"XYZ": listed(BAR), "ABC": listed(BAR)}, "next_page_token": None},
            ),
            Client(
                lambda a, s: {
                    symbol: len(bars)
                    for symbol, bars in a.stocks.get_stock_bars(
                        StockBarsRequest(
                            symbol_or_symbols=["XYZ", "ABC"],
                            timeframe=TimeFrame.Day,
                            start=datetime(2026, 2, 2, tzinfo=ZONE),
                            end=datetime(2026, 2, 20, tzinfo=ZONE),
                        )
                    ).data.items()
                },
                {"XYZ": 13, "ABC": 13},
            ),
        ),
    ),
    Row(
        "7-bars-one-symbol",
        "older clients ask for one symbol in the path, and get its list",
        (get(f"{STOCKS}/XYZ/bars?timeframe=1Day&{WEEKS}", {"symbol": "XYZ", "bars": listed(BAR)}),),
    ),
    Row(
        "7-bars-paging",
        "next_page_token goes on where limit cut",
        (
            get(f"{STOCKS}/bars?symbols=XYZ&timeframe=1Day&limit=5&{WEEKS}", save="page",
                expect={"bars": {"XYZ": listed(BAR, 5)}, "next_page_token": SOME}),
            get(
                f"{STOCKS}/bars?symbols=XYZ&timeframe=1Day&limit=100&{WEEKS}"
                "&page_token={page.next_page_token}",
                {"bars": {"XYZ": listed(BAR, 8)}, "next_page_token": None},
            ),
        ),
    ),
    Row(
        "7-limit-over-symbols",
        "limit counts points over all symbols",
        (
            get(
                f"{STOCKS}/bars?symbols=ABC,XYZ&timeframe=1Day&limit=15&{WEEKS}",
                {"bars": {"ABC": listed(BAR, 13), "XYZ": listed(BAR, 2)}, "next_page_token": SOME},
            ),
        ),
    ),
    Row(
        "7-bars-sort",
        "sort=desc turns the order around",
        (
            get(f"{STOCKS}/bars?symbols=XYZ&timeframe=1Day&{WEEKS}&sort=desc&limit=1",
                {"bars": {"XYZ": [{"t": like(r"2026-02-19T.*")}]}}),
        ),
    ),
    *(
        Row(
            f"7-timeframe-{frame}",
            f"{frame} is a timeframe",
            (
                get(f"{STOCKS}/bars?symbols=XYZ&timeframe={frame}&start=2026-01-02T00:00:00Z"
                    "&end=2026-02-20T00:00:00Z&limit=2", {"bars": {"XYZ": listed(BAR)}}),
            ),
        )
        for frame in ("1Min", "5Min", "59Min", "1Hour", "1Day", "1Week", "1Month")
    ),
    Row(
        "7-timeframe-wrong",
        "another timeframe is an error",
        (get(f"{STOCKS}/bars?symbols=XYZ&timeframe=7Sec&{WEEKS}", {"message": SOME}, status=400),),
    ),
    Row(
        "7-errors-without-code",
        "errors are a message without code",
        (
            get(
                f"{STOCKS}/bars?symbols=XYZ&timeframe=7Sec&{WEEKS}",
                Is("a message alone", lambda got: set(got) == {"message"}),
                status=400,
            ),
        ),
    ),
    Row(
        "7-unknown-absent",
        "an unknown symbol is absent",
        (
            get(f"{STOCKS}/quotes/latest?symbols=XYZ,NOSUCH",
                Is("XYZ alone", lambda got: set(got["quotes"]) == {"XYZ"})),
        ),
    ),
    Row(
        "7-empty-not-null",
        "nothing is {} and never null",
        (
            get(f"{STOCKS}/bars?symbols=NOSUCH&timeframe=1Day&{WEEKS}",
                {"bars": Is("{}", lambda got: got == {}), "next_page_token": None}),
        ),
    ),
    Row(
        "7-quotes",
        "historical quotes by symbol",
        (
            price("XYZ", "49.90", "50.10"),
            get(f"{STOCKS}/quotes?symbols=XYZ&start=2026-01-02T00:00:00Z&limit=5",
                {"quotes": {"XYZ": listed(QUOTE)}}),
        ),
    ),
    Row(
        "7-trades",
        "historical trades by symbol",
        (
            price("XYZ", "49.90", "50.10"),
            get(f"{STOCKS}/trades?symbols=XYZ&start=2026-01-02T00:00:00Z&limit=5",
                {"trades": {"XYZ": listed(TRADE)}}),
        ),
    ),
    Row(
        "7-latest-quote",
        "latest quotes by symbol, as numbers",
        (
            price("XYZ", "49.90", "50.10"),
            get(f"{STOCKS}/quotes/latest?symbols=XYZ&feed=iex",
                {"quotes": {"XYZ": QUOTE | {"bp": 49.9, "ap": 50.1}}}),
            Client(
                lambda a, s: a.stocks.get_stock_latest_quote(
                    StockLatestQuoteRequest(symbol_or_symbols="XYZ")
                ),
                {"XYZ": {"bid_price": 49.9, "ask_price": 50.1}},
            ),
        ),
    ),
    Row(
        "7-latest-trade",
        "latest trades by symbol",
        (
            price("XYZ", "49.90", "50.10", "50.03"),
            get(f"{STOCKS}/trades/latest?symbols=XYZ", {"trades": {"XYZ": TRADE | {"p": 50.03}}}),
            Client(
                lambda a, s: a.stocks.get_stock_latest_trade(
                    StockLatestTradeRequest(symbol_or_symbols="XYZ")
                ),
                {"XYZ": {"price": 50.03}},
            ),
        ),
    ),
    Row(
        "7-latest-bar",
        "latest bars by symbol",
        (
            price("XYZ", "49.90", "50.10"),
            get(f"{STOCKS}/bars/latest?symbols=XYZ", {"bars": {"XYZ": BAR}}),
            Client(
                lambda a, s: a.stocks.get_stock_latest_bar(
                    StockLatestBarRequest(symbol_or_symbols="XYZ")
                ),
                {"XYZ": {"close": NUMBER}},
            ),
        ),
    ),
    Row(
        "7-latest-one-symbol",
        "older clients ask for one symbol in the path: quote, trade and bar",
        (
            price("XYZ", "49.90", "50.10"),
            get(f"{STOCKS}/XYZ/quotes/latest", {"symbol": "XYZ", "quote": QUOTE}),
            get(f"{STOCKS}/XYZ/trades/latest", {"symbol": "XYZ", "trade": TRADE}),
            get(f"{STOCKS}/XYZ/bars/latest", {"symbol": "XYZ", "bar": BAR}),
        ),
    ),
    Row(
        "7-snapshots",
        "snapshots have no wrapper",
        (
            price("XYZ", "49.90", "50.10"),
            get(
                f"{STOCKS}/snapshots?symbols=XYZ",
                {"XYZ": {"latestTrade": TRADE, "latestQuote": QUOTE, "minuteBar": BAR,
                         "dailyBar": BAR, "prevDailyBar": BAR}},
            ),
            Client(
                lambda a, s: a.stocks.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="XYZ")),
                {"XYZ": {"latest_quote": {"bid_price": 49.9}}},
            ),
        ),
    ),
    Row(
        "7-snapshot-one-symbol",
        "older clients ask for one symbol's snapshot in the path",
        (get(f"{STOCKS}/XYZ/snapshot", {"symbol": "XYZ", "latestQuote": QUOTE}),),
    ),
    Row(
        "7-no-quote-side",
        "a price of 0 means no quote on that side",
        (
            price("XYZ", "0", "50.10", "50"),
            get(f"{STOCKS}/quotes/latest?symbols=XYZ", {"quotes": {"XYZ": {"bp": 0, "ap": 50.1}}}),
        ),
    ),
)  # fmt: skip
OPTION_ROWS = (
    Row(
        "7-option-latest-quote",
        "latest option quotes, whose condition is a string",
        (
            one_contract(),
            get(
                f"/v1beta1/options/quotes/latest?symbols={CONTRACT}",
                Is(
                    "one quote with c a string",
                    lambda got: all(isinstance(q["c"], str) and q["ap"] > 0 for q in got["quotes"].values())
                    and len(got["quotes"]) == 1,
                ),
            ),
        ),
    ),
    Row(
        "7-option-latest-trade",
        "latest option trades, as stocks",
        (
            one_contract(),
            get(f"/v1beta1/options/trades/latest?symbols={CONTRACT}", {"trades": {}}),
        ),
    ),
    Row(
        "7-option-snapshots",
        "snapshots by contract, wrapped",
        (
            one_contract(),
            get(f"{CHAIN}?symbols={CONTRACT}",
                {"snapshots": Is("one with a quote", lambda got: next(iter(got.values()))["latestQuote"])}),
        ),
    ),
    Row(
        "7-option-chain",
        "the chain of an underlying with greeks, in pages",
        (
            get(
                f"{CHAIN}/SPY?limit=3",
                {
                    "snapshots": Is(
                        "three with greeks",
                        lambda got: len(got) == 3 and all(
                            {"latestQuote", "impliedVolatility", "greeks"} <= set(x) for x in got.values()
                        ),
                    ),
                    "next_page_token": SOME,
                },
            ),
        ),
    ),
    Row(
        "7-corporate-actions",
        "corporate actions are empty and valid, or lists by type",
        (
            get("/v1/corporate-actions?symbols=XYZ&types=forward_split&start=2026-01-01&limit=1000&sort=asc",
                {"corporate_actions": Is("an object", lambda got: isinstance(got, dict)),
                 "next_page_token": None}),
        ),
    ),
)  # fmt: skip
ROWS = STOCK_ROWS + OPTION_ROWS
