"""Conservative prices: what an order is expected to cost at worst in an ordinary market (spec 4)."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from db.model.order import OrderType, Side
from services.risk.facts import Facts

LEAST_SLIPPAGE = Decimal("0.0002")
MOST_SLIPPAGE = Decimal("0.0010")
DEEP_SHARE = Decimal("0.05")
"""Share of a day's volume at which slippage is at its most: 5%, where the policy blocks."""
CENT = Decimal("0.01")
FINE_TICK = Decimal("0.0001")
ONE_DOLLAR = Decimal(1)


def tick(price: Decimal) -> Decimal:
    """Two decimals at or above $1, four below (alpaca.md, price increments)."""
    return CENT if price >= ONE_DOLLAR else FINE_TICK


def down(price: Decimal) -> Decimal:
    """To the tick at or below."""
    return price.quantize(tick(price), ROUND_FLOOR)


def up(price: Decimal) -> Decimal:
    """To the tick at or above."""
    return price.quantize(tick(price), ROUND_CEILING)


def slippage(adv_share: Decimal | None) -> Decimal:
    """Beyond the touch, as a fraction of price: 2 to 10 basis points, growing with size over
    average daily volume. Unknown volume: the most."""
    if adv_share is None:
        return MOST_SLIPPAGE
    part = min(adv_share / DEEP_SHARE, Decimal(1))
    return LEAST_SLIPPAGE + (MOST_SLIPPAGE - LEAST_SLIPPAGE) * part


def expected_range(
    facts: Facts, symbol: str, side: Side, expected: Decimal
) -> tuple[Decimal, Decimal]:
    """Lowest and highest price of the fill in an ordinary market: from the touch to the conservative
    price."""
    quote = facts.quotes.get(symbol)
    touch = None if quote is None else quote.ask if side is Side.BUY else quote.bid
    if touch is None:
        return expected, expected
    return (touch, expected) if touch <= expected else (expected, touch)


def expected_price(
    facts: Facts,
    symbol: str,
    side: Side,
    qty: Decimal,
    *,
    limit_price: Decimal | None = None,
    stop_price: Decimal | None = None,
    kind: OrderType = OrderType.MARKET,
) -> Decimal | None:
    """Sells at the bid less slippage; buys at their limit, else at the ask plus slippage (a stop
    from its trigger when that is worse). None while the side of the quote it needs is missing.

    Half the spread is in the touch already; slippage is what comes on top."""
    worse = slippage(facts.adv_share(symbol, qty))
    quote = facts.quotes.get(symbol)
    if side is Side.BUY:
        if limit_price is not None:
            return limit_price
        touch = quote.ask if quote is not None else None
        if touch is not None and kind is OrderType.STOP and stop_price is not None:
            touch = max(touch, stop_price)
        return None if touch is None else up(touch * (1 + worse))
    touch = quote.bid if quote is not None else None
    if touch is not None and stop_price is not None:
        touch = min(touch, stop_price)
    return None if touch is None else max(down(touch * (1 - worse)), FINE_TICK)
