"""Quotes, trades and bars as market data shows them, on REST and on the stream (alpaca.md §6.2).

Market data are JSON numbers; `t` is what the caller makes of the time (a string or an extension).
"""

from typing import Any

from services.exchange.market.quotes import Bar, Quote, Trade


def quote_fields(quote: Quote, t: object) -> dict[str, Any]:
    return {
        "bx": "V",
        "bp": float(quote.bid),
        "bs": quote.bid_size,
        "ax": "V",
        "ap": float(quote.ask),
        "as": quote.ask_size,
        "c": ["R"],
        "z": "C",
        "t": t,
    }


def trade_fields(trade: Trade, t: object) -> dict[str, Any]:
    return {
        "i": trade.id,
        "x": "V",
        "p": float(trade.price),
        "s": trade.size,
        "c": ["@"],
        "z": "C",
        "t": t,
    }


def bar_fields(bar: Bar, t: object) -> dict[str, Any]:
    return {
        "o": float(bar.open),
        "h": float(bar.high),
        "l": float(bar.low),
        "c": float(bar.close),
        "v": bar.volume,
        "n": bar.trades,
        "vw": float(bar.vwap),
        "t": t,
    }
