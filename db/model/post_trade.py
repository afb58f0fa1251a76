"""A plan that has ended against what it promised, and against the policy (spec 5, Confirming and
comparing)."""

from enum import StrEnum

from db.model.base import Exact, Noun, Utc
from db.model.order import Side


class Judgement(StrEnum):
    """By the largest of the deltas: under 2% acceptable, over 10% escalated (policy)."""

    ACCEPTABLE = "acceptable"
    INVESTIGATE = "investigate"
    ESCALATE = "escalate"


class StepDelta(Noun):
    """One step, actual against projected. Fractions, signed; None: not known."""

    n: int
    symbol: str
    side: Side
    planned_qty: Exact
    filled_qty: Exact
    price: Exact | None
    price_delta: Exact | None
    """Of the projected price."""
    cost_delta: Exact | None
    """Dollars traded against the projected dollars, of those."""
    weight_delta: Exact | None
    """Weight of the symbol against the projected weight, in fractions of equity."""
    judgement: Judgement


class BreachSeverity(StrEnum):
    MINOR = "minor"
    """Written down."""
    MAJOR = "major"
    """A trim plan is offered."""
    CRITICAL = "critical"
    """A rollback plan is offered."""


class Breach(Noun):
    """A limit of the policy that does not hold."""

    check: str
    subject: str
    value: Exact
    limit: Exact
    over: Exact
    """How far beyond the limit, as a fraction of equity."""
    inherited: bool = False
    """It was so before the plan, and the plan made it no worse."""
    severity: BreachSeverity
    message: str


class PostTrade(Noun):
    plan_id: str
    at: Utc
    judgement: Judgement
    deltas: tuple[StepDelta, ...]
    breaches: tuple[Breach, ...]

    @property
    def offer(self) -> str | None:
        """What would restore the limits: `trim` or `rollback`; None while nothing asks for it."""
        found = {breach.severity for breach in self.breaches}
        if BreachSeverity.CRITICAL in found:
            return "rollback"
        return "trim" if BreachSeverity.MAJOR in found else None
