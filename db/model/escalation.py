"""A request for an exception: what blocks, by which figures, who is asked, until when (spec 3)."""

from enum import StrEnum

from db.model.base import Exact, Noun, Utc


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
    covered: str = ""
    """The same in words: `after ≤ 0.161`."""


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
    day: str | None = None
    """Of a granted one: the exchange's date, on which alone it holds."""
    number: int | None = None
    """Of a granted one: the how manieth of its trading day, `of` so many that may be granted."""
    of: int | None = None

    @property
    def story(self) -> str:
        """One line: asked of whom, and what became of it."""
        by = f" by {self.approver}: {self.reason}" if self.approver else ""
        return f"{self.by} asked {self.to}: {self.asked} {self.outcome.value.capitalize()}{by}."

    @property
    def words(self) -> str:
        """One line: which exception of the day, for what, by whom and why."""
        covered = ", ".join(
            dict.fromkeys(f"{one.check} ({one.subject})" for one in self.violations)
        )
        return f"Exception {self.number} of {self.of} today: {covered}, by {self.approver}: {self.reason}."
