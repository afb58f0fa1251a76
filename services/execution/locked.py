"""While our book and the broker's differ on a symbol its steps wait, and the others go on (spec 6).
Pure."""

from collections.abc import Collection
from datetime import datetime

from db.model.order import OrderState
from db.model.run import ChildOrder, PlanRun
from services.execution.decide import Action, Advance, Finish, Wait, decide, needs_order
from services.execution.time_limit import Limits


def decide_around(run: PlanRun, now: datetime, limits: Limits, locked: Collection[str]) -> Action:
    """The next action for `run`, without the steps that wait for their symbol. What they are part
    of is not over before them: no phase ends, and so no buy opens, without a sell that waits."""
    waiting = {step.n for step in run.plan.steps if step.symbol in locked and _to_send(run, step.n)}
    if not waiting:
        return decide(run, now, limits)
    steps = tuple(step for step in run.plan.steps if step.n not in waiting)
    orders = tuple(o for o in run.orders if not (o.step in waiting and _unsent(o)))
    plan = run.plan.model_copy(update={"steps": steps})
    action = decide(run.model_copy(update={"plan": plan, "orders": orders}), now, limits)
    if isinstance(action, Advance | Finish):
        names = ", ".join(sorted({run.plan.step(n).symbol for n in waiting}))
        return Wait(f"our book and the broker differ on {names}: settle it on the Reconcile screen")
    return action


def _to_send(run: PlanRun, n: int) -> bool:
    return any(map(_unsent, run.orders_of(n))) or needs_order(run, run.plan.step(n))


def _unsent(order: ChildOrder) -> bool:
    return order.state is OrderState.INTENT
