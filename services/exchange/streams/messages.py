"""Market data as stream messages (alpaca.md §6.2): a row for each kind of noun of an `Update`."""

from collections.abc import Callable, Container, Iterator, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from services.exchange.market.boards import Update
from services.exchange.market.quotes import (
    Bands,
    Bar,
    Cancel,
    Correction,
    Quote,
    Trade,
    TradingStatus,
)
from services.exchange.market.wire import bar_fields, quote_fields, trade_fields
from services.exchange.streams.codec import Codec

_own_symbol = attrgetter("symbol")


class Kind(NamedTuple):
    """`channel` is the subscription that gets it, `letter` its T."""

    channel: str
    letter: str
    fields: Callable[[Any, object], dict[str, Any]]
    symbol: Callable[[Any], str] = _own_symbol


Kinds = Mapping[str, Mapping[type, Kind]]
"""Field of an `Update` → type of noun in it → what it is on the wire. In the order sent."""


class Item(NamedTuple):
    """One encoded message."""

    channel: str
    symbol: str
    data: bytes


def items(update: Update, kinds: Kinds, codec: Codec, wanted: Container[str]) -> Iterator[Item]:
    """The messages of the channels somebody wants."""
    for part, by_type in kinds.items():
        for noun in getattr(update, part):
            kind = by_type[type(noun)]
            if kind.channel in wanted:
                symbol = kind.symbol(noun)
                fields = kind.fields(noun, codec.time(noun.at))
                data = codec.item({"T": kind.letter, "S": symbol, **fields})
                yield Item(kind.channel, symbol, data)


def _status_fields(status: TradingStatus, t: object) -> dict[str, Any]:
    return {
        "sc": status.code,
        "sm": status.message,
        "rc": status.reason,
        "rm": status.reason_message,
        "z": "C",
        "t": t,
    }


def _band_fields(bands: Bands, t: object) -> dict[str, Any]:
    return {"u": float(bands.up), "d": float(bands.down), "i": "B", "z": "C", "t": t}


def _correction_fields(correction: Correction, t: object) -> dict[str, Any]:
    wrong = {"oi": correction.wrong.id, **_print("o", correction.wrong)}
    right = {"ci": correction.right.id, **_print("c", correction.right)}
    return {"x": "V", **wrong, **right, "z": "C", "t": t}


def _print(prefix: str, trade: Trade) -> dict[str, Any]:
    return {f"{prefix}p": float(trade.price), f"{prefix}s": trade.size, f"{prefix}c": ["@"]}


def _cancel_fields(cancel: Cancel, t: object) -> dict[str, Any]:
    trade = cancel.trade
    return {
        "i": trade.id,
        "x": "V",
        "p": float(trade.price),
        "s": trade.size,
        "a": cancel.action,
        "z": "C",
        "t": t,
    }


def _option_fields(
    of_stock: Callable[[Any, object], dict[str, Any]],
) -> Callable[[Any, object], dict[str, Any]]:
    """Options have one condition, and neither a tape nor an id."""

    def fields(tick: Any, t: object) -> dict[str, Any]:
        said = of_stock(tick, t)
        said["c"] = said["c"][0]
        return {name: value for name, value in said.items() if name not in ("z", "i")}

    return fields


STOCKS: Kinds = {
    "ticks": {
        Quote: Kind("quotes", "q", quote_fields),
        Trade: Kind("trades", "t", trade_fields),
    },
    "corrections": {
        Correction: Kind("trades", "c", _correction_fields, attrgetter("wrong.symbol"))
    },
    "cancels": {Cancel: Kind("trades", "x", _cancel_fields, attrgetter("trade.symbol"))},
    "bars": {Bar: Kind("bars", "b", bar_fields)},
    "updated": {Bar: Kind("updatedBars", "u", bar_fields)},
    "days": {Bar: Kind("dailyBars", "d", bar_fields)},
    "statuses": {TradingStatus: Kind("statuses", "s", _status_fields)},
    "lulds": {Bands: Kind("lulds", "l", _band_fields)},
}
OPTIONS: Kinds = {
    "ticks": {
        Quote: Kind("quotes", "q", _option_fields(quote_fields)),
        Trade: Kind("trades", "t", _option_fields(trade_fields)),
    },
}
