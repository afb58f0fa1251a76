"""/v2/positions."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

from services.exchange.engine.accounts import RATIO_STEP, Position
from services.exchange.engine.errors import RefusedError, invalid
from services.exchange.engine.order_entry import checked_qty
from services.exchange.exchange import Exchange
from services.exchange.market.boards import Board
from services.exchange.rest.call import Answer, Call
from services.exchange.wire import number


def listing(exchange: Exchange, call: Call) -> Answer:
    held = exchange.venue.floor.positions(call.account)
    boards = exchange.market.boards
    return Answer([position_as_wire(exchange, p, boards[p.symbol]) for p in held])


def one(exchange: Exchange, call: Call) -> Answer:
    return Answer(
        position_as_wire(
            exchange, *exchange.venue.floor.position(call.account, call.path["symbol"])
        )
    )


def close(exchange: Exchange, call: Call) -> Answer:
    percentage = call.decimal("percentage")
    qty = checked_qty(call.text("qty")) if call.text("qty") else None
    if qty is not None and percentage is not None:
        raise invalid("only one of qty or percentage is accepted")
    if percentage is not None and not 0 < percentage <= 100:
        raise invalid("percentage must be between 0 and 100")
    order = exchange.venue.close_position(
        call.account, call.path["symbol"], qty=qty, percentage=percentage
    )
    return Answer(order.as_wire())


def close_all(exchange: Exchange, call: Call) -> Answer:
    """Sells everything; with `cancel_orders` what is open is cancelled first."""
    venue = exchange.venue
    if call.flag("cancel_orders"):
        for order in venue.floor.open_orders(call.account):
            with suppress(RefusedError):  # being replaced: its replacement is in this list
                venue.cancel_now(call.account, order.id)
    answers: list[dict[str, Any]] = []
    for position in venue.floor.positions(call.account):
        try:
            order = venue.close_position(call.account, position.symbol, qty=None, percentage=None)
            status, body = 200, order.as_wire()
        except RefusedError as refused:
            status, body = refused.status, refused.body
        answers.append({"symbol": position.symbol, "status": status, "body": body})
    return Answer(answers, 207)


def position_as_wire(exchange: Exchange, position: Position, board: Board) -> dict[str, Any]:
    """One item of GET /v2/positions (alpaca.md §3.3): every number a string."""
    price, before = board.price, board.previous_close
    value = position.qty * price
    profit = value - position.cost
    since_open = position.qty * (price - before)
    return {
        "asset_id": board.asset_id,
        "symbol": position.symbol,
        "exchange": board.listing.venue,
        "asset_class": "us_equity",
        "asset_marginable": True,
        "qty": number(position.qty),
        "qty_available": number(exchange.venue.floor.available_qty(position)),
        "side": "long",
        "avg_entry_price": number(position.avg_entry_price),
        "market_value": number(value),
        "cost_basis": number(position.cost),
        "unrealized_pl": number(profit),
        "unrealized_plpc": _ratio(profit, position.cost),
        "unrealized_intraday_pl": number(since_open),
        "unrealized_intraday_plpc": _ratio(since_open, position.qty * before),
        "current_price": number(price),
        "lastday_price": number(before),
        "change_today": _ratio(price - before, before),
    }


def _ratio(part: Decimal, whole: Decimal) -> str:
    return number((part / whole).quantize(RATIO_STEP)) if whole else "0"
