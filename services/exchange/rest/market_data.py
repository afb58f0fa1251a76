"""/v2/stocks: the latest quotes, trades and bars, and snapshots. Unknown symbols are absent."""

from typing import Any

from services.exchange.exchange import Exchange
from services.exchange.market.boards import Board
from services.exchange.market.quotes import Bar, Quote, Trade
from services.exchange.market.wire import bar_fields, quote_fields, trade_fields
from services.exchange.rest.call import Answer, Call
from services.exchange.wire import instant


def latest_quotes(exchange: Exchange, call: Call) -> Answer:
    quotes = {b.listing.symbol: _quote(b.quote) for b in _asked(exchange, call) if b.quote}
    return Answer({"quotes": quotes})


def latest_trades(exchange: Exchange, call: Call) -> Answer:
    trades = {b.listing.symbol: _trade(b.trade) for b in _asked(exchange, call) if b.trade}
    return Answer({"trades": trades})


def latest_bars(exchange: Exchange, call: Call) -> Answer:
    boards = ((b.listing.symbol, b.last_minute or b.minute) for b in _asked(exchange, call))
    return Answer({"bars": {symbol: _bar(bar) for symbol, bar in boards if bar}})


def snapshots(exchange: Exchange, call: Call) -> Answer:
    """No wrapper around the symbols (alpaca.md §7)."""
    return Answer({board.listing.symbol: _snapshot(board) for board in _asked(exchange, call)})


def _asked(exchange: Exchange, call: Call) -> list[Board]:
    boards = exchange.market.boards
    return [boards[symbol] for symbol in call.symbols() if symbol in boards]


def _snapshot(board: Board) -> dict[str, Any]:
    minute = board.minute or board.last_minute
    return {
        "latestTrade": _trade(board.trade) if board.trade else None,
        "latestQuote": _quote(board.quote) if board.quote else None,
        "minuteBar": _bar(minute) if minute else None,
        "dailyBar": _bar(board.day) if board.day else None,
        "prevDailyBar": None,
    }


def _quote(quote: Quote) -> dict[str, Any]:
    return quote_fields(quote, instant(quote.at))


def _trade(trade: Trade) -> dict[str, Any]:
    return trade_fields(trade, instant(trade.at))


def _bar(bar: Bar) -> dict[str, Any]:
    return bar_fields(bar, instant(bar.at))
