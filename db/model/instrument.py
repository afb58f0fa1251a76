"""What can be traded, and what is known of it besides its price."""

from datetime import date
from decimal import Decimal
from typing import Literal

from db.model.base import Exact, Noun, Positive

UNCLASSIFIED = "Unclassified"


class Instrument(Noun):
    """One tradable symbol. A symbol without a sector is `Unclassified`, which counts as a sector."""

    symbol: str
    name: str = ""
    sector: str = UNCLASSIFIED
    industry: str = ""
    """Narrower than the sector, or the index it follows, where that decides which leveraged fund moves
    with it: Semiconductors, Nasdaq-100."""
    leverage_factor: Exact = Decimal(1)
    """Exposure per dollar: 3 for a 3x fund, -3 for its bear twin."""
    average_daily_volume: Positive | None = None
    """Shares a day."""
    volume_profile: tuple[Exact, ...] | None = None
    """How the volume of a day lies over the half hours of the regular session, in any unit."""
    tradable: bool = True
    fractionable: bool = False
    shortable: bool = False


class Contract(Noun):
    """An option on 100 shares, as it is quoted. None: not said."""

    symbol: str
    underlying: str
    kind: Literal["call", "put"]
    strike: Positive
    expires: date
    bid: Positive | None = None
    ask: Positive | None = None
    open_interest: int | None = None
    delta: Exact | None = None
    """Of the contract's price per dollar of the stock's; negative for a put."""


class Restriction(Noun):
    """A symbol that may not be bought, why, and until when (ISO date, exclusive), if ever."""

    symbol: str
    reason: str
    expires: str | None = None
