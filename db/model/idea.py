"""One symbol that somebody suggests: an approved report, a recommendation or a signal (spec 2, B-D)."""

from enum import StrEnum

from db.model.base import Exact, Noun, Positive, Utc


class Direction(StrEnum):
    LONG = "long"
    SHORT = "short"


class Idea(Noun):
    """What is suggested, and how sure its author is. None: not said. Weights and distances are
    fractions (0.05), prices in dollars."""

    ticker: str
    direction: Direction = Direction.LONG
    id: str = ""
    source: str = ""
    """Who suggests it: an analyst, a strategy."""
    signal_type: str = ""
    timeframe: str = ""
    at: Utc | None = None
    """When it was made, by its author's clock."""
    conviction: Exact | None = None
    """0 to 100."""
    conviction_tier: str = ""
    """The author's own word for it."""
    sector: str | None = None
    weight: Positive | None = None
    """Of the portfolio, wanted for the whole position."""
    entry_price: Positive | None = None
    stop_loss: Positive | None = None
    """Distance from the entry, a fraction; `stop_price` says it as a price."""
    stop_price: Positive | None = None
    profit_target: Positive | None = None
    target_price: Positive | None = None
    account: str | None = None
    reason: str = ""
