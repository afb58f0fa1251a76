"""Which instrument carries a signal out: its stock, a leveraged fund that follows it, or an option on it
(spec 4, Instrument routing). Pure: what nobody tells is never guessed, the next instrument is taken."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from db.model.idea import Direction, Idea
from db.model.instrument import Contract, Instrument
from db.model.policy import Policy
from services.risk.case import percent
from services.risk.facts import Facts


class Fund(NamedTuple):
    """A pair of funds on one thing, up and down."""

    bull: str
    bear: str
    factor: int


FUNDS: Mapping[str, Fund] = {
    "Nasdaq-100": Fund("TQQQ", "SQQQ", 3),
    "S&P 500": Fund("SPXL", "SPXS", 3),
    "Semiconductors": Fund("SOXL", "SOXS", 3),
    "Technology": Fund("TECL", "TECS", 3),
    "Financials": Fund("FAS", "FAZ", 3),
    "Russell 2000": Fund("TNA", "TZA", 3),
    "Dow": Fund("UDOW", "SDOW", 3),
    "Biotech": Fund("LABU", "LABD", 3),
    "Energy": Fund("ERX", "ERY", 2),
    "Real Estate": Fund("DRN", "DRV", 3),
    "20y treasuries": Fund("TMF", "TMV", 3),
    "Gold miners": Fund("NUGT", "DUST", 2),
}
"""What is followed (an industry, an index, a sector) → its pair. An industry goes before its sector."""

SURE = Decimal(80)
"""Conviction from which `both` looks for an option first."""
WIDEST = Decimal("0.10")
"""Spread of a liquid contract, as a fraction of its mid."""
FEWEST = 100
"""Contracts open."""
SOONEST, LATEST = 14, 45
"""Days to the last day of a contract."""
LOWEST, HIGHEST = Decimal("0.5"), Decimal("0.7")
"""Delta of a contract, a put's without its sign."""
MIDDLE = (LOWEST + HIGHEST) / 2


class Kind(StrEnum):
    STOCK = "stock"
    FUND = "leveraged_etf"
    OPTION = "option"


@dataclass(frozen=True)
class Route:
    """The instrument chosen, and why it and none before it: words without their dot."""

    kind: Kind
    symbol: str
    why: str


Look = Callable[[Facts, Idea], "Route | str"]
"""An instrument for the idea, or why there is none of this kind."""


def route(facts: Facts, idea: Idea) -> Route:
    """By the policy's `signal_instruments`: the first that can be had, at last the stock itself."""
    missed: list[str] = []
    for look in LOOKS[facts.policy.signal_instruments]:
        found = look(facts, idea)
        if isinstance(found, Route):
            return Route(found.kind, found.symbol, "; ".join((*missed, found.why)))
        missed.append(found)
    return Route(Kind.STOCK, idea.ticker, "; ".join((*missed, f"{idea.ticker} itself")))


def funds_of(
    ideas: Iterable[Idea], instruments: Mapping[str, Instrument], policy: Policy
) -> frozenset[str]:
    """The funds that ideas may be carried out in: their quotes must be there."""
    if _fund not in LOOKS[policy.signal_instruments]:
        return frozenset()
    pairs = (pair_of(instruments[i.ticker]) for i in ideas if i.ticker in instruments)
    return frozenset(symbol for pair in pairs if pair for symbol in (pair.bull, pair.bear))


def pair_of(instrument: Instrument) -> Fund | None:
    """The pair that follows its industry, else its sector. What is leveraged itself has none."""
    if instrument.leverage_factor != 1:
        return None
    return FUNDS.get(instrument.industry) or FUNDS.get(instrument.sector)


def _fund(facts: Facts, idea: Idea) -> Route | str:
    known = facts.instruments.get(idea.ticker)
    pair = None if known is None else pair_of(known)
    if known is None or pair is None:
        return f"no leveraged fund follows {idea.ticker}"
    long = idea.direction is Direction.LONG
    symbol, twin = (pair.bull, pair.bear) if long else (pair.bear, pair.bull)
    if obstacle := _obstacle(facts, symbol, twin, pair.factor if long else -pair.factor):
        return obstacle
    followed = known.industry if known.industry in FUNDS else known.sector
    against = "" if long else "against "
    return Route(Kind.FUND, symbol, f"{symbol} goes {pair.factor}x {against}{followed}")


def _obstacle(facts: Facts, symbol: str, twin: str, factor: int) -> str:
    """Why the fund can't be bought now; empty when it can."""
    fund, quote = facts.instruments.get(symbol), facts.quotes.get(symbol)
    if fund is None or not fund.tradable:
        return f"{symbol} can't be traded at the broker"
    if fund.leverage_factor != factor:
        return f"{symbol} is known to go {fund.leverage_factor:f}x, not {factor}x"
    if symbol in facts.restricted:
        return f"{symbol} is restricted: {facts.restricted[symbol]}"
    if facts.shares.get(twin):
        return f"{twin}, the other way round, is held"
    if quote is None or quote.ask is None:
        return f"no quote for {symbol}"
    return ""


def _option(facts: Facts, idea: Idea) -> Route | str:
    listed = facts.contracts.get(idea.ticker)
    if not listed:
        return f"nobody tells the options on {idea.ticker}"
    kind = "call" if idea.direction is Direction.LONG else "put"
    fit = [one for one in listed if one.kind == kind and liquid(facts, one)]
    if not fit:
        return f"none of {len(listed)} options on {idea.ticker} is a liquid {kind}"
    best = min(fit, key=_preference)
    days, delta = (best.expires - facts.today).days, abs(best.delta or MIDDLE)
    words = f"{best.symbol} has {days} days, delta {delta:f}, spread {percent(_spread(best))}"
    return Route(Kind.OPTION, best.symbol, words)


def _sure_option(facts: Facts, idea: Idea) -> Route | str:
    if idea.conviction is None or idea.conviction < SURE:
        return f"conviction is under the {SURE} of an option"
    return _option(facts, idea)


def liquid(facts: Facts, one: Contract) -> bool:
    """Inside every limit; what is not said is outside."""
    if one.open_interest is None or one.delta is None or one.bid is None or one.ask is None:
        return False
    return (
        one.bid <= one.ask
        and _spread(one) <= WIDEST
        and one.open_interest >= FEWEST
        and SOONEST <= (one.expires - facts.today).days <= LATEST
        and LOWEST <= abs(one.delta) <= HIGHEST
    )


def _spread(one: Contract) -> Decimal:
    """As a fraction of the mid, of a contract that is quoted on both sides."""
    assert one.bid is not None
    assert one.ask is not None
    return (one.ask - one.bid) / ((one.ask + one.bid) / 2)


def _preference(one: Contract) -> tuple[Decimal, Decimal, int, str]:
    """Delta nearest the middle, then the tightest spread, then the most open; names break ties."""
    assert one.delta is not None
    return abs(abs(one.delta) - MIDDLE), _spread(one), -(one.open_interest or 0), one.symbol


LOOKS: Mapping[str, tuple[Look, ...]] = {
    "stocks": (),
    "leveraged_etf": (_fund,),
    "options": (_option,),
    "both": (_sure_option, _fund),
}
"""The policy's word → what is looked for before the stock itself, the best first."""
