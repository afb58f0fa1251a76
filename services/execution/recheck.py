"""A run looked at again on fresh facts: at approval, at start and before each phase (invariant 21)."""

from decimal import Decimal

from db.model.plan import Finding, Phase, Severity, Step
from db.model.run import PlanRun
from services.execution.decide import needs_order
from services.risk.facts import Facts
from services.risk.run import recheck


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
    """Every check on what is still to be sent, on fresh facts (invariant 21)."""
    left = {s.n: s.qty - run.filled_qty(s.n) for s in run.plan.steps if needs_order(run, s)}
    return recheck(run.plan, facts, list(left), left)


def refusal(run: PlanRun, facts: Facts, phase: Phase) -> str | None:
    """Why the phase may not open on these facts: a blocking check or a drifted price."""
    blocks = [f for f in checked_again(run, facts) if f.severity is Severity.BLOCK]
    if blocks:
        return f"checked again before the {phase.value} phase: {blocks[0].message.rstrip('.')}"
    if moved := drifted(run, facts, phase):
        step, drift = moved[0]
        return (
            f"{step.symbol} moved {drift:+.2%} since the plan was shown, more than the "
            f"{facts.policy.drift_tolerance:.2%} that the approval covers"
        )
    return None
