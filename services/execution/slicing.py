"""Which child a sliced step sends next (spec 5, Sliced orders). Pure.

One child works at a time. At the next one's moment what is left of it is cancelled, the cancel
proven, and the rest spread over the children to come: nothing is lost, nothing sent twice."""

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

from db.model.base import Environment, plain
from db.model.order import OrderState, OrderType, Side
from db.model.plan import Step
from db.model.run import ChildOrder, PlanRun
from db.model.slicing import AlgorithmName, Clip
from services.planning.guidance import marketable_limit
from services.risk.estimate import down, up
from services.risk.facts import Facts


def unscheduled(run: PlanRun, steps: Iterable[Step]) -> tuple[Step, ...]:
    """Steps to be sliced whose turn has come and whose pieces are not fixed yet. By hand there are
    none: each order is a ticket."""
    if run.plan.environment == Environment.MANUAL:
        return ()
    return tuple(s for s in steps if s.algorithm is not None and s.n not in run.slices)


def next_clip(run: PlanRun, step: Step, now: datetime) -> Clip | None:
    """The piece that is sent next, now or at its time; None: none is left to send. Of several
    that were missed the last one counts."""
    slice_ = run.slices.get(step.n)
    if slice_ is None or now >= slice_.ends_at:
        return None
    last = run.last_order(step.n)
    again = last is not None and last.resend and last.state is not OrderState.FILLED
    gone = 0 if last is None else last.child - again
    open_clips = [clip for clip in slice_.clips if clip.n > gone]
    due = [clip for clip in open_clips if clip.at <= now]
    return due[-1] if due else next(iter(open_clips), None)


def over(run: PlanRun, steps: Iterable[Step], now: datetime) -> tuple[Step, str] | None:
    """A sliced step that still has a rest and no piece to send it with, and the words for it."""
    for step in steps:
        slice_ = run.slices.get(step.n)
        if slice_ is None or next_clip(run, step, now) is not None:
            continue
        why = slice_.note or "its time is over"
        filled = f"{plain(run.filled_qty(step.n))} of {plain(step.qty)} filled"
        return step, f"the sliced {step.side.value} of {step.symbol} ends: {why}, {filled}"
    return None


def child_of(run: PlanRun, step: Step, now: datetime) -> tuple[int, Decimal] | None:
    """Number and quantity of the child that goes at `now`. As planned while all went as planned;
    else its part of what is left. POV catches nothing up: the volume is gone."""
    clip = next_clip(run, step, now)
    if clip is None or step.algorithm is None:
        return None
    clips = run.slices[step.n].clips
    planned = sum((c.qty for c in clips if c.n >= clip.n), Decimal(0))
    left = step.qty - run.filled_qty(step.n)
    if step.algorithm.name is AlgorithmName.POV:
        return clip.n, min(clip.qty, left)
    if clip.n == clips[-1].n or left <= 0:
        return clip.n, left
    part = (left * clip.qty / planned).to_integral_value(ROUND_FLOOR)
    least = step.algorithm.min_clip
    part = max(part, min(least, left))
    return clip.n, left if left - part < least else part


def works_until(run: PlanRun, order: ChildOrder) -> datetime | None:
    """When what is left of a sliced step's child is taken back; None: it is no such child."""
    slice_ = run.slices.get(order.step)
    if slice_ is None:
        return None
    return min((c.at for c in slice_.clips if c.n > order.child), default=slice_.ends_at)


def worst_limit(run: PlanRun, step: Step) -> Decimal | None:
    """The tighter of the step's limit and the algorithm's."""
    own = None if step.algorithm is None else step.algorithm.limit_price
    limits = [limit for limit in (run.limit_price(step), own) if limit is not None]
    tightest = min if step.side is Side.BUY else max
    return tightest(limits) if limits else None


def priced(order: ChildOrder, step: Step, facts: Facts) -> ChildOrder:
    """The child at today's touch within the policy's band, never beyond its own worst limit.
    Without a fresh quote the plan's price stands in for the touch."""
    band = facts.policy.limit_band
    touch = marketable_limit(facts, step.symbol, step.side) if facts.fresh(step.symbol) else None
    buys = step.side is Side.BUY
    if touch is None:
        edge = step.reference_price * (1 + band if buys else 1 - band)
        touch = down(edge) if buys else up(edge)
    worst = order.limit_price
    limit = touch if worst is None else min(touch, worst) if buys else max(touch, worst)
    return order.model_copy(update={"type": OrderType.LIMIT, "limit_price": limit})
