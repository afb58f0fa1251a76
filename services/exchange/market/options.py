"""Option contracts and what they are worth, from the underlying's price and the time alone.

Which contracts exist: the next four Fridays and the third Fridays of three more months (the
session before where a Friday has none), each with 21 strikes around the listing's own price,
calls and puts. American style by name, priced as European (Black and Scholes 1973, no
dividends), so call minus put is spot minus discounted strike.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from math import erf, exp, log, pi, sqrt
from uuid import NAMESPACE_URL, uuid5

from services.exchange.book import Listing
from services.exchange.market.draws import WORD, words
from services.exchange.sessions import CLOSE, NEW_YORK, session_of

OCC = re.compile(r"([A-Z][A-Z0-9.]{0,5})(\d{6})([CP])(\d{8})")
SIZE = 100  # shares a contract
WEEKS, MONTHS, EACH_WAY = 4, 3, 10
# Strikes lie this far apart for a price below.
STRIKE_STEPS = ((25, Decimal("0.5")), (100, Decimal(1)), (250, Decimal("2.5")), (1000, Decimal(5)))
DEAR_STEP = Decimal(10)
STRIKE_UNIT = Decimal("0.001")
RATE = 0.04  # a year, continuously
YEAR = 365 * 86_400  # seconds
LEAST_TIME = 60 / YEAR
CALMEST, TEMPER, SKEW, SMILE = 0.18, 0.35, -0.10, 0.35  # of implied volatility
DAY = timedelta(days=1)
FRIDAY = 4


@dataclass(frozen=True)
class Contract:
    """`right` is "C" or "P"."""

    underlying: str
    expires: date
    right: str
    strike: Decimal

    @classmethod
    def parsed(cls, occ: str) -> "Contract":
        """Of an OCC symbol; ValueError when it is none."""
        found = OCC.fullmatch(occ)
        if found is None:
            raise ValueError(f"{occ} is no option symbol")
        expires = datetime.strptime(found[2], "%y%m%d").replace(tzinfo=UTC).date()
        return cls(found[1], expires, found[3], int(found[4]) * STRIKE_UNIT)

    @property
    def symbol(self) -> str:
        strike = int(self.strike / STRIKE_UNIT)
        return f"{self.underlying}{self.expires:%y%m%d}{self.right}{strike:08d}"

    @property
    def id(self) -> str:
        return str(uuid5(NAMESPACE_URL, f"simulated exchange contract {self.symbol}"))

    @property
    def is_call(self) -> bool:
        return self.right == "C"

    @property
    def name(self) -> str:
        kind = "Call" if self.is_call else "Put"
        return f"{self.underlying} {self.expires:%b %d %Y} {self.strike.normalize():f} {kind}"

    def intrinsic(self, spot: Decimal) -> Decimal:
        """Dollars a share that exercising it would give."""
        return max(spot - self.strike if self.is_call else self.strike - spot, Decimal(0))

    @property
    def closes(self) -> datetime:
        """When it stops to be worth anything but its intrinsic value."""
        session = session_of(self.expires)
        if session is not None:
            return session.closes
        return datetime.combine(self.expires, CLOSE, NEW_YORK).astimezone(UTC)


@dataclass(frozen=True)
class Value:
    """A contract's model price in dollars a share, and its greeks in market units: theta a day,
    vega and rho a percentage point."""

    price: float
    volatility: float
    delta: float
    gamma: float
    theta: float
    vega: float
    rho: float


def contracts_of(underlying: Listing, now: datetime) -> tuple[Contract, ...]:
    """All that can be traded now, by expiry, right and strike; none without options."""
    if not underlying.has_options:
        return ()
    today = now.astimezone(NEW_YORK).date()
    days = expiries(today)
    if days and Contract(underlying.symbol, days[0], "C", DEAR_STEP).closes <= now:
        days = days[1:]
    return tuple(
        Contract(underlying.symbol, day, right, strike)
        for day in days
        for right in "CP"
        for strike in strikes_around(underlying.price)
    )


@lru_cache(maxsize=64)
def expiries(today: date) -> tuple[date, ...]:
    """The weekly ones, then the monthly ones after them; today's too."""
    weekly = tuple(islice(_fridays(today), WEEKS))
    third = (day for day in _fridays(weekly[-1] + DAY) if _is_third(day))
    return tuple(_session_up_to(day) for day in (*weekly, *islice(third, MONTHS)))


def strikes_around(price: Decimal) -> tuple[Decimal, ...]:
    step = next((step for below, step in STRIKE_STEPS if price < below), DEAR_STEP)
    middle = (price / step).to_integral_value() * step
    strikes = (middle + step * n for n in range(-EACH_WAY, EACH_WAY + 1))
    return tuple(strike for strike in strikes if strike > 0)


def value(contract: Contract, spot: float, now: datetime) -> Value:
    """Black and Scholes, with a volatility that is the underlying's own, smiling with the
    distance of the strike; the same for call and put."""
    left = max((contract.closes - now).total_seconds() / YEAR, LEAST_TIME)
    strike = float(contract.strike)
    sigma = volatility(contract.underlying, log(strike / spot), left)
    root = sigma * sqrt(left)
    d1 = (log(spot / strike) + (RATE + sigma * sigma / 2) * left) / root
    d2 = d1 - root
    owed, sign = strike * exp(-RATE * left), 1 if contract.is_call else -1
    density = exp(-d1 * d1 / 2) / sqrt(2 * pi)
    near, far = _normal(sign * d1), _normal(sign * d2)
    decay = -spot * density * sigma / (2 * sqrt(left)) - sign * RATE * owed * far
    return Value(
        price=max(sign * (spot * near - owed * far), 0.0),
        volatility=sigma,
        delta=sign * near,
        gamma=density / (spot * root),
        theta=decay / 365,
        vega=spot * density * sqrt(left) / 100,
        rho=sign * owed * left * far / 100,
    )


def volatility(underlying: str, distance: float, left: float) -> float:
    """Implied, a year; `distance` is the logarithm of strike over spot."""
    base = CALMEST + TEMPER * words("implied", underlying)[0] / WORD
    apart = max(min(distance / (base * sqrt(left + 0.05)), 3.0), -3.0)
    return float(base * (1 + SKEW * apart / 2 + SMILE * apart * apart / 10))


def _normal(x: float) -> float:
    return (1 + erf(x / sqrt(2))) / 2


def _fridays(day: date) -> Iterator[date]:
    day += DAY * ((FRIDAY - day.weekday()) % 7)
    while True:
        yield day
        day += 7 * DAY


def _is_third(friday: date) -> bool:
    return 15 <= friday.day <= 21


def _session_up_to(day: date) -> date:
    while session_of(day) is None:
        day -= DAY
    return day
