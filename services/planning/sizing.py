"""How many shares of a single idea (spec 4, Sizing): by weight, by what may be lost to its stop, or by
how much it moves. A leveraged product gets the shares of its exposure: a third, of a 3x fund."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise

from db.model.idea import Direction, Idea
from db.model.market import Bar
from services.risk.case import money, percent
from services.risk.facts import ZERO, Facts

PERIODS = 14
"""Of the average true range."""


@dataclass(frozen=True)
class Size:
    """Shares, and how they came about; 0 with the reason when there is nothing to buy."""

    qty: Decimal
    why: str


def sized(
    facts: Facts, idea: Idea, account: str, equity: Decimal, symbol: str | None = None
) -> Size:
    """Whole shares for the idea in the account, by the policy's method, under every cap; of `symbol`
    where another is bought for the idea's own. What nobody knows (a price, a stop, a range) makes it
    none."""
    traded = symbol or idea.ticker
    price, paid = facts.price(idea.ticker), facts.price(traded)
    if price is None or paid is None or equity <= 0:
        unknown = idea.ticker if price is None else traded
        return Size(ZERO, "no equity" if price and paid else f"no price for {unknown}")
    factor = abs(facts.leverage_factor(traded)) or Decimal(1)
    exposed = _shares(facts, traded) * paid * factor
    if traded != idea.ticker and idea.direction is Direction.LONG:
        exposed += _shares(facts, idea.ticker) * price
    wanted = _wanted(facts, idea, price, equity, exposed / price)
    if isinstance(wanted, str):
        return Size(ZERO, wanted)
    shares, why = wanted
    if traded != idea.ticker:
        shares *= price / paid
        why += f", in {traded} at {money(paid)}"
    if factor != 1:
        shares /= factor
        why += f", ÷ {factor:f} for its leverage"
    most, cap = _most(facts, traded, account, paid, equity)
    if shares > most:
        shares, why = most, f"{why}, held down by {cap}"
    qty = shares.to_integral_value(ROUND_FLOOR)
    if qty < 1:
        return Size(ZERO, f"{why}: less than one share at {money(paid)}")
    return Size(qty, why)


def _shares(facts: Facts, symbol: str) -> Decimal:
    """Held, in all accounts."""
    return facts.shares.get(symbol, ZERO)


def _wanted(
    facts: Facts, idea: Idea, price: Decimal, equity: Decimal, held: Decimal
) -> tuple[Decimal, str] | str:
    """Shares of the idea's own symbol before caps and the words for them; or why there are none. As many
    as `held` move with it already."""
    policy = facts.policy
    if policy.sizing == "weight":
        weight = idea.weight if idea.weight is not None else policy.max_position_weight
        if weight is None:
            return f"{idea.ticker} comes without a weight, and the policy has none"
        return max(weight * equity / price - held, ZERO), f"{percent(weight)} of the portfolio"
    share = (idea.conviction if idea.conviction is not None else Decimal(100)) / 100
    risk = policy.max_risk_per_trade
    if policy.sizing == "risk":
        entry = idea.entry_price or price
        stop = stop_of(idea, entry, policy.stop_loss)
        if risk is None or stop is None or stop == entry:
            return f"{idea.ticker} can't be sized by risk without a limit and a stop"
        lost = equity * risk * share
        return lost / abs(entry - stop), f"{money(lost)} may be lost from {entry:f} to {stop:f}"
    average = atr(facts.bars.get(idea.ticker, ()))
    weight = idea.weight if idea.weight is not None else policy.max_position_weight
    if average is None or not average or weight is None:
        return f"{idea.ticker} can't be sized by its range: its daily bars are missing"
    moves = average / price
    dollars = weight * equity * policy.volatility_target / moves
    why = f"it moves {percent(moves)} a day, full weight is for {percent(policy.volatility_target)}"
    return max(dollars / price - held, ZERO), why


def stop_of(idea: Idea, entry: Decimal, default: Decimal | None) -> Decimal | None:
    """Its own stop price; else its own distance under the entry, else the policy's."""
    if idea.stop_price is not None:
        return idea.stop_price
    distance = idea.stop_loss if idea.stop_loss is not None else default
    return None if distance is None else entry * (1 - distance)


def _most(
    facts: Facts, symbol: str, account: str, price: Decimal, equity: Decimal
) -> tuple[Decimal, str]:
    """The smallest cap in shares, and its name. The caps stop at the worst price that an order is
    expected to cost; an idea's own weight may lie above the position cap, and the check says so."""
    policy = facts.policy
    worst = price * (1 + 2 * policy.limit_band)
    caps: list[tuple[Decimal, str]] = []
    if policy.sizing != "weight" and policy.max_position_weight is not None:
        room = policy.max_position_weight * equity / worst - _shares(facts, symbol)
        caps.append((max(room, ZERO), "the position cap"))
    if policy.max_order_value is not None:
        caps.append((policy.max_order_value / worst, "the order limit"))
    power = next((a.buying_power for a in facts.portfolio.accounts if a.name == account), ZERO)
    caps.append((max(power, ZERO) / worst, "buying power"))
    return min(caps)


def atr(bars: Sequence[Bar]) -> Decimal | None:
    """Average true range of the last 14 bars, dollars; None with fewer than 15."""
    last = bars[-(PERIODS + 1) :]
    if len(last) <= PERIODS:
        return None
    ranges = [
        max(bar.high - bar.low, abs(bar.high - before.close), abs(bar.low - before.close))
        for before, bar in pairwise(last)
    ]
    return sum(ranges, ZERO) / PERIODS
