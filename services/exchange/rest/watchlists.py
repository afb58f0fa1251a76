"""/v2/watchlists, by id and by name."""

from collections.abc import Iterable
from typing import Any

from services.exchange.engine.errors import Cause, RefusedError, invalid
from services.exchange.engine.order_entry import read_body
from services.exchange.exchange import Exchange
from services.exchange.rest.assets import asset_as_wire, listed
from services.exchange.rest.call import Answer, Call
from services.exchange.watchlists import Watchlist
from services.exchange.wire import instant

LONGEST_NAME = 64
MOST = 200  # lists an account


def listing(exchange: Exchange, call: Call) -> Answer:
    """Without their assets, as Alpaca lists them."""
    return Answer([_head(exchange, w) for w in exchange.watchlists.of(call.account)])


def create(exchange: Exchange, call: Call) -> Answer:
    body = read_body(call.body)
    name = _free_name(exchange, call.account, body.get("name"))
    symbols = _symbols(exchange, body.get("symbols", []))
    if len(exchange.watchlists.of(call.account)) >= MOST:
        raise invalid(f"at most {MOST} watchlists are kept")
    made = exchange.watchlists.make(call.account, name, symbols, exchange.clock.now())
    return Answer(_as_wire(exchange, made))


def one(exchange: Exchange, call: Call) -> Answer:
    return Answer(_as_wire(exchange, _meant(exchange, call)))


def update(exchange: Exchange, call: Call) -> Answer:
    """A new name, other symbols, or both; what is left out stays."""
    watchlist, body = _meant(exchange, call), read_body(call.body)
    changes: dict[str, Any] = {}
    if "name" in body and body["name"] != watchlist.name:
        changes["name"] = _free_name(exchange, call.account, body["name"])
    if "symbols" in body:
        changes["symbols"] = _symbols(exchange, body["symbols"])
    return _changed(exchange, watchlist, changes)


def add(exchange: Exchange, call: Call) -> Answer:
    watchlist, body = _meant(exchange, call), read_body(call.body)
    [symbol] = _symbols(exchange, [body.get("symbol")])
    if symbol in watchlist.symbols:
        raise invalid(f"{symbol} is already in the watchlist")
    return _changed(exchange, watchlist, {"symbols": (*watchlist.symbols, symbol)})


def remove(exchange: Exchange, call: Call) -> Answer:
    watchlist, symbol = _meant(exchange, call), call.path["symbol"].upper()
    if symbol not in watchlist.symbols:
        raise RefusedError(Cause.NO_ASSET, {"symbol": call.path["symbol"]})
    left = tuple(kept for kept in watchlist.symbols if kept != symbol)
    return _changed(exchange, watchlist, {"symbols": left})


def delete(exchange: Exchange, call: Call) -> Answer:
    exchange.watchlists.drop(_meant(exchange, call))
    return Answer(None, 204)


def _meant(exchange: Exchange, call: Call) -> Watchlist:
    """By the id in the path, else by the name in the query."""
    watchlist_id = call.path.get("watchlist_id")
    if watchlist_id is not None:
        found = exchange.watchlists.with_id(call.account, watchlist_id)
    else:
        name = call.text("name")
        if name is None:
            raise invalid("name is required")
        found = exchange.watchlists.named(call.account, name)
    if found is None:
        raise RefusedError(Cause.NO_WATCHLIST)
    return found


def _changed(exchange: Exchange, watchlist: Watchlist, changes: dict[str, Any]) -> Answer:
    changed = watchlist.model_copy(update={**changes, "updated_at": exchange.clock.now()})
    exchange.watchlists.keep(changed)
    return Answer(_as_wire(exchange, changed))


def _free_name(exchange: Exchange, account: str, name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        raise invalid("name is required")
    if len(name) > LONGEST_NAME:
        raise invalid(f"name must be no more than {LONGEST_NAME} characters")
    if exchange.watchlists.named(account, name) is not None:
        raise invalid("watchlist name must be unique")
    return name


def _symbols(exchange: Exchange, asked: object) -> tuple[str, ...]:
    if not isinstance(asked, list) or not all(isinstance(s, str) and s for s in asked):
        raise invalid("invalid symbols")
    symbols = tuple(listed(exchange, symbol).listing.symbol for symbol in asked)
    if len(set(symbols)) != len(symbols):
        raise invalid("a symbol is named twice")
    return symbols


def _head(exchange: Exchange, watchlist: Watchlist) -> dict[str, Any]:
    return {
        "id": watchlist.id,
        "account_id": exchange.venue.floor.ledger.accounts[watchlist.account].id,
        "name": watchlist.name,
        "created_at": instant(watchlist.created_at),
        "updated_at": instant(watchlist.updated_at),
    }


def _as_wire(exchange: Exchange, watchlist: Watchlist) -> dict[str, Any]:
    assets = _assets(exchange, watchlist.symbols)
    return {**_head(exchange, watchlist), "assets": assets}


def _assets(exchange: Exchange, symbols: Iterable[str]) -> list[dict[str, Any]]:
    """A tape of a former run may have listed what nothing lists now."""
    found = (exchange.market.find(symbol) for symbol in symbols)
    return [asset_as_wire(board) for board in found if board is not None]
