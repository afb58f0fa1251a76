"""/v2/stocks: bars, quotes and trades of any time, the latest of each, snapshots (alpaca.md §7).

What is not known is absent, nothing is null. Bars have the volume of all venues, whatever `feed`
says; `adjustment` knows the splits that happened here, never dividends; `asof` changes nothing.
"""

from typing import Any

from services.exchange.exchange import Exchange
from services.exchange.market.boards import Board
from services.exchange.market.quotes import Bar, Quote, Trade
from services.exchange.market.wire import bar_fields, quote_fields, trade_fields
from services.exchange.rest.call import Answer, Call
from services.exchange.rest.data_query import (
    data,
    in_new_shares,
    latest_answer,
    page_of,
    points_answer,
    symbols_of,
    timeframe_of,
    wrong,
)
from services.exchange.wire import instant

EXCHANGES = {
    "A": "NYSE American (AMEX)",
    "B": "NASDAQ OMX BX",
    "C": "National Stock Exchange",
    "D": "FINRA ADF",
    "H": "MIAX",
    "J": "Cboe EDGA",
    "K": "Cboe EDGX",
    "L": "Long Term Stock Exchange",
    "M": "Chicago Stock Exchange",
    "N": "New York Stock Exchange",
    "P": "NYSE Arca",
    "Q": "NASDAQ OMX",
    "U": "Members Exchange",
    "V": "IEX",
    "X": "NASDAQ OMX PSX",
    "Y": "Cboe BYX",
    "Z": "Cboe BZX",
}
CONDITIONS = {
    "trade": {"@": "Regular Sale", "F": "Intermarket Sweep", "I": "Odd Lot Trade", "T": "Form T"},
    "quote": {"R": "Regular Market Maker Open"},
}


@data
def bars(exchange: Exchange, call: Call) -> Answer:
    timeframe, boards = timeframe_of(call), asked(exchange, call)
    history, page = exchange.market.history, page_of(call, exchange.clock.now())
    splits = {s: exchange.market.splits(s) if in_new_shares(call) else () for s in boards}
    found, token = page.filled(
        boards, lambda s, span: history.bars(boards[s], timeframe, span, splits[s])
    )
    return points_answer(call, "bars", {s: [bar_of(b) for b in f] for s, f in found.items()}, token)


@data
def quotes(exchange: Exchange, call: Call) -> Answer:
    boards, history = asked(exchange, call), exchange.market.history
    page = page_of(call, exchange.clock.now())
    found, token = page.filled(boards, lambda s, span: history.quotes(boards[s], span))
    told = {symbol: [quote_of(quote) for quote in some] for symbol, some in found.items()}
    return points_answer(call, "quotes", told, token)


@data
def trades(exchange: Exchange, call: Call) -> Answer:
    boards, history = asked(exchange, call), exchange.market.history
    page = page_of(call, exchange.clock.now())
    found, token = page.filled(boards, lambda s, span: history.trades(boards[s], span))
    told = {symbol: [trade_of(trade) for trade in some] for symbol, some in found.items()}
    return points_answer(call, "trades", told, token)


@data
def latest_quotes(exchange: Exchange, call: Call) -> Answer:
    found = {s: quote_of(b.quote) for s, b in asked(exchange, call).items() if b.quote}
    return latest_answer(call, "quote", found)


@data
def latest_trades(exchange: Exchange, call: Call) -> Answer:
    found = {s: trade_of(b.trade) for s, b in asked(exchange, call).items() if b.trade}
    return latest_answer(call, "trade", found)


@data
def latest_bars(exchange: Exchange, call: Call) -> Answer:
    boards = asked(exchange, call).items()
    found = {s: bar_of(bar) for s, b in boards if (bar := b.last_minute or b.minute)}
    return latest_answer(call, "bar", found)


@data
def snapshots(exchange: Exchange, call: Call) -> Answer:
    """No wrapper around the symbols."""
    return Answer({s: _snapshot(exchange, b) for s, b in asked(exchange, call).items()})


@data
def snapshot(exchange: Exchange, call: Call) -> Answer:
    found = asked(exchange, call)
    if not found:
        raise wrong(f"invalid symbol: {call.path['symbol']}")
    symbol, board = next(iter(found.items()))
    return Answer({"symbol": symbol, **_snapshot(exchange, board)})


@data
def exchanges(exchange: Exchange, call: Call) -> Answer:
    return Answer(EXCHANGES)


@data
def conditions(exchange: Exchange, call: Call) -> Answer:
    kind = call.path["kind"]
    if kind not in CONDITIONS:
        raise wrong(f"invalid ticktype: {kind}")
    call.choice("tape", ("A", "B", "C"), "C")
    return Answer(CONDITIONS[kind])


def asked(exchange: Exchange, call: Call) -> dict[str, Board]:
    boards = exchange.market.boards
    return {symbol: boards[symbol] for symbol in symbols_of(call) if symbol in boards}


def quote_of(quote: Quote) -> dict[str, Any]:
    return quote_fields(quote, instant(quote.at))


def trade_of(trade: Trade) -> dict[str, Any]:
    return trade_fields(trade, instant(trade.at))


def bar_of(bar: Bar) -> dict[str, Any]:
    return bar_fields(bar, instant(bar.at))


def _snapshot(exchange: Exchange, board: Board) -> dict[str, Any]:
    before = exchange.market.history.day_before(board)
    minute = board.minute or board.last_minute
    return {
        "latestTrade": trade_of(board.trade) if board.trade else None,
        "latestQuote": quote_of(board.quote) if board.quote else None,
        "minuteBar": bar_of(minute) if minute else None,
        "dailyBar": bar_of(board.day) if board.day else None,
        "prevDailyBar": bar_of(before) if before else None,
    }
