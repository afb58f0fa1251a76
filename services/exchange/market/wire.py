"""Quotes, trades and bars as market data shows them, on REST and on the stream (alpaca.md §6.2).

Market data are JSON numbers; `t` is what the caller makes of the time (a string or an extension).
"""

from typing import Any

from services.exchange.market.quotes import (
    Bands,
    Bar,
    Cancel,
    Correction,
    Quote,
    Trade,
    TradingStatus,
)

VENUE = "V"  # IEX, as Alpaca's free feed
TAPE = "C"
REGULAR = ["@"]


def quote_fields(quote: Quote, t: object) -> dict[str, Any]:
    return {
        "bx": VENUE,
        "bp": float(quote.bid),
        "bs": quote.bid_size,
        "ax": VENUE,
        "ap": float(quote.ask),
        "as": quote.ask_size,
        "c": ["R"],
        "z": TAPE,
        "t": t,
    }


def trade_fields(trade: Trade, t: object) -> dict[str, Any]:
    return {
        "i": trade.id,
        "x": VENUE,
        "p": float(trade.price),
        "s": trade.size,
        "c": REGULAR,
        "z": TAPE,
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


def status_fields(status: TradingStatus, t: object) -> dict[str, Any]:
    return {
        "sc": status.code,
        "sm": status.message,
        "rc": status.reason,
        "rm": status.reason_message,
        "z": TAPE,
        "t": t,
    }


def luld_fields(bands: Bands, t: object) -> dict[str, Any]:
    return {"u": float(bands.up), "d": float(bands.down), "i": "B", "z": TAPE, "t": t}


def correction_fields(correction: Correction, t: object) -> dict[str, Any]:
    wrong, right = correction.wrong, correction.right
    return {
        "x": VENUE,
        "oi": wrong.id,
        "op": float(wrong.price),
        "os": wrong.size,
        "oc": REGULAR,
        "ci": right.id,
        "cp": float(right.price),
        "cs": right.size,
        "cc": REGULAR,
        "z": TAPE,
        "t": t,
    }


def cancel_fields(cancel: Cancel, t: object) -> dict[str, Any]:
    trade = cancel.trade
    return {
        "i": trade.id,
        "x": VENUE,
        "p": float(trade.price),
        "s": trade.size,
        "a": cancel.action,
        "z": TAPE,
        "t": t,
    }
