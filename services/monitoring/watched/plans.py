"""Plans that wait for an answer, or that ended otherwise than promised. Pure."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from db.model.escalation import Outcome
from db.model.post_trade import BreachSeverity, Judgement
from services.monitoring.situation import Situation
from services.monitoring.watched.observation import Observation, percent

DIVERGED_FOR = timedelta(days=1)
DEADLINE_NEAR = timedelta(minutes=5)


def escalated(outcome: Outcome) -> Callable[[Situation], Iterator[Observation]]:
    """Requests for an exception whose deadline is near, or has passed without an answer."""

    def watch(now: Situation) -> Iterator[Observation]:
        for asked in now.escalations:
            if asked.outcome is not outcome:
                continue
            left = asked.deadline - now.at
            values = {
                "plan": asked.plan_id,
                "to": asked.to,
                "at": f"{asked.deadline:%H:%M:%S}",
            }
            on = outcome is Outcome.EXPIRED or left <= DEADLINE_NEAR
            yield Observation(asked.escalation_id, on=on, over=False, values=values)

    return watch


def diverged(now: Situation) -> Iterator[Observation]:
    """For a day: plans that ended far from what they promised."""
    for found in now.post_trades:
        off = [d for d in found.deltas if d.judgement is Judgement.ESCALATE]
        if off and now.at - found.at < DIVERGED_FOR:
            values = {
                "plan": found.plan_id,
                "symbols": ", ".join(dict.fromkeys(d.symbol for d in off)),
                "limit": percent(now.policy.delta_escalate),
            }
            yield Observation(found.plan_id, on=True, over=False, values=values)


def missed(severity: BreachSeverity) -> Callable[[Situation], Iterator[Observation]]:
    """Limits that did not hold after the plan that ended last."""

    def watch(now: Situation) -> Iterator[Observation]:
        for found in now.post_trades[-1:]:
            for breach in found.breaches:
                if breach.severity is severity:
                    values = {"plan": found.plan_id, "explanation": breach.message}
                    subject = f"{breach.check}/{breach.subject}"
                    yield Observation(subject, on=True, over=False, values=values)

    return watch
