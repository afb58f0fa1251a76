"""From the body of POST /v2/orders to validated Terms (alpaca.md §3.1, §4, §8.3, §9). Pure."""

from collections.abc import Callable, Container, Mapping
from decimal import Decimal
from typing import Any

from services.exchange import wire
from services.exchange.engine.errors import Cause, RefusedError, invalid, unprocessable
from services.exchange.engine.order_types import (
    CLASS_NAMES,
    INTENTS,
    ORDER_CLASSES,
    ORDER_TYPES,
    TIMES_IN_FORCE,
)
from services.exchange.engine.orders import OptionLeg, Side, StopLoss, TakeProfit, Terms
from services.exchange.engine.rules import DEFAULT_RULES, Rules
from services.exchange.engine.terms_rules import check_terms

CENT = Decimal("0.01")
TENTH_OF_MILL = Decimal("0.0001")
LEAST_NOTIONAL = Decimal(1)
LONGEST_ID = 128
SIDES = tuple(side.value for side in Side)
EVERY_INTENT = tuple(intent for intents in INTENTS.values() for intent in intents)

Body = Mapping[str, Any]


def read_body(body: bytes) -> dict[str, Any]:
    """The JSON object of a request; 400 for anything else. `null` fields count as absent."""
    try:
        parsed = wire.loads(body)
    except ValueError as error:
        raise RefusedError(Cause.MALFORMED) from error
    if not isinstance(parsed, dict):
        raise RefusedError(Cause.MALFORMED)
    return {key: value for key, value in parsed.items() if value is not None}


def read_terms(body: Body, rules: Rules = DEFAULT_RULES) -> Terms:
    """What is asked for, or the refusal Alpaca gives. Knows no account and no market.

    Without a `client_order_id` it is "": the order gets one when it is accepted.
    """
    order_class = CLASS_NAMES[_known(body, "order_class", CLASS_NAMES, "")]
    spread = order_class == "mleg"
    symbol = "" if spread else _text(body, "symbol", "symbol is required").upper()
    side = Side.BUY if spread else Side(_known(body, "side", SIDES))
    kind = _known(body, "type", ORDER_TYPES, complaint="invalid order type")
    tif = _known(body, "time_in_force", TIMES_IN_FORCE)
    qty, notional = _amount(body)
    take_profit, stop_loss = _take_profit(body), _stop_loss(body)
    limit_price = _optional(body, "limit_price", checked_net_price if spread else checked_price)
    if ORDER_CLASSES[order_class].closes and take_profit is not None:
        if limit_price not in (None, take_profit.limit_price):
            raise unprocessable(f"{order_class} limit_price must be take_profit.limit_price")
        limit_price = take_profit.limit_price
    terms = Terms(
        client_order_id=checked_client_order_id(body.get("client_order_id", "")),
        symbol=symbol,
        side=side,
        type=kind,
        time_in_force=tif,
        qty=qty,
        notional=notional,
        limit_price=limit_price,
        stop_price=_optional(body, "stop_price", checked_price),
        trail_price=_optional(body, "trail_price", checked_price),
        trail_percent=_optional(body, "trail_percent", checked_percent),
        extended_hours=_flag(body, "extended_hours"),
        order_class=order_class,
        position_intent=_intent(body, None if spread else side),
        take_profit=take_profit,
        stop_loss=stop_loss,
        option_legs=_legs(body),
    )
    check_terms(terms, rules)
    return terms


def checked_price(value: object, name: str) -> Decimal:
    """A positive price on the tick: cents from $1, hundredths of a cent under it (§8.3)."""
    price = _decimal(value, name)
    if price <= 0:
        raise invalid(f"{name.replace('_', ' ')} must be > 0")
    return _on_tick(price, CENT if price >= 1 else TENTH_OF_MILL, name)


def checked_net_price(value: object, name: str) -> Decimal:
    """Of a multi-leg order: a debit, or negative a credit, in cents."""
    return _on_tick(_decimal(value, name), CENT, name)


def checked_percent(value: object, name: str) -> Decimal:
    """Positive; the least one is a rule of the type."""
    percent = _decimal(value, name)
    if not 0 < percent < 100:
        raise invalid(f"{name} must be > 0 and < 100")
    return percent


def checked_qty(value: object, name: str = "qty") -> Decimal:
    qty = wire.truncated_qty(_decimal(value, name))
    if qty <= 0:
        raise invalid(f"{name} must be > 0")
    return qty


def checked_client_order_id(value: object) -> str:
    if not isinstance(value, str):
        raise invalid("invalid client_order_id")
    if len(value) > LONGEST_ID:
        raise RefusedError(Cause.CLIENT_ID_LONG)
    if value and not value.isprintable():
        raise invalid("invalid client_order_id")
    return value


def _amount(body: Body) -> tuple[Decimal | None, Decimal | None]:
    if "qty" in body and "notional" in body:
        raise invalid("only one of qty or notional is accepted")
    if "qty" in body:
        return checked_qty(body["qty"]), None
    if "notional" not in body:
        raise invalid("qty or notional is required")
    notional = wire.truncated_qty(_decimal(body["notional"], "notional"))
    if notional < LEAST_NOTIONAL:
        raise unprocessable("notional amount must be >= 1.00")
    return None, notional


def _take_profit(body: Body) -> TakeProfit | None:
    part = _part(body, "take_profit")
    if not part:
        return None
    if "limit_price" not in part:
        raise invalid("take_profit.limit_price is required")
    price = checked_price(part["limit_price"], "take_profit.limit_price")
    return TakeProfit(limit_price=price)


def _stop_loss(body: Body) -> StopLoss | None:
    part = _part(body, "stop_loss")
    if not part:
        return None
    if "stop_price" not in part:
        raise invalid("stop_loss.stop_price is required")
    limit = part.get("limit_price")
    return StopLoss(
        stop_price=checked_price(part["stop_price"], "stop_loss.stop_price"),
        limit_price=None if limit is None else checked_price(limit, "stop_loss.limit_price"),
    )


def _part(body: Body, name: str) -> dict[str, Any]:
    """A nested object without its nulls; an empty one counts as absent."""
    part = body.get(name, {})
    if not isinstance(part, dict):
        raise invalid(f"invalid {name}")
    return {key: value for key, value in part.items() if value is not None}


def _legs(body: Body) -> tuple[OptionLeg, ...]:
    legs = body.get("legs", [])
    if not isinstance(legs, list) or not all(isinstance(leg, dict) for leg in legs):
        raise invalid("invalid legs")
    return tuple(_leg({k: v for k, v in leg.items() if v is not None}) for leg in legs)


def _leg(leg: Body) -> OptionLeg:
    ratio = _decimal(leg.get("ratio_qty"), "ratio_qty")
    if ratio < 1 or ratio != ratio.to_integral_value():
        raise invalid("ratio_qty must be a whole number > 0")
    intent = _intent(leg, None)
    if "side" in leg:
        side = Side(_known(leg, "side", SIDES))
        intent = _intent(leg, side)
    elif intent is not None:
        side = Side(intent.partition("_")[0])
    else:
        raise invalid("side or position_intent is required for legs")
    symbol = _text(leg, "symbol", "symbol is required for legs").upper()
    return OptionLeg(symbol=symbol, side=side, ratio_qty=int(ratio), position_intent=intent or "")


def _intent(body: Body, side: Side | None) -> str | None:
    """An intent of the side; whether it is right the position decides."""
    if "position_intent" not in body:
        return None
    intent = _known(body, "position_intent", EVERY_INTENT)
    if side is not None and intent not in INTENTS[side]:
        raise invalid(f"position_intent {intent} does not match side {side}")
    return intent


def _decimal(value: object, name: str) -> Decimal:
    try:
        return wire.decimal(value)
    except ValueError as error:
        raise invalid(f"invalid {name}") from error


def _on_tick(price: Decimal, tick: Decimal, name: str) -> Decimal:
    if price % tick:
        raise RefusedError(Cause.SUB_PENNY, {"name": name, "price": wire.number(price)})
    return price


def _optional(body: Body, name: str, read: Callable[[object, str], Decimal]) -> Decimal | None:
    return read(body[name], name) if name in body else None


def _flag(body: Body, name: str) -> bool:
    try:
        return wire.boolean(body.get(name, False))
    except ValueError as error:
        raise invalid(f"invalid {name}") from error


def _text(body: Body, name: str, complaint: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(complaint)
    return value


def _known(
    body: Body,
    name: str,
    known: Container[str],
    default: str | None = None,
    *,
    complaint: str | None = None,
) -> str:
    """One of the known words; only with a `default` may it be left away."""
    value = body.get(name, default)
    if not isinstance(value, str) or value not in known:
        raise invalid(complaint or f"invalid {name}")
    return value
