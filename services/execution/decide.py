"""What to do next for a plan: a pure function of its run and the time.

The engine performs the action and asks again. After a crash it asks again from the folded journal,
so there is no second path for recovery."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from db.model.order import OrderState
from db.model.plan import Phase, Step
from db.model.run import ChildOrder, Mode, PlanRun, PlanState
from services.execution.ids import client_order_id

MOST_ATTEMPTS = 3
FIRST_RETRY_WAIT = timedelta(seconds=1)
CANCEL_AGAIN = timedelta(seconds=5)
"""A cancel is a request: unanswered, it is made again."""


@dataclass(frozen=True)
class Limits:
    """Waits of the policy (spec 5, Phases)."""

    phase_wait: timedelta
    order_time_limit: timedelta


@dataclass(frozen=True)
class Wait:
    """Nothing to do until something is reported, the trader acts, or `until`."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True)
class Send:
    """Intents on disk that no request was made for yet."""

    orders: tuple[ChildOrder, ...]


@dataclass(frozen=True)
class Intend:
    """Write these intents; they are sent side by side."""

    orders: tuple[ChildOrder, ...]


@dataclass(frozen=True)
class OpenBuys:
    """Every sell is terminal: look whether the cash is there, then open the buy phase."""

    first: Step


@dataclass(frozen=True)
class Buy:
    """Take this buy through the gate, then intend and send it. One at a time."""

    step: Step
    order: ChildOrder


@dataclass(frozen=True)
class Cancel:
    """Auto mode: these took too long."""

    orders: tuple[ChildOrder, ...]


@dataclass(frozen=True)
class Pause:
    reason: str


@dataclass(frozen=True)
class Advance:
    to: PlanState


@dataclass(frozen=True)
class Finish:
    state: PlanState
    reason: str


Action = Wait | Send | Intend | OpenBuys | Buy | Cancel | Pause | Advance | Finish


def decide(run: PlanRun, now: datetime, limits: Limits) -> Action:
    """The next action for `run`. Only working states that nothing interrupts act at all."""
    if run.state not in (
        PlanState.SELLING,
        PlanState.SETTLING,
        PlanState.BUYING,
        PlanState.PROTECTING,
    ):
        return Wait(f"the plan is {run.state.value}")
    if run.unknown_orders:
        names = ", ".join(order.client_order_id for order in run.unknown_orders)
        return Wait(f"looking up what became of {names}")
    if intents := tuple(o for o in run.orders if o.state is OrderState.INTENT):
        return Send(intents)
    if run.state is PlanState.SELLING:
        return _selling(run, now, limits)
    if run.state is PlanState.SETTLING:
        return _settling(run)
    if run.state is PlanState.BUYING:
        return _buying(run, now, limits)
    return _finish(run)


def _selling(run: PlanRun, now: datetime, limits: Limits) -> Action:
    pending = [step for step in run.plan.phase_steps(Phase.SELL) if needs_order(run, step)]
    if stuck := [step for step in pending if tried_enough(run, step)]:
        return _stuck(run, stuck[0])
    confirmed = [step for step in pending if is_confirmed(run, step)]
    ready = [next_child(run, step) for step in confirmed if retry_at(run, step) <= now]
    if ready:
        return Intend(tuple(ready))
    if working := _working(run, Phase.SELL):
        return _still_open(run, working, now, limits)
    if confirmed:
        return Wait("a refused sell is tried again", min(retry_at(run, s) for s in confirmed))
    if pending:
        return Wait(f"step {pending[0].n} waits for you")
    return Advance(PlanState.SETTLING)


def _settling(run: PlanRun) -> Action:
    pending = [step for step in run.plan.phase_steps(Phase.BUY) if needs_order(run, step)]
    if not pending:
        return Advance(PlanState.PROTECTING)
    if not is_confirmed(run, pending[0]):
        return Wait(f"the buy phase waits for you at step {pending[0].n}")
    return OpenBuys(pending[0])


def _buying(run: PlanRun, now: datetime, limits: Limits) -> Action:
    if working := _working(run, Phase.BUY):
        return _still_open(run, working, now, limits)
    for step in run.plan.phase_steps(Phase.BUY):
        if not needs_order(run, step):
            continue
        if not is_confirmed(run, step):
            return Wait(f"step {step.n} waits for you")
        if tried_enough(run, step):
            return _stuck(run, step)
        if (again := retry_at(run, step)) > now:
            return Wait("a refused buy is tried again", again)
        return Buy(step, next_child(run, step))
    return Advance(PlanState.PROTECTING)


def _finish(run: PlanRun) -> Action:
    short = [step for step in run.plan.steps if run.filled_qty(step.n) < step.qty]
    if not short:
        return Finish(PlanState.DONE, "every step filled")
    names = ", ".join(f"{s.symbol} {run.filled_qty(s.n)}/{s.qty}" for s in short)
    return Finish(PlanState.DONE_WITH_EXCEPTIONS, f"not filled in full: {names}")


def _still_open(
    run: PlanRun, working: tuple[ChildOrder, ...], now: datetime, limits: Limits
) -> Action:
    """Wait for working orders; past the time limit, cancel (auto) or ask."""
    since = max((o.sent_at or o.intended_at or now for o in working), default=now)
    if run.phase_opened_at is not None:
        since = max(since, run.phase_opened_at)  # continuing a paused plan grants a new wait
    deadline = since + min(limits.phase_wait, limits.order_time_limit)
    if now < deadline:
        return Wait("orders are working", deadline)
    if run.mode is Mode.AUTO:
        asked = [o.cancel_requested_at for o in working if o.cancel_requested_at]
        due = tuple(
            o
            for o in working
            if o.order_id is not None
            and (o.cancel_requested_at is None or now - o.cancel_requested_at >= CANCEL_AGAIN)
        )
        again = min(asked, default=now) + CANCEL_AGAIN
        return Cancel(due) if due else Wait("cancels are on their way", again)
    names = ", ".join(f"{o.side.value} {o.symbol}" for o in working)
    waited = int(limits.phase_wait.total_seconds())
    return Pause(f"still open after {waited} s: {names}. Continue to wait, cancel them, or abort.")


def _working(run: PlanRun, phase: Phase) -> tuple[ChildOrder, ...]:
    steps = {step.n for step in run.plan.phase_steps(phase)}
    return tuple(o for o in run.orders if o.step in steps and o.state.working)


def needs_order(run: PlanRun, step: Step) -> bool:
    """Whether something of the step is still to be sent: nothing was yet, or its last order
    provably left a remainder that may be sent again."""
    if step.n in run.given_up:
        return False
    if any(not order.state.terminal for order in run.orders_of(step.n)):
        return False
    return not run.step_done(step)


def tried_enough(run: PlanRun, step: Step) -> bool:
    """Three attempts in this phase came to nothing: the trader is asked, who may continue."""
    since = run.phase_opened_at
    tries = [
        o for o in run.orders_of(step.n) if o.closed_at and (not since or o.closed_at >= since)
    ]
    return len(tries) >= MOST_ATTEMPTS


def _stuck(run: PlanRun, step: Step) -> Pause:
    last = max(run.orders_of(step.n), key=lambda order: order.attempt)
    words = f"{step.side.value} {step.symbol} could not be sent in {MOST_ATTEMPTS} attempts"
    return Pause(f"{words}: {last.reason.rstrip('.')}. Continue to try again, or abort.")


def retry_at(run: PlanRun, step: Step) -> datetime:
    """When the next attempt may leave: after 1 s, doubling (spec 5, Submitting 4)."""
    since = run.phase_opened_at
    closed = [
        o.closed_at
        for o in run.orders_of(step.n)
        if o.closed_at and (not since or o.closed_at >= since)
    ]
    if not closed:
        return datetime.min.replace(tzinfo=run.plan.created_at.tzinfo)
    waits: int = 2 ** (len(closed) - 1)
    return max(closed) + FIRST_RETRY_WAIT * waits


def is_confirmed(run: PlanRun, step: Step) -> bool:
    """Whether the mode lets this step go without asking."""
    if run.mode is Mode.AUTO:
        return True
    if run.mode is Mode.PHASE:
        return run.confirmed_phase is step.phase
    return step.n in run.confirmed_steps


def next_child(run: PlanRun, step: Step) -> ChildOrder:
    """The order that the step sends next: its whole quantity, or the verified remainder."""
    attempt = max((order.attempt for order in run.orders_of(step.n)), default=0) + 1
    filled: Decimal = run.filled_qty(step.n)
    return ChildOrder(
        client_order_id=client_order_id(run.plan.plan_id, step.n, 1, attempt),
        plan_id=run.plan.plan_id,
        step=step.n,
        attempt=attempt,
        account=step.account,
        symbol=step.symbol,
        side=step.side,
        qty=step.qty - filled,
        type=step.type,
        limit_price=step.limit_price,
        stop_price=step.stop_price,
        time_in_force=step.time_in_force,
    )
