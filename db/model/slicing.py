"""A large order in pieces over time: what was asked for, and the pieces it came to (spec 5)."""

from decimal import Decimal
from enum import StrEnum

from pydantic import Field, model_validator

from db.model.base import Exact, Noun, Positive, Utc, plain


class AlgorithmName(StrEnum):
    TWAP = "twap"
    """Even over time."""
    VWAP = "vwap"
    """As the market's volume usually lies over the session."""
    POV = "pov"
    """A share of the volume expected, and never more: what the volume does not allow stays."""
    IS = "is"
    """Implementation shortfall: the more urgent, the more of it early."""


class Algorithm(Noun):
    """How a step is sliced. Without minutes or end it takes what is left of the session."""

    name: AlgorithmName
    minutes: Positive | None = None
    start_at: Utc | None = None
    """Market time; None: when the step's turn comes."""
    end_at: Utc | None = None
    """Market time."""
    participation: Positive | None = Field(default=None, le=1)
    """POV: the most of the market's volume, as a fraction."""
    urgency: Exact | None = Field(default=None, ge=0, le=1)
    """IS: 0 is even over time, 1 sends most at once."""
    min_clip: Exact = Field(default=Decimal(1), ge=1)
    """No child is smaller, but for a step that is smaller itself."""
    interval_seconds: int = Field(default=60, ge=1)
    """Between two children, before each is moved by up to a fifth of it."""
    limit_price: Positive | None = None
    """No child pays more, or sells for less."""

    @property
    def words(self) -> str:
        """`pov 10% over 60 min`."""
        parts = [self.name.value]
        if self.participation is not None:
            parts.append(f"{plain(self.participation * 100)}%")
        if self.urgency is not None:
            parts.append(f"urgency {plain(self.urgency)}")
        if self.minutes is not None:
            parts.append(f"over {plain(self.minutes)} min")
        if self.start_at is not None:
            parts.append(f"from {self.start_at:%H:%M} UTC")
        if self.end_at is not None:
            parts.append(f"until {self.end_at:%H:%M} UTC")
        if self.limit_price is not None:
            parts.append(f"limit {plain(self.limit_price)}")
        return " ".join(parts)

    @model_validator(mode="after")
    def _parameters_fit(self) -> "Algorithm":
        if (self.participation is not None) is not (self.name is AlgorithmName.POV):
            raise ValueError("participation belongs to pov, and pov needs it")
        if self.urgency is not None and self.name is not AlgorithmName.IS:
            raise ValueError("urgency belongs to is (implementation shortfall)")
        if self.minutes is not None and self.end_at is not None:
            raise ValueError("give minutes or end_at, not both")
        if self.start_at and self.end_at and self.end_at <= self.start_at:
            raise ValueError("end_at must lie after start_at")
        return self


class Clip(Noun):
    """One piece: `n` is the child's number in the client order id, `at` by the desk's clock."""

    n: int
    at: Utc
    qty: Positive


class Slice(Noun):
    """The pieces of a step, fixed when its turn came, so that a restart goes on with the same."""

    starts_at: Utc
    ends_at: Utc
    """Nothing of it works after this, by the desk's clock."""
    clips: tuple[Clip, ...]
    note: str = ""
    """Why it is not for the whole step."""

    @property
    def qty(self) -> Decimal:
        return sum((clip.qty for clip in self.clips), Decimal(0))
