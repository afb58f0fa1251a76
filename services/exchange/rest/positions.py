"""/v2/positions."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

from services.exchange.engine.accounts import Position
from services.exchange.engine.errors import RefusedError, invalid
from services.exchange.engine.order_entry import checked_qty
from services.exchange.engine.orders import is_contract
from services.exchange.exchange import Exchange
from services.exchange.market.boards import Board
from services.exchange.rest.call import Answer, Call
from services.exchange.wire import number

RATIO_STEP = Decimal("1e-10")


def listing(exchange: Exchange, call: Call) -> Answer:
    floor = exchange.venue.floor
    held = [floor.position(call.account, p.symbol) for p in floor.positions(call.account)]
    return Answer([position_as_wire(exchange, *one) for one in held])


def one(exchange: Exchange, call: Call) -> Answer:
    found = exchange.venue.floor.position(call.account, call.path["symbol"])
    return Answer(position_as_wire(exchange, *found))


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
    """Closes everything; with `cancel_orders` what is open is cancelled first."""
    venue = exchange.venue
    if call.flag("cancel_orders"):
        for order in venue.floor.open_orders(call.account):
            with suppress(RefusedError):  # gone with its group, or being replaced
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
    """One item of GET /v2/positions (alpaca.md §3.3): every number a string, a short's negative."""
    price, before = board.price, board.previous_close
    value, value_before = position.value(price), position.value(before)
    profit, since_close = value - position.cost, value - value_before
    contract = is_contract(position.symbol)
    return {
        "asset_id": board.asset_id,
        "symbol": position.symbol,
        "exchange": "" if contract else board.listing.venue,
        "asset_class": "us_option" if contract else "us_equity",
        "asset_marginable": board.listing.marginable and not contract,
        "qty": number(position.qty),
        "qty_available": number(_available(exchange, position)),
        "side": "long" if position.qty > 0 else "short",
        "avg_entry_price": number(position.avg_entry_price),
        "market_value": number(value),
        "cost_basis": number(position.cost),
        "unrealized_pl": number(profit),
        "unrealized_plpc": _ratio(profit, position.cost),
        "unrealized_intraday_pl": number(since_close),
        "unrealized_intraday_plpc": _ratio(since_close, value_before),
        "current_price": number(price),
        "lastday_price": number(before),
        "change_today": _ratio(price - before, before),
    }


def _available(exchange: Exchange, position: Position) -> Decimal:
    """Which sign a short's has is a rule (alpaca.md §14)."""
    floor = exchange.venue.floor
    available = floor.available_qty(position)
    negative = position.qty < 0 and floor.rules.short_qty_available == "negative"
    return -available if negative else available


def _ratio(part: Decimal, whole: Decimal) -> str:
    """Of the size of the whole: a profit is positive for a short too."""
    return number((part / abs(whole)).quantize(RATIO_STEP)) if whole else "0"
