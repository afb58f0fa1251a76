"""What the exchange checks before it accepts an order (alpaca.md §8.3-§8.7). Pure."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from services.exchange.engine.accounts import Position, Standing
from services.exchange.engine.errors import Cause, RefusedError
from services.exchange.engine.orders import ZERO, Order, Side, Terms
from services.exchange.wire import number, truncated_qty

LEAST_COST = Decimal(1)


class Reserve(NamedTuple):
    """What an order keeps: a price a share and a number of shares."""

    price: Decimal
    qty: Decimal

    @property
    def value(self) -> Decimal:
        return self.price * self.qty


def reserve_for(terms: Terms, far_side: Decimal) -> Reserve:
    """The limit if there is one, else the far side of the quote (alpaca.md §8.5)."""
    price = terms.limit_price if terms.limit_price is not None else far_side
    if terms.qty is not None:
        return Reserve(price, terms.qty)
    return Reserve(price, truncated_qty((terms.notional or ZERO) / price) if price else ZERO)


def held_qty(orders: Iterable[Order], symbol: str) -> Decimal:
    """Shares of a holding that open sells keep."""
    sells = (o for o in orders if o.symbol == symbol and o.side is Side.SELL)
    return sum((order.leaves_qty for order in sells), ZERO)


def check_order(
    terms: Terms,
    reserve: Reserve,
    position: Position | None,
    open_orders: Iterable[Order],
    now: Standing,
    *,
    tell_related: bool = True,
) -> None:
    """Raises the RefusedError of the first rule broken. `open_orders` are the account's."""
    others = [order for order in open_orders if order.symbol == terms.symbol]
    if terms.side is Side.SELL:
        check_available(terms.symbol, reserve.qty, position, others, tell_related=tell_related)
    check_wash_trade(terms, others)
    if terms.side is Side.BUY:
        cost = terms.notional if terms.notional is not None else reserve.value
        if cost < LEAST_COST:
            raise RefusedError(Cause.COST_BASIS)
        check_buying_power(cost, now)


def check_available(
    symbol: str,
    requested: Decimal,
    position: Position | None,
    open_orders: Iterable[Order],
    *,
    tell_related: bool = True,
) -> None:
    """Nobody sells more than is held and free of other orders; there are no shorts here."""
    others = list(open_orders)
    if position is None or not position.qty:
        buying = any(order.side is Side.BUY for order in others)
        raise RefusedError(Cause.SHORT_WHILE_BUYING if buying else Cause.NO_SHORTS)
    held = held_qty(others, symbol)
    available = max(position.qty - held, ZERO)
    if requested <= available:
        return
    extra: dict[str, object] = {
        "symbol": symbol,
        "available": number(available),
        "existing_qty": number(position.qty),
        "held_for_orders": number(held),
    }
    if tell_related and held:
        extra["related_orders"] = [order.id for order in others if order.side is Side.SELL]
    words = {"requested": number(requested), "available": number(available)}
    raise RefusedError(Cause.INSUFFICIENT_QTY, words, extra)


def check_wash_trade(terms: Terms, open_orders: Iterable[Order]) -> None:
    """An opposite open order refuses this one, unless two limits cannot meet (§8.7)."""
    for order in open_orders:
        if order.side is not terms.side.opposite:
            continue
        if terms.limit_price is None or order.limit_price is None:
            reason = "opposite side market/stop order exists"
        else:
            buy, sell = terms.limit_price, order.limit_price
            if terms.side is Side.SELL:
                buy, sell = sell, buy
            if buy < sell:
                continue
            reason = "opposite side limit order exists. use complex/limit/stop_limit orders"
        extra = {"reject_reason": reason, "existing_order_id": order.id}
        raise RefusedError(Cause.WASH_TRADE, extra=extra)


def check_buying_power(cost: Decimal, now: Standing) -> None:
    if cost > now.buying_power:
        extra = {"buying_power": number(now.buying_power), "cost_basis": number(cost)}
        raise RefusedError(Cause.BUYING_POWER, extra=extra)
