"""From the body of POST /v2/orders to validated Terms (alpaca.md §3.1, §8.3, §9). Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.exchange import wire
from services.exchange.engine.errors import Cause, RefusedError, invalid, unprocessable
from services.exchange.engine.order_types import (
    FIELDS_OF_OTHERS,
    ORDER_CLASSES,
    ORDER_TYPES,
    TIMES_IN_FORCE,
)
from services.exchange.engine.orders import Order, Side, Terms, new_id

CENT = Decimal("0.01")
TENTH_OF_MILL = Decimal("0.0001")
LEAST_NOTIONAL = Decimal(1)


def read_body(body: bytes) -> dict[str, Any]:
    """The JSON object of a request; 400 for anything else. `null` fields count as absent."""
    try:
        parsed = wire.loads(body)
    except ValueError as error:
        raise RefusedError(Cause.MALFORMED) from error
    if not isinstance(parsed, dict):
        raise RefusedError(Cause.MALFORMED)
    return {key: value for key, value in parsed.items() if value is not None}


def read_terms(body: Mapping[str, Any]) -> Terms:
    """What is asked for, or the refusal Alpaca gives. Knows no account and no market."""
    symbol = _text(body, "symbol", "symbol is required")
    side = _side(body)
    kind = _known(body, "type", ORDER_TYPES, "invalid order type")
    tif = _known(body, "time_in_force", TIMES_IN_FORCE, "invalid time_in_force")
    _refuse_the_unsupported(body, kind, tif)
    qty, notional = _amount(body)
    terms = Terms(
        client_order_id=_client_order_id(body),
        symbol=symbol.upper(),
        side=side,
        type=kind,
        time_in_force=tif,
        qty=qty,
        notional=notional,
        limit_price=_limit_price(body, kind),
    )
    if terms.fractional and not TIMES_IN_FORCE[tif].fractional:
        raise unprocessable("fractional orders must be DAY orders")
    _check_intent(body, terms)
    return terms


def changed_terms(old: Order, changes: Mapping[str, Any]) -> Terms:
    """The terms of a replacement (alpaca.md §8.9); `changes` are checked values."""
    kept = {name: getattr(old, name) for name in Terms.model_fields}
    terms = Terms.model_validate({**kept, "client_order_id": new_id(), **changes})
    same = all(
        getattr(terms, name) == getattr(old, name)
        for name in ("qty", "limit_price", "time_in_force")
    )
    if same and "client_order_id" not in changes:
        raise RefusedError(Cause.UNCHANGED)
    if terms.limit_price is not None and old.limit_price is None:
        raise unprocessable("market orders require no stop or limit price")
    if terms.fractional and not TIMES_IN_FORCE[terms.time_in_force].fractional:
        raise unprocessable("fractional orders must be DAY orders")
    if terms.qty is not None and terms.qty <= old.filled_qty:
        raise unprocessable("qty must be > filled_qty")
    return terms


def checked_limit_price(value: object) -> Decimal:
    """A positive price on the tick: cents from $1, hundredths of a cent under it."""
    try:
        price = wire.decimal(value)
    except ValueError as error:
        raise invalid("invalid limit_price") from error
    if price <= 0:
        raise invalid("limit price must be > 0")
    tick = CENT if price >= 1 else TENTH_OF_MILL
    if price % tick:
        raise RefusedError(Cause.SUB_PENNY, {"price": wire.number(price)})
    return price


def checked_qty(value: object) -> Decimal:
    try:
        qty = wire.truncated_qty(wire.decimal(value))
    except ValueError as error:
        raise invalid("invalid qty") from error
    if qty <= 0:
        raise invalid("qty must be > 0")
    return qty


def checked_client_order_id(value: object) -> str:
    if not isinstance(value, str):
        raise invalid("invalid client_order_id")
    if len(value) > 128:
        raise RefusedError(Cause.CLIENT_ID_LONG)
    if value and not value.isprintable():
        raise invalid("invalid client_order_id")
    return value


def _refuse_the_unsupported(body: Mapping[str, Any], kind: str, tif: str) -> None:
    order_class = body.get("order_class", "")
    if not isinstance(order_class, str) or order_class not in ORDER_CLASSES:
        raise invalid("invalid order_class")
    if not ORDER_CLASSES[order_class]:
        raise unprocessable(f"order class {order_class} is not supported")
    if not ORDER_TYPES[kind].supported:
        raise unprocessable(f"order type {kind} is not supported")
    if not TIMES_IN_FORCE[tif].supported:
        raise unprocessable(f"time in force {tif} is not supported")
    for name in FIELDS_OF_OTHERS:
        if name in body:
            raise unprocessable(f"{name} is not allowed for {kind} orders")
    if "stop_price" in body:
        raise invalid(
            "market orders require no stop or limit price"
            if kind == "market"
            else "limit orders must not have stop_price"
        )
    try:
        extended = wire.boolean(body.get("extended_hours", False))
    except ValueError as error:
        raise invalid("invalid extended_hours") from error
    if extended:
        rule = "extended hours order must be DAY or GTC limit orders"
        allowed = kind == "limit" and tif in ("day", "gtc")
        raise unprocessable("extended hours orders are not supported" if allowed else rule)


def _amount(body: Mapping[str, Any]) -> tuple[Decimal | None, Decimal | None]:
    if "qty" in body and "notional" in body:
        raise invalid("only one of qty or notional is accepted")
    if "qty" in body:
        return checked_qty(body["qty"]), None
    if "notional" not in body:
        raise invalid("qty or notional is required")
    try:
        notional = wire.truncated_qty(wire.decimal(body["notional"]))
    except ValueError as error:
        raise invalid("invalid notional") from error
    if notional < LEAST_NOTIONAL:
        raise unprocessable("notional amount must be >= 1.00")
    return None, notional


def _limit_price(body: Mapping[str, Any], kind: str) -> Decimal | None:
    if ORDER_TYPES[kind].limit_price:
        if "limit_price" not in body:
            raise invalid("limit orders require a limit price")
        return checked_limit_price(body["limit_price"])
    if "limit_price" in body:
        raise invalid("market orders require no stop or limit price")
    return None


def _client_order_id(body: Mapping[str, Any]) -> str:
    given = checked_client_order_id(body.get("client_order_id", ""))
    return given or new_id()


def _check_intent(body: Mapping[str, Any], terms: Terms) -> None:
    inferred = inferred_intent(terms.side)
    specified = body.get("position_intent", inferred)
    if specified != inferred:
        raise unprocessable(
            f"position intent mismatch, inferred: {inferred}, specified: {specified}"
        )


def inferred_intent(side: Side) -> str:
    """No shorts here: every buy opens and every sell closes."""
    return "buy_to_open" if side is Side.BUY else "sell_to_close"


def _text(body: Mapping[str, Any], name: str, complaint: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(complaint)
    return value


def _known(body: Mapping[str, Any], name: str, table: Mapping[str, object], complaint: str) -> str:
    value = _text(body, name, complaint)
    if value not in table:
        raise invalid(complaint)
    return value


def _side(body: Mapping[str, Any]) -> Side:
    return Side(_known(body, "side", {"buy": 1, "sell": 1}, "invalid side"))
