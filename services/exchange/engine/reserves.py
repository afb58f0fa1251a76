"""What an order keeps while it is open (alpaca.md §8.5). Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from services.exchange.engine.hours import EXTENDED
from services.exchange.engine.orders import CONTRACT_SIZE, ZERO, Side, Terms, is_contract
from services.exchange.engine.pre_trade import Asked, Prices
from services.exchange.sessions import Phase, phase_at
from services.exchange.wire import truncated_qty

SHORT_MARKUP = Decimal("1.03")


class Reserve(NamedTuple):
    """Dollars for each of its qty, and the qty."""

    price: Decimal
    qty: Decimal


def reserve_for(asked: Asked) -> Reserve:
    """The limit, else where the market is; for a short 3 % above the ask at least."""
    terms, prices = asked.terms, asked.prices
    price = expected_price(asked)
    if asked.shorts and not is_contract(terms.symbol):
        price = max(price, prices.far(Side.BUY) * SHORT_MARKUP)
    if terms.qty is not None:
        return Reserve(price, terms.qty)
    return Reserve(price, truncated_qty((terms.notional or ZERO) / price) if price else ZERO)


def expected_price(asked: Asked) -> Decimal:
    """Where it fills at worst: at the limit; else at the far side in the session, the middle
    before and after it, the last trade when closed; a buy stop at its stop at least."""
    terms, prices = asked.terms, asked.prices
    if terms.limit_price is not None:
        return terms.limit_price
    phase = phase_at(asked.at)
    if phase is Phase.REGULAR:
        now = prices.far(terms.side)
    else:
        now = prices.middle if phase in EXTENDED else prices.last
    if terms.stop_price is not None and terms.side is Side.BUY:
        return max(now, terms.stop_price)
    return now


def spread_debit(terms: Terms, prices: Mapping[str, Prices]) -> Decimal:
    """Dollars one of a multi-leg order costs, negative for a credit: its limit, else the far
    sides of its legs."""
    if terms.limit_price is not None:
        return terms.limit_price * CONTRACT_SIZE
    total = ZERO
    for leg in terms.option_legs:
        paid = prices[leg.symbol].far(leg.side) * leg.ratio_qty
        total += paid if leg.side is Side.BUY else -paid
    return total * CONTRACT_SIZE
