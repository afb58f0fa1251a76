"""The legs of an order of a class: exits of bracket, oco and oto, contracts of mleg (§8.8, §8.12).

Every leg starts HELD: its parent works, or nothing does yet.
"""

from collections.abc import Callable, Sequence
from typing import Any

from services.exchange.engine.order_types import ORDER_CLASSES
from services.exchange.engine.orders import OptionLeg, Order, Side, Status, StopLoss, Terms

_CLOSING = {Side.BUY: "buy_to_close", Side.SELL: "sell_to_close"}


def exits_of(parent: Order, new_id: Callable[[], str]) -> tuple[Order, ...]:
    """Take-profit, then stop; an oco's take-profit is the parent itself."""
    exits_itself = ORDER_CLASSES[parent.order_class].closes
    legs: list[Order] = []
    if parent.take_profit is not None and not exits_itself:
        price = parent.take_profit.limit_price
        legs.append(_leg(parent, legs, new_id, type="limit", limit_price=price))
    if parent.stop_loss is not None:
        cover = parent.id if exits_itself else legs[0].id if legs else None
        stop = _stop_of(parent.stop_loss)
        legs.append(_leg(parent, legs, new_id, covered_by=cover, **stop))
    return tuple(legs)


def contract_terms(parent: Terms, leg: OptionLeg) -> Terms:
    """What one leg of a multi-leg order amounts to."""
    return Terms(
        client_order_id="",
        symbol=leg.symbol,
        side=leg.side,
        type="",
        time_in_force=parent.time_in_force,
        qty=(parent.qty or 0) * leg.ratio_qty,
        order_class=parent.order_class,
        position_intent=leg.position_intent or None,
    )


def contracts_of(
    parent: Order, intents: Sequence[str], asset_ids: Sequence[str], new_id: Callable[[], str]
) -> tuple[Order, ...]:
    legs: list[Order] = []
    for leg, intent, asset_id in zip(parent.option_legs, intents, asset_ids, strict=True):
        more = contract_terms(parent, leg).model_dump(exclude={"client_order_id"})
        legs.append(
            _leg(
                parent,
                legs,
                new_id,
                **more,
                intent=intent,
                asset_id=asset_id,
                asset_class="us_option",
                ratio_qty=leg.ratio_qty,
                reserved_qty=more["qty"],
            )
        )
    return tuple(legs)


def _stop_of(stop: StopLoss) -> dict[str, Any]:
    kind = "stop" if stop.limit_price is None else "stop_limit"
    return {"type": kind, "stop_price": stop.stop_price, "limit_price": stop.limit_price}


def _leg(
    parent: Order, before: Sequence[Order], new_id: Callable[[], str], **changes: Any
) -> Order:
    """A new order with the parent's times and qty, on the side that ends what the parent does."""
    exits_itself = ORDER_CLASSES[parent.order_class].closes
    side = parent.side if exits_itself else parent.side.opposite
    fields = {name: getattr(parent, name) for name in Order.model_fields}
    fresh = {
        "id": new_id(),
        "client_order_id": new_id(),
        "sequence": parent.sequence + 1 + len(before),
        "side": side,
        "intent": _CLOSING[side],
        "position_intent": None,
        "status": Status.HELD,
        "parent_id": parent.id,
        "leg_ids": (),
        "limit_price": None,
        "stop_price": None,
        "take_profit": None,
        "stop_loss": None,
        "option_legs": (),
        "replaces": None,
    }
    return Order.model_validate({**fields, **fresh, **changes})
