"""A run looked at again on fresh facts: at approval, at start and before each phase (invariant 21)."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from db.model.escalation import Escalation
from db.model.plan import Finding, Phase, Severity, Step
from db.model.run import PlanRun
from services.execution.decide import needs_order
from services.risk.case import Case
from services.risk.exceptions import blocks_of, excepted
from services.risk.facts import Facts
from services.risk.freshness import Rung, age_minutes, change_findings, rung
from services.risk.run import recheck, still_to_send


def drifted(run: PlanRun, facts: Facts, phase: Phase) -> tuple[tuple[Step, Decimal], ...]:
    """Steps of the phase still to send whose price has left the tolerance, with their drift."""
    tolerance = facts.policy.drift_tolerance
    found = []
    for step in run.plan.phase_steps(phase):
        quote = facts.quotes.get(step.symbol)
        if not needs_order(run, step) or quote is None or quote.mid is None:
            continue
        drift = quote.mid / step.reference_price - 1
        if abs(drift) > tolerance:
            found.append((step, drift))
    return tuple(found)


def checked_again(run: PlanRun, facts: Facts) -> tuple[Finding, ...]:
    """Every check on what is still to be sent, on fresh facts (invariant 21), and these against the
    snapshot that the plan was made on. What an exception covers warns instead of blocking."""
    left = {s.n: s.qty - run.filled_qty(s.n) for s in run.plan.steps if needs_order(run, s)}
    case = still_to_send(run.plan, facts, left)
    found = (*recheck(run.plan, case), *_changed(run, case))
    return excepted(found, in_force(run, facts))


def in_force(run: PlanRun, facts: Facts) -> tuple[Escalation, ...]:
    """Exceptions of the plan as it is, of this trading day: the next one counts its own."""
    return tuple(one for one in run.exceptions if one.day == facts.today.isoformat())


def _changed(run: PlanRun, case: Case) -> Iterator[Finding]:
    done = [
        step.model_copy(update={"qty": qty, "expected_price": run.filled_avg_price(step.n)})
        for step in run.plan.steps
        if (qty := run.filled_qty(step.n)) and run.filled_avg_price(step.n) is not None
    ]
    return change_findings(run.plan.before, case, done)


def changed(findings: Iterable[Finding]) -> bool:
    """Whether the portfolio is another one than the plan was made on: at a phase's start perhaps only
    for as long as the broker's positions lag behind the last fill."""
    return any(f.severity is Severity.BLOCK and f.check in CHANGES for f in findings)


CHANGES = ("portfolio_change", "cap_breached")


def refusal(
    run: PlanRun, facts: Facts, phase: Phase, findings: Sequence[Finding] | None = None
) -> str | None:
    """Why the phase may not open on these facts: a blocking check, a portfolio that is stale and that
    nobody took as it is, or a drifted price."""
    blocks = blocks_of(checked_again(run, facts) if findings is None else findings)
    if blocks:
        return f"checked again before the {phase.value} phase: {blocks[0].message.rstrip('.')}"
    taken = run.approval is not None and run.approval.acknowledged
    if rung(age_minutes(facts), facts.policy) is Rung.STALE and not taken:
        return f"the portfolio is {age_minutes(facts):.0f} min old before the {phase.value} phase"
    if moved := drifted(run, facts, phase):
        step, drift = moved[0]
        return (
            f"{step.symbol} moved {drift:+.2%} since the plan was shown, more than the "
            f"{facts.policy.drift_tolerance:.2%} that the approval covers"
        )
    return None
