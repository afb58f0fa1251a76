"""What can be traded, and what is known of it besides its price."""

from decimal import Decimal

from db.model.base import Exact, Noun, Positive

UNCLASSIFIED = "Unclassified"


class Instrument(Noun):
    """One tradable symbol. A symbol without a sector is `Unclassified`, which counts as a sector."""

    symbol: str
    name: str = ""
    sector: str = UNCLASSIFIED
    leverage_factor: Exact = Decimal(1)
    """Exposure per dollar: 3 for a 3x fund, -3 for its bear twin."""
    average_daily_volume: Positive | None = None
    """Shares a day."""
    volume_profile: tuple[Exact, ...] | None = None
    """How the volume of a day lies over the half hours of the regular session, in any unit."""
    tradable: bool = True
    fractionable: bool = False
    shortable: bool = False


class Restriction(Noun):
    """A symbol that may not be bought, why, and until when (ISO date, exclusive), if ever."""

    symbol: str
    reason: str
    expires: str | None = None
