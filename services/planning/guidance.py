"""How an order should be sent, and why, in a sentence (spec 4, Order guidance)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from db.model.order import OrderType, Side, TimeInForce
from db.model.plan import Step
from db.model.slicing import Algorithm, AlgorithmName
from services.risk.estimate import down, up
from services.risk.facts import Facts

WIDE_SPREAD_BPS = Decimal(20)
LARGE_SHARE = Decimal("0.01")
SLICE_MINUTES = Decimal(60)
"""Over which a large order is sent in pieces, where the policy wants it so."""


MARKET_SECONDS = 5
LIMIT_SECONDS = 30
"""From sending to the last fill, at the touch, in an ordinary market."""
URGENT_PARTICIPATION = Decimal("0.10")

Urgency = Literal["low", "normal", "high"]


@dataclass(frozen=True)
class Guidance:
    type: OrderType
    limit_price: Decimal | None
    why: str
    algorithm: Algorithm | None = None
    urgency: Urgency = "normal"
    seconds: int | None = None
    """Expected, from sending to the last fill."""


def as_asked(facts: Facts, symbol: str, kind: OrderType, limit: Decimal | None) -> Guidance:
    """An order taken as given. What rests away from the market may take all its time."""
    seconds = MARKET_SECONDS
    if kind is not OrderType.MARKET:
        seconds = facts.policy.order_time_limit_seconds
    return Guidance(kind, limit, "", seconds=seconds)


def guide(facts: Facts, symbol: str, side: Side, qty: Decimal, *, urgent: bool = False) -> Guidance:
    """Rules in order: leveraged, wide or stale → a limit inside the band; large → the same, to be
    worked slowly, or as a share of volume when urgent; reducing in a hurry → a marketable limit;
    small and liquid → market in regular hours, else a limit."""
    key = ("guide", symbol, side, qty, urgent)
    known = facts.remembered.get(key)
    if known is None:
        known = facts.remembered[key] = _guide(facts, symbol, side, qty, urgent)
    assert isinstance(known, Guidance)
    return known


def _guide(facts: Facts, symbol: str, side: Side, qty: Decimal, urgent: bool) -> Guidance:
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
    elif share > LARGE_SHARE or slicing(facts, symbol, qty) is not None:
        why = f"it is {share * 100:.1f}% of a day's volume"
    elif urgent:
        why = "it is to be out in a hurry"
    elif not facts.market_open:
        why = "the market is not open"
    else:
        why = "MARKET: small and liquid, in regular hours"
        return Guidance(OrderType.MARKET, None, why, seconds=MARKET_SECONDS)
    limit = marketable_limit(facts, symbol, side)
    algorithm = slicing(facts, symbol, qty, urgent=urgent)
    urgency: Urgency = "high" if urgent else "normal" if algorithm is None else "low"
    seconds, words = LIMIT_SECONDS, ""
    if algorithm is not None:
        seconds = int(SLICE_MINUTES * 60)
        words = f", in pieces over {SLICE_MINUTES} minutes ({algorithm.name.upper()})"
        if algorithm.name is AlgorithmName.TWAP:
            words += ", evenly: how its volume lies over the day is not known"
    elif urgent and limit is not None:
        words = f", then MARKET for what {facts.policy.urgent_limit_seconds} s did not fill"
    if limit is None:
        why = f"MARKET: {why}, and there is no touch to limit by{words}"
        return Guidance(OrderType.MARKET, None, why, algorithm, urgency, seconds)
    why = f"LIMIT inside the band: {why}{words}"
    return Guidance(OrderType.LIMIT, limit, why, algorithm, urgency, seconds)


def slicing(facts: Facts, symbol: str, qty: Decimal, *, urgent: bool = False) -> Algorithm | None:
    """TWAP for an order above the policy's share of a day's volume, VWAP where it is known how its
    volume lies over the day, a share of the volume when it is urgent; the rest is for the trader to choose on the plan."""
    most, share = facts.policy.slice_above_adv_share, facts.adv_share(symbol, qty)
    if most is None or share is None or share <= most:
        return None
    if urgent:
        return Algorithm(
            name=AlgorithmName.POV, minutes=SLICE_MINUTES, participation=URGENT_PARTICIPATION
        )
    known = facts.volume_profile(symbol) is not None
    return Algorithm(
        name=AlgorithmName.VWAP if known else AlgorithmName.TWAP, minutes=SLICE_MINUTES
    )


def unsliceable(step: Step, algorithm: Algorithm, facts: Facts) -> str | None:
    """Why the step can't be sent so, or None."""
    if step.type not in (OrderType.MARKET, OrderType.LIMIT):
        return f"it is a {step.type.value} order, expected market or limit"
    if step.time_in_force is not TimeInForce.DAY:
        return f"its time in force is {step.time_in_force.value}, expected day"
    if step.extended_hours:
        return "it asks for extended hours, and pieces end with the session"
    if algorithm.name is AlgorithmName.POV and facts.adv(step.symbol) is None:
        return f"pov needs the average daily volume of {step.symbol}: add it to the instruments"
    if algorithm.end_at is not None and algorithm.end_at <= facts.now:
        return "its end is over already"
    most, minute = facts.policy.max_repeats_per_minute, Decimal(60)
    seconds = min(minute, (algorithm.minutes or minute) * 60)
    if most is not None and (each := int(seconds / algorithm.interval_seconds)) > most:
        return f"{each} pieces a minute are more than the {most} that the policy lets repeat"
    return None


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
