"""/v2/orders."""

from typing import Any

from services.exchange.engine.errors import RefusedError, invalid, unprocessable
from services.exchange.engine.order_entry import (
    checked_client_order_id,
    checked_limit_price,
    checked_qty,
    read_body,
    read_terms,
)
from services.exchange.engine.order_types import TIMES_IN_FORCE
from services.exchange.exchange import Exchange
from services.exchange.rest.call import Answer, Call

MOST = 500


def submit(exchange: Exchange, call: Call) -> Answer:
    terms = read_terms(read_body(call.body))
    return Answer(exchange.venue.submit(call.account, terms).as_wire())


def listing(exchange: Exchange, call: Call) -> Answer:
    """`after` and `until` are exclusive on the submission time (alpaca.md §3)."""
    status = call.choice("status", ("open", "closed", "all"), "open")
    direction = call.choice("direction", ("asc", "desc"), "desc")
    side = call.choice("side", ("buy", "sell", ""), "")
    after, until = call.moment("after"), call.moment("until")
    limit = call.count("limit", 50, MOST)
    symbols = call.symbols()
    call.flag("nested")  # only groups have legs, and none are accepted yet
    first, last = (
        _sequence(exchange, call, "after_order_id"),
        _sequence(exchange, call, "before_order_id"),
    )
    everything = (
        exchange.venue.floor.open_orders(call.account)
        if status == "open"
        else exchange.venue.floor.ledger.orders.values()
    )
    found = [
        order
        for order in everything
        if order.account == call.account
        and (status != "closed" or not order.is_open)
        and (after is None or order.submitted_at > after)
        and (until is None or order.submitted_at < until)
        and (first is None or order.sequence > first)
        and (last is None or order.sequence < last)
        and (not symbols or order.symbol in symbols)
        and (not side or order.side == side)
    ]
    found.sort(key=lambda order: order.sequence, reverse=direction == "desc")
    return Answer([order.as_wire() for order in found[:limit]])


def by_id(exchange: Exchange, call: Call) -> Answer:
    return Answer(exchange.venue.floor.order(call.account, call.path["order_id"]).as_wire())


def by_client_id(exchange: Exchange, call: Call) -> Answer:
    client_order_id = call.text("client_order_id")
    if client_order_id is None:
        raise invalid("client_order_id is missing")
    return Answer(exchange.venue.floor.order_by_client_id(call.account, client_order_id).as_wire())


def cancel(exchange: Exchange, call: Call) -> Answer:
    exchange.venue.request_cancel(call.account, call.path["order_id"])
    return Answer(None, 204)


def cancel_all(exchange: Exchange, call: Call) -> Answer:
    answers: list[dict[str, Any]] = []
    for order in exchange.venue.floor.open_orders(call.account):
        try:
            exchange.venue.request_cancel(call.account, order.id)
            answers.append({"id": order.id, "status": 200})
        except RefusedError as refused:
            answers.append({"id": order.id, "status": refused.status, "body": refused.body})
    return Answer(answers, 207)


def replace(exchange: Exchange, call: Call) -> Answer:
    body = read_body(call.body)
    changes: dict[str, Any] = {}
    for name, value in body.items():
        if name == "qty":
            qty = checked_qty(value)
            if qty != qty.to_integral_value():
                raise unprocessable("qty must be a whole number to replace an order")
            changes["qty"] = qty
        elif name == "limit_price":
            changes["limit_price"] = checked_limit_price(value)
        elif name == "time_in_force":
            if value not in TIMES_IN_FORCE or not TIMES_IN_FORCE[value].supported:
                raise invalid("invalid time_in_force")
            changes["time_in_force"] = value
        elif name == "client_order_id":
            changes["client_order_id"] = checked_client_order_id(value)
        elif name in ("stop_price", "trail"):
            raise unprocessable(f"limit orders must not have {name}")
        else:
            raise invalid(f"{name} cannot be replaced")
    order = exchange.venue.replace(call.account, call.path["order_id"], changes)
    return Answer(order.as_wire())


def _sequence(exchange: Exchange, call: Call, name: str) -> int | None:
    order_id = call.text(name)
    return None if order_id is None else exchange.venue.floor.order(call.account, order_id).sequence
