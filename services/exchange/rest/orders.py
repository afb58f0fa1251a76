"""/v2/orders."""

from collections.abc import Iterable
from typing import Any

from services.exchange.engine.errors import RefusedError, invalid
from services.exchange.engine.floor import Floor
from services.exchange.engine.order_entry import read_body, read_terms
from services.exchange.engine.orders import Order
from services.exchange.engine.replacement import read_changes
from services.exchange.exchange import Exchange
from services.exchange.rest.call import Answer, Call

MOST = 500
ASSET_CLASSES = ("us_equity", "us_option", "crypto")


def submit(exchange: Exchange, call: Call) -> Answer:
    floor = exchange.venue.floor
    terms = read_terms(read_body(call.body), floor.rules)
    return Answer(_nested(floor, exchange.venue.submit(call.account, terms)))


def listing(exchange: Exchange, call: Call) -> Answer:
    """`after` and `until` are exclusive on the submission time (alpaca.md §3)."""
    floor = exchange.venue.floor
    status = call.choice("status", ("open", "closed", "all"), "open")
    direction = call.choice("direction", ("asc", "desc"), "desc")
    side = call.choice("side", ("buy", "sell", ""), "")
    after, until = call.moment("after"), call.moment("until")
    limit = call.count("limit", 50, MOST)
    symbols, classes = call.symbols(), _asset_classes(call)
    first, last = (
        _sequence(exchange, call, "after_order_id"),
        _sequence(exchange, call, "before_order_id"),
    )
    everything = (
        floor.open_orders(call.account) if status == "open" else floor.ledger.orders.values()
    )
    found = [
        order
        for order in everything
        if order.account == call.account
        and not _is_contract_leg(order)
        and (status != "closed" or not order.is_open)
        and (after is None or order.submitted_at > after)
        and (until is None or order.submitted_at < until)
        and (first is None or order.sequence > first)
        and (last is None or order.sequence < last)
        and (not symbols or _is_about(order, symbols))
        and (not side or order.side == side)
        and (not classes or order.asset_class in classes)
    ]
    found.sort(key=lambda order: order.sequence, reverse=direction == "desc")
    if call.flag("nested"):
        return Answer([_nested(floor, order) for order in _rolled_up(floor, found)[:limit]])
    return Answer([_shown(floor, order) for order in found[:limit]])


def by_id(exchange: Exchange, call: Call) -> Answer:
    floor = exchange.venue.floor
    order = floor.order(call.account, call.path["order_id"])
    return Answer(_nested(floor, order) if call.flag("nested") else _shown(floor, order))


def by_client_id(exchange: Exchange, call: Call) -> Answer:
    client_order_id = call.text("client_order_id")
    if client_order_id is None:
        raise invalid("client_order_id is missing")
    floor = exchange.venue.floor
    return Answer(_shown(floor, floor.order_by_client_id(call.account, client_order_id)))


def cancel(exchange: Exchange, call: Call) -> Answer:
    exchange.venue.request_cancel(call.account, call.path["order_id"])
    return Answer(None, 204)


def cancel_all(exchange: Exchange, call: Call) -> Answer:
    """Each order answers for itself; one that went with its group is cancelled too."""
    floor = exchange.venue.floor
    answers: list[dict[str, Any]] = []
    for order in floor.open_orders(call.account):
        try:
            if floor.order(call.account, order.id).is_open:
                exchange.venue.request_cancel(call.account, order.id)
            answers.append({"id": order.id, "status": 200})
        except RefusedError as refused:
            answers.append({"id": order.id, "status": refused.status, "body": refused.body})
    return Answer(answers, 207)


def replace(exchange: Exchange, call: Call) -> Answer:
    changes = read_changes(read_body(call.body))
    order = exchange.venue.replace(call.account, call.path["order_id"], changes)
    return Answer(_nested(exchange.venue.floor, order))


def _shown(floor: Floor, order: Order) -> dict[str, Any]:
    """Alone, but for a multi-leg order, which is nothing without its contracts."""
    return _nested(floor, order) if order.is_spread else order.as_wire()


def _nested(floor: Floor, order: Order) -> dict[str, Any]:
    return order.as_wire(_legs(floor, order))


def _legs(floor: Floor, order: Order) -> list[Order]:
    """As they are now: a replaced leg is shown as what replaced it."""
    return [_tail(floor, floor.ledger.orders[leg_id]) for leg_id in order.leg_ids]


def _tail(floor: Floor, order: Order) -> Order:
    while order.replaced_by is not None:
        order = floor.ledger.orders[order.replaced_by]
    return order


def _rolled_up(floor: Floor, found: Iterable[Order]) -> list[Order]:
    """Without the legs that are shown under a parent of the list."""
    found = list(found)
    under = {leg_id for order in found for leg_id in order.leg_ids}
    under |= {leg.id for order in found for leg in _legs(floor, order)}
    return [order for order in found if order.id not in under]


def _is_contract_leg(order: Order) -> bool:
    return order.ratio_qty is not None


def _is_about(order: Order, symbols: list[str]) -> bool:
    return order.symbol in symbols or any(leg.symbol in symbols for leg in order.option_legs)


def _asset_classes(call: Call) -> list[str]:
    asked = [name for name in (call.text("asset_class") or "").lower().split(",") if name]
    if any(name not in ASSET_CLASSES for name in asked):
        raise invalid("invalid asset_class")
    return asked


def _sequence(exchange: Exchange, call: Call, name: str) -> int | None:
    order_id = call.text(name)
    return None if order_id is None else exchange.venue.floor.order(call.account, order_id).sequence
