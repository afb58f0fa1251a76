"""Stops and trailing stops: what a trade does to them, and at what limit they then work. Pure.

A stop is reached in the regular session by a trade at or through it, inside the national best
bid and offer (alpaca.md §8.2); what it becomes fills against the quote.
"""

from decimal import ROUND_DOWN, ROUND_UP, Decimal

from services.exchange.engine.orders import Order, Side, Terms
from services.exchange.market.quotes import Quote, Trade, tick_size

STOPS = frozenset({"stop", "stop_limit", "trailing_stop"})
CHEAP = Decimal(50)
COLLAR, CHEAP_COLLAR = Decimal("0.025"), Decimal("0.04")


def waits_for_stop(order: Order) -> bool:
    return order.type in STOPS and order.elected_at is None


def counts(trade: Trade, quote: Quote | None) -> bool:
    """Whether a trade is inside the quote: an odd print elects nobody."""
    return quote is not None and 0 < quote.bid <= trade.price <= quote.ask


def reaches(order: Order, trade: Trade) -> bool:
    if order.stop_price is None:
        return False
    if order.side is Side.SELL:
        return trade.low <= order.stop_price
    return trade.high >= order.stop_price


def best_of(order: Order, trade: Trade) -> Decimal:
    """The high-water mark after a trade; for a buy the low-water mark."""
    best = trade.high if order.side is Side.SELL else trade.low
    if order.hwm is None:
        return best
    return max(order.hwm, best) if order.side is Side.SELL else min(order.hwm, best)


def trailing_stop(terms: Terms, hwm: Decimal) -> Decimal:
    """hwm − trail, or hwm × (1 − percent ÷ 100), on the tick; mirrored for a buy (§8.3)."""
    if terms.trail_price is not None:
        away = terms.trail_price
    else:
        away = hwm * (terms.trail_percent or Decimal(0)) / 100
    stop = hwm - away if terms.side is Side.SELL else hwm + away
    tick = tick_size(stop)
    towards = ROUND_DOWN if terms.side is Side.SELL else ROUND_UP
    return max((stop / tick).to_integral_value(towards) * tick, tick)


def bounded(order: Order, last: Decimal) -> Order:
    """The order with the limit it really works at, for the fill model.

    A buy stop becomes a stop-limit above its stop, an opening market buy is collared above the
    last trade: 4 % under $50, 2.5 % from there.
    """
    if order.limit_price is not None or order.side is Side.SELL:
        return order
    if order.type == "market" and not order.opens:
        return order
    base = order.stop_price if order.type in STOPS and order.stop_price is not None else last
    return order.model_copy(update={"limit_price": collared(base)})


def collared(price: Decimal) -> Decimal:
    limit = price * (1 + (CHEAP_COLLAR if price < CHEAP else COLLAR))
    tick = tick_size(limit)
    return (limit / tick).to_integral_value(ROUND_DOWN) * tick
