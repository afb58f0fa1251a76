"""A request for an exception: what blocks, by which figures, who is asked, until when (spec 3)."""

from decimal import Decimal
from enum import StrEnum

from db.model.base import Exact, Noun, Utc, plain


class Trigger(StrEnum):
    """Why somebody is asked."""

    BLOCKED = "blocked"
    MATERIAL_CHANGE = "material_change"


class Outcome(StrEnum):
    OPEN = "open"
    GRANTED = "granted"
    REFUSED = "refused"
    EXPIRED = "expired"
    """The deadline passed without a word."""
    VOID = "void"
    """The plan was changed or ended: what was asked for is not there any more."""


class Violation(Noun):
    """A blocking finding as it is asked for, and how bad it may at most be."""

    check: str
    subject: str
    step: int | None = None
    """Of a check of one order; None where the subject alone says what is meant."""
    message: str
    bounds: dict[str, Exact] = {}
    """Figure → the worst that is covered. Empty: a rule without figures, covered as it reads."""

    @property
    def words(self) -> str:
        """What an approver reads: the finding's own sentence and the figures that are asked for."""
        figures = ", ".join(
            f"{name} {plain(Decimal(worst))}" for name, worst in self.bounds.items()
        )
        return f"{self.check}: {self.message}" + (f" (up to {figures})" if figures else "")


class Escalation(Noun):
    """One request and what became of it. Bound to the plan's content: any edit voids it."""

    escalation_id: str
    plan_id: str
    revision: int
    plan_hash: str
    trigger: Trigger
    violations: tuple[Violation, ...]
    report: str
    """File name of the dry-run report."""
    asked: str
    to: str
    """Who is asked."""
    by: str
    """Who asks."""
    requested_at: Utc
    deadline: Utc
    outcome: Outcome = Outcome.OPEN
    approver: str = ""
    reason: str = ""
    resolved_at: Utc | None = None
    number: int | None = None
    """Of a granted one: the how manieth of its trading day, `of` so many that may be granted."""
    of: int | None = None

    @property
    def words(self) -> str:
        """One line: which exception of the day, for what, by whom and why."""
        covered = ", ".join(
            dict.fromkeys(f"{one.check} ({one.subject})" for one in self.violations)
        )
        return f"Exception {self.number} of {self.of} today: {covered}, by {self.approver}: {self.reason}."
