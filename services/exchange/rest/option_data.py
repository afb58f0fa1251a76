"""/v1beta1/options: bars, latest quotes and trades, snapshots and chains (alpaca.md §7).

All of it follows from the underlying's prices (market/options.py): there is no order book of
options, and what was printed of one is what its model price was at the underlying's print.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from services.exchange.exchange import Exchange
from services.exchange.market.boards import Board
from services.exchange.market.history import Span
from services.exchange.market.option_boards import (
    bar_of,
    board_of,
    mid_of,
    print_of,
    refresh,
)
from services.exchange.market.options import Contract, contracts_of, value
from services.exchange.market.quotes import Bar, Quote, Trade
from services.exchange.market.timeframes import Timeframe
from services.exchange.market.wire import bar_fields, quote_fields, trade_fields
from services.exchange.rest.call import Answer, Call
from services.exchange.rest.data_query import (
    data,
    latest_answer,
    page_of,
    points_answer,
    symbols_of,
    timeframe_of,
    wrong,
)
from services.exchange.wire import instant

USUAL_PAGE, MOST_PAGE = 100, 1_000
GREEK_DIGITS = 4
EXCHANGES = {"A": "NYSE American Options", "C": "Cboe Options", "N": "NYSE Arca Options"}
QUOTE_VENUE, CONDITION = "C", "A"


@dataclass(frozen=True)
class Listed:
    """A contract that can be traded, as it stands, and what it is on."""

    contract: Contract
    board: Board
    underlying: Board


@data
def bars(exchange: Exchange, call: Call) -> Answer:
    timeframe, listed = timeframe_of(call), asked(exchange, call)
    page = page_of(call, exchange.clock.now())
    found, token = page.filled(listed, lambda s, span: _bars(exchange, listed[s], timeframe, span))
    told = {symbol: [bar_fields(bar, instant(bar.at)) for bar in b] for symbol, b in found.items()}
    return points_answer(call, "bars", told, token)


@data
def trades(exchange: Exchange, call: Call) -> Answer:
    listed, page = asked(exchange, call), page_of(call, exchange.clock.now())
    found, token = page.filled(listed, lambda s, span: _trades(exchange, listed[s], span))
    told = {symbol: [trade_of(trade) for trade in some] for symbol, some in found.items()}
    return points_answer(call, "trades", told, token)


@data
def latest_quotes(exchange: Exchange, call: Call) -> Answer:
    listed = asked(exchange, call).items()
    return latest_answer(
        call, "quote", {s: quote_of(one.board.quote) for s, one in listed if one.board.quote}
    )


@data
def latest_trades(exchange: Exchange, call: Call) -> Answer:
    listed = asked(exchange, call).items()
    return latest_answer(
        call, "trade", {s: trade_of(one.board.trade) for s, one in listed if one.board.trade}
    )


@data
def snapshots(exchange: Exchange, call: Call) -> Answer:
    return _snapshots(call, list(asked(exchange, call).values()))


@data
def chain(exchange: Exchange, call: Call) -> Answer:
    """The contracts of an underlying, by symbol, as far as the filters let them through."""
    call.choice("feed", ("opra", "indicative"), "indicative")
    underlying = exchange.market.boards.get(call.path["underlying"].upper())
    if underlying is None or underlying.quote is None:
        return Answer({"snapshots": {}, "next_page_token": None})
    wanted = _filter(call)
    return _snapshots(
        call,
        [
            listed(contract, underlying)
            for contract in contracts_of(underlying.listing, exchange.clock.now())
            if wanted.takes(contract)
        ],
    )


@data
def exchanges(exchange: Exchange, call: Call) -> Answer:
    return Answer(EXCHANGES)


def asked(exchange: Exchange, call: Call) -> dict[str, Listed]:
    """Contracts by symbol; what is no contract, or of nothing listed here, is absent."""
    found = {}
    for symbol in symbols_of(call):
        try:
            contract = Contract.parsed(symbol)
        except ValueError:
            continue
        underlying = exchange.market.boards.get(contract.underlying)
        if underlying is None or underlying.quote is None:
            continue
        if contract in contracts_of(underlying.listing, exchange.clock.now()):
            found[symbol] = listed(contract, underlying)
    return found


def listed(contract: Contract, underlying: Board) -> Listed:
    board = board_of(contract, underlying)
    refresh(board, contract, underlying)
    return Listed(contract, board, underlying)


def quote_of(quote: Quote) -> dict[str, Any]:
    """As a stock's, but the condition is a string and there is no tape."""
    fields = quote_fields(quote, instant(quote.at))
    del fields["z"]
    return fields | {"bx": QUOTE_VENUE, "ax": QUOTE_VENUE, "c": CONDITION}


def trade_of(trade: Trade) -> dict[str, Any]:
    fields = trade_fields(trade, instant(trade.at))
    del fields["z"], fields["i"]
    return fields | {"x": QUOTE_VENUE, "c": CONDITION}


@dataclass(frozen=True)
class _Filter:
    right: str | None
    strike: Decimal | None
    strike_from: Decimal | None
    strike_to: Decimal | None
    expires: date | None
    expires_from: date | None
    expires_to: date | None
    root: str | None

    def takes(self, contract: Contract) -> bool:
        return (
            self.right in (None, contract.right)
            and self.strike in (None, contract.strike)
            and (self.strike_from is None or contract.strike >= self.strike_from)
            and (self.strike_to is None or contract.strike <= self.strike_to)
            and self.expires in (None, contract.expires)
            and (self.expires_from is None or contract.expires >= self.expires_from)
            and (self.expires_to is None or contract.expires <= self.expires_to)
            and self.root in (None, contract.underlying)
        )


def _filter(call: Call) -> _Filter:
    kind = call.choice("type", ("call", "put", "any"), "any")
    return _Filter(
        {"call": "C", "put": "P"}.get(kind),
        call.decimal("strike_price"),
        call.decimal("strike_price_gte"),
        call.decimal("strike_price_lte"),
        _date(call, "expiration_date"),
        _date(call, "expiration_date_gte"),
        _date(call, "expiration_date_lte"),
        call.text("root_symbol"),
    )


def _date(call: Call, name: str) -> date | None:
    text = call.text(name)
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise wrong(f"invalid {name}: {text}") from error


def _snapshots(call: Call, found: list[Listed]) -> Answer:
    """In pages by symbol; the token is the last symbol told."""
    limit, token = call.count("limit", USUAL_PAGE, MOST_PAGE), call.text("page_token") or ""
    since = call.moment("updated_since")
    left = sorted(
        (one for one in found if one.contract.symbol > token and _is_newer(one, since)),
        key=lambda one: one.contract.symbol,
    )
    page = left[:limit]
    return Answer(
        {
            "snapshots": {one.contract.symbol: _snapshot(one) for one in page},
            "next_page_token": page[-1].contract.symbol if len(left) > limit else None,
        }
    )


def _is_newer(one: Listed, since: datetime | None) -> bool:
    return since is None or (one.board.quote is not None and one.board.quote.at >= since)


def _snapshot(one: Listed) -> dict[str, Any]:
    quote, trade, day = one.board.quote, one.board.trade, one.underlying.day
    fields: dict[str, Any] = {}
    if trade is not None:
        fields["latestTrade"] = trade_of(trade)
    if quote is not None and one.underlying.quote is not None:
        fields["latestQuote"] = quote_of(quote)
        worth = value(one.contract, float(mid_of(one.underlying.quote)), quote.at)
        fields["impliedVolatility"] = round(worth.volatility, GREEK_DIGITS)
        fields["greeks"] = {
            name: round(getattr(worth, name), GREEK_DIGITS)
            for name in ("delta", "gamma", "rho", "theta", "vega")
        }
    if day is not None:
        fields["dailyBar"] = bar_fields(bar_of(one.contract, day), instant(day.at))
    return fields


def _bars(exchange: Exchange, one: Listed, timeframe: Timeframe, span: Span) -> Iterator[Bar]:
    found = exchange.market.history.bars(one.underlying, timeframe, span)
    return (bar_of(one.contract, bar) for bar in found)


def _trades(exchange: Exchange, one: Listed, span: Span) -> Iterator[Trade]:
    found = exchange.market.history.trades(one.underlying, span)
    return (print_of(one.contract, trade) for trade in found)
