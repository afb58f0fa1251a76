"""How an order should be sent, and why, in a sentence (spec 4, Order guidance)."""

from dataclasses import dataclass
from decimal import Decimal

from db.model.order import OrderType, Side
from services.risk.estimate import down, up
from services.risk.facts import Facts

WIDE_SPREAD_BPS = Decimal(20)
LARGE_SHARE = Decimal("0.01")


@dataclass(frozen=True)
class Guidance:
    type: OrderType
    limit_price: Decimal | None
    why: str


def guide(facts: Facts, symbol: str, side: Side, qty: Decimal) -> Guidance:
    """Rules in order: leveraged, wide or stale → a limit inside the band; large → the same, to be
    worked slowly; small and liquid → market in regular hours, else a limit."""
    quote = facts.quotes.get(symbol)
    spread = quote.spread_bps if quote is not None else None
    share = facts.adv_share(symbol, qty)
    if abs(facts.leverage_factor(symbol)) != 1:
        why = "a leveraged product moves fast"
    elif spread is None or not facts.fresh(symbol):
        why = "the price is not fresh"
    elif spread > WIDE_SPREAD_BPS:
        why = f"the spread is {spread:.0f} bps"
    elif share is None:
        why = "its daily volume is not known"
    elif share > LARGE_SHARE:
        why = f"it is {share * 100:.1f}% of a day's volume"
    elif not facts.market_open:
        why = "the market is not open"
    else:
        return Guidance(OrderType.MARKET, None, "MARKET: small and liquid, in regular hours")
    limit = marketable_limit(facts, symbol, side)
    if limit is None:
        return Guidance(OrderType.MARKET, None, f"MARKET: {why}, and there is no touch to limit by")
    return Guidance(OrderType.LIMIT, limit, f"LIMIT inside the band: {why}")


def marketable_limit(facts: Facts, symbol: str, side: Side) -> Decimal | None:
    """The touch plus (buy) or minus (sell) the policy's band, never beyond its collar, rounded to
    the tick toward the safe side. None without a touch."""
    policy = facts.policy
    band = policy.limit_band
    if policy.price_collar is not None:
        band = min(band, policy.price_collar)
    quote = facts.quotes.get(symbol)
    if quote is None:
        return None
    if side is Side.BUY:
        return None if quote.ask is None else down(quote.ask * (1 + band))
    return None if quote.bid is None else up(quote.bid * (1 - band))
