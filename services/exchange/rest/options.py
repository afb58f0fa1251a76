"""/v2/options/contracts, and exercising what is held."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from services.exchange import sessions
from services.exchange.engine.errors import Cause, RefusedError, invalid
from services.exchange.exchange import Exchange
from services.exchange.market.board import Board
from services.exchange.market.draws import between, words
from services.exchange.market.option_boards import priced
from services.exchange.market.options import (
    SIZE,
    Contract,
    contracts_of,
    expiries,
    strikes_around,
)
from services.exchange.rest.call import Answer, Call
from services.exchange.sessions import DAY, NEW_YORK
from services.exchange.wire import number

USUAL, MOST = 100, 10_000
SATURDAY = 5
KINDS = {"call": "C", "put": "P"}


@dataclass(frozen=True)
class Wanted:
    """What a contract must be; None asks for nothing."""

    right: str | None
    first: date | None
    last: date | None
    least: Decimal | None
    most: Decimal | None

    def has(self, contract: Contract) -> bool:
        return (
            self.right in (None, contract.right)
            and self.has_day(contract.expires)
            and self.has_strike(contract.strike)
        )

    def has_day(self, day: date) -> bool:
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)

    def has_strike(self, strike: Decimal) -> bool:
        return (self.least is None or strike >= self.least) and (
            self.most is None or strike <= self.most
        )

    def may_have(self, board: Board, today: date) -> bool:
        """Whether it is worth while to look at each contract of an underlying."""
        return (
            board.listing.has_options
            and any(map(self.has_day, expiries(today)))
            and any(map(self.has_strike, strikes_around(board.listing.price)))
        )


def contracts(exchange: Exchange, call: Call) -> Answer:
    """By symbol, in pages; without a date those that expire before the next weekend ends."""
    now = exchange.clock.now()
    wanted, today = _wanted(call, now), now.astimezone(NEW_YORK).date()
    limit = call.count("limit", USUAL, MOST)
    status = call.choice("status", ("active", "inactive"), "active")
    style = call.choice("style", ("american", "european"), "american")
    deliverables = call.flag("show_deliverables")
    call.choice("ppind", ("true", "false", "True", "False"), "true")
    token = call.text("page_token") or ""
    if (status, style) != ("active", "american"):
        return Answer({"option_contracts": [], "next_page_token": None})
    found = (
        (contract, board)
        for board in _underlyings(exchange, call)
        if board.listing.symbol >= _place(token)[0] and wanted.may_have(board, today)
        for contract in _sorted(board, now)
        if wanted.has(contract) and _place(contract.symbol) > _place(token)
    )
    page = list(islice(found, limit + 1))
    rows = [_as_wire(c, b, now, deliverables=deliverables) for c, b in page[:limit]]
    following = rows[-1]["symbol"] if len(page) > limit else None
    return Answer({"option_contracts": rows, "next_page_token": following})


def contract(exchange: Exchange, call: Call) -> Answer:
    """By symbol, or by the id of one whose symbol was seen."""
    asked, now = call.path["contract"], exchange.clock.now()
    try:
        known = Contract.parsed(asked.upper())
    except ValueError:
        found = exchange.market.find(asked)
        known = _of_board(found, asked)
    board = exchange.market.boards.get(known.underlying)
    if board is None or known not in contracts_of(board.listing, now):
        raise _unknown(asked)
    return Answer(_as_wire(known, board, now, deliverables=True))


def exercise(exchange: Exchange, call: Call) -> Answer:
    exchange.venue.exercise(call.account, call.path["symbol"])
    return Answer(None)


def do_not_exercise(exchange: Exchange, call: Call) -> Answer:
    exchange.venue.do_not_exercise(call.account, call.path["symbol"])
    return Answer(None)


def _wanted(call: Call, now: datetime) -> Wanted:
    kind = call.choice("type", ("call", "put", ""), "")
    day = call.day("expiration_date")
    first, last = call.day("expiration_date_gte"), call.day("expiration_date_lte")
    if day is not None and (first is not None or last is not None):
        raise invalid("expiration_date cannot be used with a range")
    if day is None and first is None and last is None:
        last = _weekend(now)
    least, most = call.decimal("strike_price_gte"), call.decimal("strike_price_lte")
    return Wanted(KINDS.get(kind), day or first, day or last, least, most)


def _weekend(now: datetime) -> date:
    """The Sunday after the Saturday that is or comes next."""
    today = now.astimezone(NEW_YORK).date()
    return today + timedelta(days=(SATURDAY - today.weekday()) % 7 + 1)


def _underlyings(exchange: Exchange, call: Call) -> list[Board]:
    """Those asked for that are listed, all when none is asked for; by symbol."""
    boards = exchange.market.boards
    asked = {name.upper() for name in call.names("underlying_symbols")}
    root = call.text("root_symbol")
    if root is not None:
        asked = (asked & {root.upper()}) if asked else {root.upper()}
        if not asked:
            return []
    names = sorted(asked & boards.keys() if asked else boards.keys())
    return [boards[name] for name in names if boards[name].listing.active]


def _sorted(board: Board, now: datetime) -> Iterator[Contract]:
    yield from sorted(contracts_of(board.listing, now), key=lambda c: c.symbol)


def _place(symbol: str) -> tuple[str, str]:
    """Underlying first: roots have no common length, so symbols alone would not group them."""
    return symbol[:-15], symbol[-15:]


def _of_board(board: Board | None, asked: str) -> Contract:
    try:
        return Contract.parsed(board.listing.symbol if board else "")
    except ValueError as error:
        raise _unknown(asked) from error


def _unknown(asked: str) -> RefusedError:
    return RefusedError(Cause.NO_CONTRACT, {"symbol": asked})


def _as_wire(
    contract: Contract, underlying: Board, now: datetime, *, deliverables: bool
) -> dict[str, Any]:
    """Interest and close are made up, the same for the same contract and day."""
    today = now.astimezone(NEW_YORK).date()
    before = next(s for n in range(1, 10) if (s := sessions.session_of(today - n * DAY)))
    row = {
        "id": contract.id,
        "symbol": contract.symbol,
        "name": contract.name,
        "status": "active",
        "tradable": True,
        "expiration_date": contract.expires.isoformat(),
        "root_symbol": contract.underlying,
        "underlying_symbol": contract.underlying,
        "underlying_asset_id": underlying.asset_id,
        "type": "call" if contract.is_call else "put",
        "style": "american",
        "strike_price": number(contract.strike),
        "multiplier": str(SIZE),
        "size": str(SIZE),
        "open_interest": str(between(words("interest", contract.symbol)[0], 0, 5000)),
        "open_interest_date": before.day.isoformat(),
        "close_price": number(priced(contract, underlying.previous_close, before.closes)),
        "close_price_date": before.day.isoformat(),
        "ppind": True,
    }
    if deliverables:
        row["deliverables"] = [
            {
                "type": "equity",
                "symbol": contract.underlying,
                "asset_id": underlying.asset_id,
                "amount": str(SIZE),
                "allocation_percentage": "100",
                "settlement_type": "T+1",
                "settlement_method": "CCC",
                "delayed_settlement": False,
            }
        ]
    return row
