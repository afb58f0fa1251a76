"""What to do next for a plan: a pure function of its run and the time.

The engine performs the action and asks again. After a crash it asks again from the folded journal,
so there is no second path for recovery."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from db.model.order import OrderState, OrderType
from db.model.plan import Phase, Step
from db.model.run import CancelReason, ChildOrder, Mode, PlanRun, PlanState
from services.execution.ids import client_order_id
from services.execution.protection import unsettled
from services.execution.rejections import Treatment, advice, treatment
from services.execution.slicing import child_of, next_clip, over, unscheduled, worst_limit
from services.execution.time_limit import Limits, by_hand, cancel_for, deadline, still_open

DRIVEN = frozenset({PlanState.SELLING, PlanState.SETTLING, PlanState.BUYING, PlanState.PROTECTING})
"""Working, and interrupted by nobody."""
CANCEL_AGAIN = timedelta(seconds=5)
"""A cancel is a request: unanswered, it is made again."""
JITTER = 0.25
"""Share of a wait that is added at most, so that what failed together is not tried together."""


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
class Verify:
    """Before what is left of these is sent again: prove at the broker how they ended."""

    orders: tuple[ChildOrder, ...]


@dataclass(frozen=True)
class ScheduleSlices:
    """The turn of these steps has come to be sent in pieces: fix when, and how much each."""

    steps: tuple[Step, ...]


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
    orders: tuple[ChildOrder, ...]
    reason: CancelReason


@dataclass(frozen=True)
class GiveUp:
    """The broker will never take this step: back to the analyst, and the trader is asked unless
    the plan may go on without it."""

    step: Step
    reason: str
    pause: bool


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


Action = (
    Wait
    | Send
    | Intend
    | Verify
    | ScheduleSlices
    | OpenBuys
    | Buy
    | Cancel
    | GiveUp
    | Pause
    | Advance
    | Finish
)


def decide(run: PlanRun, now: datetime, limits: Limits) -> Action:
    """The next action for `run`. Only working states that nothing interrupts act at all."""
    if run.state not in DRIVEN:
        return Wait(f"the plan is {run.state.value}")
    if run.unknown_orders:
        return _unknown(run)
    if intents := tuple(o for o in run.orders if o.state is OrderState.INTENT):
        return Send(intents)
    if (excess := _excess(run, now)) is not None:
        return excess
    if run.state is PlanState.SELLING:
        return _selling(run, now, limits)
    if run.state is PlanState.SETTLING:
        return _settling(run)
    if run.state is PlanState.BUYING:
        return _buying(run, now, limits)
    if bare := unsettled(run):
        return Wait(f"protection is on its way: {', '.join(step.symbol for step in bare)}")
    return _finish(run)


def _unknown(run: PlanRun) -> Action:
    """Only the broker's word leaves UNKNOWN. Where the trader confirms each order or phase, he
    also says what becomes of one that the broker does not have (invariant 3)."""
    names = ", ".join(order.client_order_id for order in run.unknown_orders)
    if all(order.absent for order in run.unknown_orders) and run.mode is not Mode.AUTO:
        return Pause(
            f"the broker said twice that it has no {names}. Resend it under the same id, or give "
            "it up."
        )
    return Wait(f"looking up what became of {names}")


def _excess(run: PlanRun, now: datetime) -> Action | None:
    """A late fill of an attempt that had closed: what works besides would be too much."""
    for step in run.plan.steps:
        working = [o for o in run.orders_of(step.n) if o.state.working]
        open_qty = sum((o.remaining_qty for o in working), Decimal(0))
        if len(run.orders_of(step.n)) > 1 and run.filled_qty(step.n) + open_qty > step.qty:
            if due := _to_cancel(working, now):
                return Cancel(due, CancelReason.EXCESS)
            return Wait("cancels are on their way", _asked_again(working, now))
    return None


def _selling(run: PlanRun, now: datetime, limits: Limits) -> Action:
    steps = run.plan.phase_steps(Phase.SELL)
    if (refused := _refused(run, steps, limits)) is not None:
        return refused
    pending = [step for step in steps if needs_order(run, step)]
    confirmed = [step for step in pending if is_confirmed(run, step)]
    if (sliced := _sliced(run, confirmed, now)) is not None:
        return sliced
    later = {s.n: at for s in confirmed if (at := ready_at(run, s, now, limits)) and at > now}
    ready = [step for step in confirmed if step.n not in later]
    if unproven := _unproven(run, ready):
        return Verify(unproven)
    if ready:
        return Intend(tuple(next_child(run, step, now) for step in ready))
    if working := _working(run, Phase.SELL):
        return _at_latest(_still_open(run, working, now, limits), later.values())
    if later:
        return Wait("the next sell has its time", min(later.values()))
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
    steps = run.plan.phase_steps(Phase.BUY)
    if (refused := _refused(run, steps, limits)) is not None:
        return refused
    if working := _working(run, Phase.BUY):
        return _still_open(run, working, now, limits)
    for step in steps:
        if not needs_order(run, step):
            continue
        if not is_confirmed(run, step):
            return Wait(f"step {step.n} waits for you")
        if (sliced := _sliced(run, [step], now)) is not None:
            return sliced
        if (again := ready_at(run, step, now, limits)) and again > now:
            return Wait("the next buy has its time", again)
        if unproven := _unproven(run, [step]):
            return Verify(unproven)
        return Buy(step, next_child(run, step, now))
    return Advance(PlanState.PROTECTING)


def _sliced(run: PlanRun, steps: Iterable[Step], now: datetime) -> Action | None:
    """What steps that are sent in pieces need before their next one (spec 5, Sliced orders)."""
    steps = tuple(steps)
    if new := unscheduled(run, steps):
        return ScheduleSlices(new)
    if (ended := over(run, steps, now)) is not None:
        return GiveUp(*ended, pause=False)
    return None


def _at_latest(action: Action, times: Iterable[datetime]) -> Action:
    """The same, but a wait ends when something else has its time."""
    if not isinstance(action, Wait) or action.until is None:
        return action
    return replace(action, until=min((action.until, *times)))


def _finish(run: PlanRun) -> Action:
    short = [step for step in run.plan.steps if run.filled_qty(step.n) < step.qty]
    if not short:
        return Finish(PlanState.DONE, "every step filled")
    names = ", ".join(f"{s.symbol} {run.filled_qty(s.n)}/{s.qty}" for s in short)
    return Finish(PlanState.DONE_WITH_EXCEPTIONS, f"not filled in full: {names}")


def _refused(run: PlanRun, steps: Iterable[Step], limits: Limits) -> Action | None:
    """What a refusal asks for, by its class; None while a step may simply go on."""
    for step in steps:
        last = refusal_of(run, step)
        if last is None:
            continue
        words = f"{step.side.value} {step.symbol} was refused: {last.reason.rstrip('.')}"
        match treatment(last.rejection):
            case Treatment.PERMANENT:
                pause = run.mode is not Mode.AUTO or step.phase is Phase.SELL
                return GiveUp(step, f"{words}; {advice(last.rejection)}", pause)
            case Treatment.RETRY:
                if len(failures(run, step)) >= limits.attempts:
                    tried = f"{step.side.value} {step.symbol} could not be sent in"
                    why = f"{limits.attempts} attempts: {last.reason.rstrip('.')}"
                    return Pause(f"{tried} {why}. Continue to try again, or abort.")
            case _ if not last.past:
                return Pause(f"{words}; {advice(last.rejection)}.")
    return None


def refusal_of(run: PlanRun, step: Step) -> ChildOrder | None:
    """The refused order that a step stands at."""
    last = run.last_order(step.n)
    if last is None or last.state is not OrderState.REJECTED or step.n in run.given_up:
        return None
    return last


def _still_open(
    run: PlanRun, working: tuple[ChildOrder, ...], now: datetime, limits: Limits
) -> Action:
    """Wait for working orders. Past its limit an order is dealt with by how much of it filled."""
    if by_hand(run):
        return Wait(f"your word on {still_open(run, working)} is awaited")
    by_order = {o.client_order_id: deadline(run, o, limits) or now for o in working}
    asked = [o for o in working if o.cancel_requested_at is not None]
    if again := _to_cancel(asked, now):
        first = CancelReason(again[0].cancel_reason or CancelReason.TIME_LIMIT)
        return Cancel(tuple(o for o in again if o.cancel_reason == first), first)
    late = [
        o for o in working if o.cancel_requested_at is None and by_order[o.client_order_id] <= now
    ]
    chosen = {o.client_order_id: cancel_for(run, o, limits) for o in late}
    for reason in CancelReason:
        named = tuple(o for o in late if chosen[o.client_order_id] is reason)
        if due := _to_cancel(named, now):
            return Cancel(due, reason)
    if any(reason is None for reason in chosen.values()):
        waited = int(limits.patience.total_seconds())
        return Pause(
            f"still open after {waited} s: {still_open(run, working)}. Continue to wait, re-price "
            "or resubmit, cancel the rest, or abort."
        )
    if late or asked:
        return Wait("cancels are on their way", _asked_again(working, now))
    return Wait("orders are working", min(by_order.values()))


def _to_cancel(orders: Iterable[ChildOrder], now: datetime) -> tuple[ChildOrder, ...]:
    """Of these, the ones that a cancel is to be asked for now: never yet, or long unanswered."""
    return tuple(
        o
        for o in orders
        if o.order_id is not None
        and (o.cancel_requested_at is None or now - o.cancel_requested_at >= CANCEL_AGAIN)
    )


def _asked_again(orders: Iterable[ChildOrder], now: datetime) -> datetime:
    asked = [o.cancel_requested_at for o in orders if o.cancel_requested_at]
    return min(asked, default=now) + CANCEL_AGAIN


def _working(run: PlanRun, phase: Phase) -> tuple[ChildOrder, ...]:
    steps = {step.n for step in run.plan.phase_steps(phase)}
    return tuple(o for o in run.orders if o.step in steps and o.state.working)


def needs_order(run: PlanRun, step: Step) -> bool:
    """Whether something of the step is still to be sent: nothing was yet, or its last order
    left a remainder that may be sent again."""
    if step.n in run.given_up:
        return False
    if any(not order.state.terminal for order in run.orders_of(step.n)):
        return False
    return not run.step_done(step)


def _unproven(run: PlanRun, steps: Iterable[Step]) -> tuple[ChildOrder, ...]:
    """The closed orders whose end the broker must prove before the rest is sent (invariant 3)."""
    return tuple(order for step in steps for order in run.orders_of(step.n) if not order.verified)


def failures(run: PlanRun, step: Step) -> tuple[ChildOrder, ...]:
    """Attempts of the step, or of its latest child, that came to nothing since the trader last let
    the phase go on."""
    last = run.last_order(step.n)
    return tuple(
        o
        for o in run.orders_of(step.n)
        if o.state is OrderState.REJECTED and not o.past and last and o.child == last.child
    )


def retry_at(run: PlanRun, step: Step, limits: Limits) -> datetime | None:
    """When the next attempt may leave; None: at once. After a refusal: after the first wait, doubling, with jitter by the refused
    order's id, so that the same history always gives the same moment (spec 5, Submitting 4)."""
    failed = failures(run, step)
    closed = [order.closed_at for order in failed if order.closed_at is not None]
    if not closed:
        return None
    wait: float = 2.0 ** (len(closed) - 1)
    jitter = 1 + JITTER * random.Random(failed[-1].client_order_id).random()  # noqa: S311
    return max(closed) + limits.first_retry * (wait * jitter)


def ready_at(run: PlanRun, step: Step, now: datetime, limits: Limits) -> datetime | None:
    """When the step's next order may leave; None: at once."""
    clip = next_clip(run, step, now)
    times = (retry_at(run, step, limits), None if clip is None else clip.at)
    return max((at for at in times if at is not None), default=None)


def is_confirmed(run: PlanRun, step: Step) -> bool:
    """Whether the mode lets this step go without asking."""
    if run.mode is Mode.AUTO:
        return True
    if run.mode is Mode.PHASE:
        return run.confirmed_phase is step.phase
    return step.n in run.confirmed_steps


def next_child(run: PlanRun, step: Step, now: datetime | None = None) -> ChildOrder:
    """The order that the step sends next: its whole quantity, the verified remainder, or the piece
    of it that is due `now`."""
    filled: Decimal = run.filled_qty(step.n)
    piece = None if now is None else child_of(run, step, now)
    child, qty = piece or (1, step.qty - filled)
    tried = (order.attempt for order in run.orders_of(step.n) if order.child == child)
    attempt = max(tried, default=0) + 1
    hurried = any(o.cancel_reason == CancelReason.HURRY for o in run.orders_of(step.n))
    return ChildOrder(
        client_order_id=client_order_id(run.plan.plan_id, step.n, child, attempt),
        plan_id=run.plan.plan_id,
        step=step.n,
        child=child,
        attempt=attempt,
        account=step.account,
        symbol=step.symbol,
        side=step.side,
        qty=qty,
        type=OrderType.MARKET if hurried else step.type,
        limit_price=None if hurried else worst_limit(run, step),
        stop_price=step.stop_price,
        time_in_force=step.time_in_force,
        extended_hours=step.extended_hours and not hurried,
    )
