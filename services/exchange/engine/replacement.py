"""From the body of PATCH /v2/orders/{id} to the terms of a replacement (alpaca.md §8.9). Pure."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from services.exchange.engine.errors import Cause, RefusedError, invalid, unprocessable
from services.exchange.engine.order_entry import (
    checked_client_order_id,
    checked_net_price,
    checked_percent,
    checked_price,
    checked_qty,
)
from services.exchange.engine.order_types import TIMES_IN_FORCE
from services.exchange.engine.orders import Order, Terms
from services.exchange.engine.rules import DEFAULT_RULES, Rules
from services.exchange.engine.terms_rules import check_terms


def read_changes(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields to change, as checked values; `trail` is price or percent, as its order has it.

    Unknown fields are refused: a change that is not made must not look made.
    """
    for name in body:
        if name not in _READERS:
            raise invalid(f"{name} cannot be replaced")
    return {name: _READERS[name](value, name) for name, value in body.items()}


def changed_terms(old: Order, changes: Mapping[str, Any], rules: Rules = DEFAULT_RULES) -> Terms:
    """The terms of a replacement; `changes` are those of `read_changes`."""
    if old.notional is not None:
        raise unprocessable("notional orders cannot be replaced")
    if old.parent_id is not None and old.order_class == "mleg":
        raise unprocessable("legs of mleg orders cannot be replaced")
    if "qty" in changes and (old.parent_id is not None or old.leg_ids):
        raise unprocessable(f"qty of {old.order_class} orders cannot be replaced")
    before = _asked_of(old)
    terms = Terms.model_validate({**dict(before), **_renamed(old, changes)})
    if old.parent_id is None:
        check_terms(terms, rules)
    else:
        check_terms(_alone(terms), rules)
    if terms == before:
        raise RefusedError(Cause.UNCHANGED)
    if terms.qty is not None and terms.qty <= old.filled_qty:
        raise unprocessable("qty must be > filled_qty")
    return terms


def _asked_of(old: Order) -> Terms:
    """The terms it was accepted with, to be named anew; a trailing stop's price is derived."""
    fields = {name: getattr(old, name) for name in Terms.model_fields}
    derived = {"stop_price": None} if old.type == "trailing_stop" else {}
    return Terms.model_validate({**fields, **derived, "client_order_id": ""})


def _renamed(old: Order, changes: Mapping[str, Any]) -> dict[str, Any]:
    """`trail` under the name the order knows it by; an oco's limit is its take-profit too."""
    fields = dict(changes)
    if "trail" in fields:
        name = "trail_percent" if old.trail_percent is not None else "trail_price"
        read = checked_percent if name == "trail_percent" else checked_price
        fields[name] = read(fields.pop("trail"), "trail")
    if "limit_price" in fields:
        read_price = checked_net_price if old.order_class == "mleg" else checked_price
        fields["limit_price"] = read_price(fields["limit_price"], "limit_price")
        if old.take_profit is not None and old.order_class == "oco":
            taken = old.take_profit.model_copy(update={"limit_price": fields["limit_price"]})
            fields["take_profit"] = taken
    return fields


def _alone(terms: Terms) -> Terms:
    """A leg follows the rules of its own type: its class is its parent's."""
    return terms.model_copy(update={"order_class": "", "take_profit": None, "stop_loss": None})


def _whole_qty(value: object, name: str) -> Decimal:
    qty = checked_qty(value, name)
    if qty != qty.to_integral_value():
        raise unprocessable("qty must be a whole number to replace an order")
    return qty


def _time_in_force(value: object, name: str) -> str:
    if not isinstance(value, str) or value not in TIMES_IN_FORCE:
        raise invalid(f"invalid {name}")
    return value


def _as_given(value: object, name: str) -> object:
    """Read once the order is known: its meaning depends on it."""
    return value


_READERS: dict[str, Callable[[object, str], object]] = {
    "qty": _whole_qty,
    "time_in_force": _time_in_force,
    "limit_price": _as_given,
    "stop_price": checked_price,
    "trail": _as_given,
    "client_order_id": lambda value, name: checked_client_order_id(value),
}
