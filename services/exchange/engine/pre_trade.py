"""What the exchange checks before it accepts an order (alpaca.md §8.3-§8.8, §9). Pure."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from services.exchange.engine.errors import Cause, RefusedError
from services.exchange.engine.order_types import EXEMPT_FROM_WASH, ORDER_CLASSES
from services.exchange.engine.orders import ZERO, Order, Side, Terms, claimed
from services.exchange.engine.rules import Rules
from services.exchange.engine.standing import Standing
from services.exchange.market.boards import Board
from services.exchange.wire import number

LEAST_COST = Decimal(1)
STEP_FROM_BASE = Decimal("0.01")
TRAILING = "trailing_stop"


class Prices(NamedTuple):
    """The last trade, and the quote around it; a side of 0 is not quoted."""

    last: Decimal
    bid: Decimal
    ask: Decimal

    @classmethod
    def of(cls, board: Board) -> "Prices":
        quote = board.quote
        return cls(board.price, quote.bid if quote else ZERO, quote.ask if quote else ZERO)

    def far(self, side: Side) -> Decimal:
        return (self.ask if side is Side.BUY else self.bid) or self.last

    @property
    def middle(self) -> Decimal:
        return (self.bid + self.ask) / 2 if self.bid and self.ask else self.last


class Asked(NamedTuple):
    """An order as asked for, and what it is judged by. `held` is signed; `others` are the
    account's open orders in the symbol (for what opens, those on the other side) and `now` its
    standing, both without an order that this one replaces."""

    terms: Terms
    board: Board
    prices: Prices
    held: Decimal
    intent: str
    opens: bool
    others: list[Order]
    now: Standing
    rules: Rules
    at: datetime
    replaced: Order | None = None
    tell_related: bool = True

    @property
    def shorts(self) -> bool:
        return self.intent == "sell_to_open"


def intent_of(terms: Terms, held: Decimal, replaced: Order | None) -> str:
    """What an order does to the position (alpaca.md §8.6); a replacement does the same."""
    if replaced is not None:
        return replaced.intent
    if terms.side is Side.BUY:
        return "buy_to_close" if held < 0 else "buy_to_open"
    return "sell_to_close" if held > 0 else "sell_to_open"


def check_intent(asked: Asked, *, enforced: bool) -> None:
    specified = asked.terms.position_intent
    if enforced and specified is not None and specified != asked.intent:
        words = {"inferred": asked.intent, "specified": specified}
        raise RefusedError(Cause.INTENT_MISMATCH, words)


def check_asset(asked: Asked) -> None:
    listing = asked.board.listing
    if not listing.active:
        raise RefusedError(Cause.NOT_ACTIVE, {"symbol": listing.symbol})
    if not listing.tradable:
        raise RefusedError(Cause.NOT_TRADABLE, {"symbol": listing.symbol})
    if asked.terms.fractional:
        if not listing.fractionable:
            raise RefusedError(Cause.NOT_FRACTIONABLE, {"symbol": listing.symbol})
        if asked.opens and not asked.now.account.configuration.fractional_trading:
            raise RefusedError(Cause.NO_FRACTIONS)


def check_prices(asked: Asked) -> None:
    """A stop on its side of the market, a limit not absurdly far from it (alpaca.md §8.3)."""
    cause = _price_cause(asked.terms, asked.prices.last, asked.rules.limit_distance)
    if cause is not None:
        raise RefusedError(cause, extra={"market_price": number(asked.prices.last)})


def _price_cause(terms: Terms, last: Decimal, most: Decimal) -> Cause | None:
    """`most` percent a limit may be away, 0 for any."""
    if terms.stop_price is not None:
        if terms.side is Side.SELL and terms.stop_price >= last:
            return Cause.STOP_NOT_BELOW
        if terms.side is Side.BUY and terms.stop_price <= last:
            return Cause.STOP_NOT_ABOVE
    if most and terms.type == "limit" and terms.limit_price is not None:
        away = abs(terms.limit_price - last) * 100
        return Cause.LIMIT_DISTANCE if away > most * last else None
    return None


def check_base_price(asked: Asked) -> None:
    """The stop of a group is a cent beyond the limit and the current trade (alpaca.md §8.8)."""
    terms = asked.terms
    if terms.stop_loss is None or asked.replaced is not None:
        return
    stop = terms.stop_loss.stop_price
    bases = [asked.prices.last, *([terms.limit_price] if terms.limit_price is not None else [])]
    protects_long = (terms.side is Side.SELL) is ORDER_CLASSES[terms.order_class].closes
    if protects_long and stop > min(bases) - STEP_FROM_BASE:
        extra = {"base_price": number(min(bases))}
        raise RefusedError(Cause.BASE_PRICE_BELOW, extra=extra)
    if not protects_long and stop < max(bases) + STEP_FROM_BASE:
        extra = {"base_price": number(max(bases))}
        raise RefusedError(Cause.BASE_PRICE_ABOVE, extra=extra)


def check_class(asked: Asked) -> None:
    """A bracket opens from flat, an oto opens, an oco closes (alpaca.md §8.8)."""
    name = asked.terms.order_class
    if not name or asked.replaced is not None:
        return
    if ORDER_CLASSES[name].closes:
        if asked.opens:
            raise RefusedError(Cause.NOT_EXIT, {"name": name})
    elif not asked.opens or (name == "bracket" and asked.held):
        raise RefusedError(Cause.NOT_ENTRY, {"name": name})


def check_side(asked: Asked) -> None:
    """No opening against an opening order, and no short that is not allowed (alpaca.md §8.6)."""
    check_one_way(asked)
    if asked.opens and asked.shorts:
        _check_short(asked)


def check_one_way(asked: Asked) -> None:
    """Nothing opens while an order to open the other way is open: filled both, one would close."""
    against = asked.terms.side.opposite
    if asked.opens and any(order.side is against and order.opens for order in asked.others):
        raise RefusedError(Cause.SHORT_WHILE_BUYING if asked.shorts else Cause.BUY_WHILE_SHORTING)


def _check_short(asked: Asked) -> None:
    listing, symbol = asked.board.listing, {"symbol": asked.board.listing.symbol}
    if asked.terms.fractional:
        raise RefusedError(Cause.FRACTIONAL_SHORT)
    if not asked.now.may_short:
        raise RefusedError(Cause.NO_SHORTS)
    if not listing.shortable:
        raise RefusedError(Cause.NOT_SHORTABLE, symbol)
    if not listing.easy_to_borrow and asked.terms.time_in_force != "day":
        raise RefusedError(Cause.HARD_TO_BORROW, symbol)


def keepers(orders: Iterable[Order], symbol: str) -> dict[str, Decimal]:
    """By id: what of a position in the symbol each open closing order keeps (alpaca.md §8.4).

    An exit that waits for its entry keeps what the entry has filled so far.
    """
    by_id = {order.id: order for order in orders if order.symbol == symbol}
    kept = {}
    for order in by_id.values():
        entry = by_id.get(order.parent_id or "")
        if order.waits and order.covered_by is None and entry is not None:
            kept[order.id] = min(entry.filled_qty, order.leaves_qty)
        else:
            kept[order.id] = order.kept_qty
    return {order_id: qty for order_id, qty in kept.items() if qty}


def kept_qty(orders: Iterable[Order], symbol: str) -> Decimal:
    orders = list(orders)
    kept = keepers(orders, symbol)
    return claimed((o for o in orders if o.id in kept), lambda order: kept[order.id])


def check_available(asked: Asked, requested: Decimal) -> None:
    """Nobody closes more than is held and free of other orders: no order flips a position."""
    symbol, existing = asked.terms.symbol, abs(asked.held)
    kept = kept_qty(asked.others, symbol)
    available = max(existing - kept, ZERO)
    if requested <= available:
        return
    extra: dict[str, object] = {
        "symbol": symbol,
        "available": number(available),
        "existing_qty": number(existing),
        "held_for_orders": number(kept),
    }
    if asked.tell_related and kept:
        extra["related_orders"] = list(keepers(asked.others, symbol))
    words = {"requested": number(requested), "available": number(available)}
    raise RefusedError(Cause.INSUFFICIENT_QTY, words, extra)


def check_wash_trade(asked: Asked) -> None:
    """An opposite open order refuses this one, unless two limits cannot meet (§8.7)."""
    terms = asked.terms
    if _exempt(terms):
        return
    against = terms.side.opposite
    for order in asked.others:
        if order.side is not against or _exempt(order):
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


def _exempt(terms: Terms) -> bool:
    return terms.order_class in EXEMPT_FROM_WASH or terms.type == TRAILING


def check_cost(asked: Asked, cost: Decimal) -> None:
    """What opens costs a dollar at least, and no more than there is to spend."""
    if cost < LEAST_COST:
        raise RefusedError(Cause.COST_BASIS)
    now = asked.now
    power = now.buying_power
    if not asked.board.listing.marginable:
        power = now.non_marginable_buying_power
    if cost > power:
        extra = {"buying_power": number(power), "cost_basis": number(cost)}
        raise RefusedError(Cause.BUYING_POWER, extra=extra)
