"""What a plan came to against what it promised, on the broker's fresh state (spec 5, Confirming and
comparing). Pure."""

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from db.model.plan import Standing, Step
from db.model.policy import Policy
from db.model.post_trade import Judgement, PostTrade, StepDelta
from db.model.run import PlanRun
from services.risk.breaches import breaches
from services.risk.case import case_of
from services.risk.facts import ZERO, Facts

_PART = Decimal("0.0001")


def post_trade(run: PlanRun, facts: Facts, at: datetime) -> PostTrade:
    """Deltas of each step, and every limit that does not hold now."""
    case = case_of(facts, ())
    deltas = tuple(_delta(run, step, case.after, facts) for step in run.plan.steps)
    return PostTrade(
        plan_id=run.plan.plan_id,
        at=at,
        judgement=max((d.judgement for d in deltas), key=_RANK.index, default=Judgement.ACCEPTABLE),
        deltas=deltas,
        breaches=breaches(case, run.plan.before),
    )


_RANK = tuple(Judgement)


def _delta(run: PlanRun, step: Step, now: Standing, facts: Facts) -> StepDelta:
    filled, price = run.filled_qty(step.n), run.filled_avg_price(step.n)
    moved = _share(price - step.expected_price, step.expected_price) if price else None
    traded = filled * price if price else (ZERO if not filled else None)
    cost = None if traded is None else _share(traded - step.expected_value, step.expected_value)
    weight = None
    if not facts.unpriced and now.equity > 0:
        weight = now.weight_of(step.symbol) - run.plan.after.weight_of(step.symbol)
        weight = weight.quantize(_PART, ROUND_HALF_EVEN)
    return StepDelta(
        n=step.n,
        symbol=step.symbol,
        side=step.side,
        planned_qty=step.qty,
        filled_qty=filled,
        price=price,
        price_delta=moved,
        cost_delta=cost,
        weight_delta=weight,
        judgement=judged(facts.policy, moved, cost, weight),
    )


def judged(policy: Policy, *deltas: Decimal | None) -> Judgement:
    """By the largest of those that are known."""
    most = max((abs(delta) for delta in deltas if delta is not None), default=ZERO)
    if most > policy.delta_escalate:
        return Judgement.ESCALATE
    return Judgement.INVESTIGATE if most >= policy.delta_investigate else Judgement.ACCEPTABLE


def _share(part: Decimal, whole: Decimal) -> Decimal | None:
    return (part / whole).quantize(_PART, ROUND_HALF_EVEN) if whole else None
