"""What protects what, and what is to be done about it: pure functions of runs and lots (spec 5,
Protection).

Level-triggered: every look compares what should be protected with what works at the broker, so that
a fill, a refusal, a cancel by hand, a sale under way and a restart all end on the same road. More
shares get an order of their own: a leg's quantity can't be replaced (alpaca.md §8.8), and to cancel
and send anew would leave the first shares bare in between."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from db.model.order import OrderState, OrderType, Side, TimeInForce
from db.model.plan import Step, StopCondition
from db.model.run import CancelReason, ChildOrder, PlanRun, PlanState
from services.execution.ids import protection_id
from services.execution.lots import ZERO, Holding, Key, LotKey

PENDING = frozenset({OrderState.INTENT, OrderState.SENT, OrderState.UNKNOWN})
"""Perhaps at the broker, perhaps not: neither counted on nor sent again."""
UNSENT = frozenset({PlanState.PAUSED, PlanState.HALTED})
"""Intents of such plans leave only when the trader continues."""
LONGEST_WAIT = timedelta(seconds=60)
OUTSIDE = timedelta(seconds=60)
"""Somebody cancelled protection at the broker himself: he has this long before it is placed again."""
CANCEL_AGAIN = timedelta(seconds=5)
RENEW_AFTER = timedelta(days=85)
"""The broker ends a GTC order after 90 days (alpaca.md §8.2): renewed while the market is closed."""
RENEW_AT_LAST = timedelta(days=89)

Runs = Mapping[str, PlanRun]


@dataclass(frozen=True)
class Held:
    """One lot: what of it is left, and what works for it."""

    run: PlanRun
    step: Step
    qty: Decimal
    """Shares that are still there."""
    wanted: Decimal
    """Of those, whole shares that no sale takes: what the broker should protect."""
    covered: Decimal
    """Shares that a working order protects."""
    pending: Decimal
    """Shares of orders that may or may not have arrived."""
    stop: Decimal | None
    target: Decimal | None

    @property
    def key(self) -> LotKey:
        return self.run.plan.plan_id, self.step.n

    @property
    def by_desk(self) -> bool:
        """Nothing is sent for it: the policy or the trader says so, or there is nothing to send."""
        return (
            self.step.protection == "desk"
            or self.step.n in self.run.unprotected
            or (self.stop is None and self.target is None)
        )

    @property
    def orders(self) -> tuple[ChildOrder, ...]:
        """What was ever sent for it, in order; legs are not listed."""
        return parts_of(self.run, self.step.n)


def parts_of(run: PlanRun, step: int) -> tuple[ChildOrder, ...]:
    return tuple(o for o in run.protective if o.step == step and o.parent is None)


def covers(run: PlanRun, order: ChildOrder) -> Decimal:
    """Shares that a protective order and its leg still hold: the pair counts once (invariant 19)."""
    at_broker = (o for o in _pair(run, order) if o.state.working and o.state not in PENDING)
    return max((o.remaining_qty for o in at_broker), default=ZERO)


def protected_step(step: Step) -> bool:
    """A buy whose plan gives it a stop or a target."""
    priced = step.stop_loss_price is not None or step.target_price is not None
    return step.side is Side.BUY and priced


def on_close(step: Step) -> bool:
    return step.stop_loss_price is not None and step.stop_condition is StopCondition.ON_CLOSE


def prices_of(run: PlanRun, step: Step) -> tuple[Decimal | None, Decimal | None]:
    """Stop and target of the step, moved to the price paid so far."""
    return step.protection_at(run.filled_avg_price(step.n) or step.expected_price)


def held_lots(
    runs: Runs, holdings: Mapping[Key, Holding], reserved: Mapping[Key, Decimal]
) -> tuple[Held, ...]:
    """Every lot that a plan protects, oldest first within its symbol. `reserved`: shares that sales
    under way take, from the oldest lots on once what no lot holds is used up."""
    found = []
    for key, holding in holdings.items():
        loose = max(holding.qty, ZERO) - sum(holding.lots.values(), ZERO)
        taken = max(reserved.get(key, ZERO) - max(loose, ZERO), ZERO)
        for (plan_id, n), qty in holding.lots.items():
            gone = min(taken, qty)
            taken -= gone
            run = runs.get(plan_id)
            if run is not None and protected_step(step := run.plan.step(n)):
                found.append(_held(run, step, qty, qty - gone))
    return tuple(found)


def _held(run: PlanRun, step: Step, qty: Decimal, left: Decimal) -> Held:
    parts = parts_of(run, step.n)
    stop, target = prices_of(run, step)
    return Held(
        run=run,
        step=step,
        qty=qty,
        wanted=left.quantize(Decimal(1), ROUND_DOWN),
        covered=sum((covers(run, order) for order in parts), ZERO),
        pending=sum((o.remaining_qty for o in parts if o.state in PENDING), ZERO),
        stop=None if on_close(step) else stop,
        target=target,
    )


def reserved_by_sales(runs: Runs, holds: Mapping[str, tuple[Key, Decimal]]) -> dict[Key, Decimal]:
    """Shares that plans are selling: by orders that may work, and by those of `holds` (our id → what
    it takes), whose protection is being taken away."""
    taken: dict[Key, Decimal] = {}
    left = dict(holds)
    for run in runs.values():
        for order in run.orders:
            if order.side is not Side.SELL:
                continue
            if order.state is not OrderState.INTENT:
                left.pop(order.client_order_id, None)  # it left: from here its own figures count
            if not order.state.working or order.client_order_id in left:
                continue
            if order.state is OrderState.INTENT and (run.state in UNSENT or run.state.ended):
                continue
            key = (order.account, order.symbol)
            taken[key] = taken.get(key, ZERO) + order.remaining_qty
    for key, qty in left.values():
        taken[key] = taken.get(key, ZERO) + qty
    return taken


def unsettled(run: PlanRun) -> tuple[Step, ...]:
    """Bought steps of which neither the broker's protection nor the desk's watch is on record."""
    return tuple(
        step
        for step in run.plan.steps
        if protected_step(step)
        and step.protection == "broker"
        and run.filled_qty(step.n)
        and step.n not in run.protected
        and step.n not in run.watched
    )


# --- what to do ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Write this intent and send it."""

    order: ChildOrder


@dataclass(frozen=True)
class Send:
    """An intent that is on disk and provably never arrived."""

    order: ChildOrder


@dataclass(frozen=True)
class Withdraw:
    """An intent that is on disk and is not wanted any more."""

    order: ChildOrder


@dataclass(frozen=True)
class Cancel:
    order: ChildOrder
    reason: CancelReason


@dataclass(frozen=True)
class Later:
    """Nothing now; look again at `at`, or when something changes."""

    at: datetime | None
    why: str


Due = Place | Send | Withdraw | Cancel | Later


def due(held: Held, now: datetime, *, buying: bool, open_market: bool) -> Due | None:
    """The next thing to do for a lot; None when all is as it should be. `buying`: a buy of the
    symbol works, beside which the broker refuses a single stop or limit (alpaca.md §8.7)."""
    working = tuple(o for o in held.orders if covers(held.run, o))
    wanted = ZERO if held.step.n in held.run.unprotected else held.wanted
    for intent in (o for o in held.orders if o.state is OrderState.INTENT):
        fits = held.covered + held.pending <= wanted and not held.by_desk
        return Send(intent) if fits else Withdraw(intent)
    if held.covered > wanted and working:
        return _less(held, working, held.covered - wanted, now)
    if old := _to_renew(working, now, open_market):
        return _cancel(held.run, old, CancelReason.RENEW, now)
    missing = wanted - held.covered - held.pending
    if held.by_desk or missing <= 0:
        return None
    if buying and (held.stop is None or held.target is None):
        return Later(None, "a buy of it still works, beside which the broker takes no single stop")
    if (at := retry_at(held)) is not None and at > now:
        return Later(at, last_word(held))
    return Place(next_part(held, missing))


def _less(
    held: Held, working: tuple[ChildOrder, ...], surplus: Decimal, now: datetime
) -> Due | None:
    """Cancel the newest parts until no more is covered than wanted; what is then missing is placed
    anew, for a quantity can't be made smaller."""
    run = held.run
    reason = CancelReason.UNPROTECT if held.step.n in run.unprotected else CancelReason.EXIT
    asked = [o for o in working if _asked_of(run, o) is not None]
    surplus -= sum((covers(run, o) for o in asked), ZERO)
    others = [o for o in working if o not in asked]
    if surplus > 0 and others:
        return _cancel(run, others[-1], reason, now)
    return _cancel(run, min(asked, key=lambda o: _asked_of(run, o) or now), reason, now)


def _pair(run: PlanRun, order: ChildOrder) -> tuple[ChildOrder, ...]:
    """An order and its leg, if it has one."""
    return (order, *(o for o in run.protective if o.parent == order.client_order_id))


def _asked_of(run: PlanRun, order: ChildOrder) -> datetime | None:
    """When a cancel of it or its leg was last asked for."""
    asked = (o.cancel_requested_at for o in _pair(run, order) if o.state.working)
    return max((at for at in asked if at is not None), default=None)


def _cancel(run: PlanRun, order: ChildOrder, reason: CancelReason, now: datetime) -> Due:
    """By the target of a pair; by its leg where the target has ended."""
    asked = _asked_of(run, order)
    order = next((o for o in _pair(run, order) if o.state.working), order)
    if asked is not None and now - asked < CANCEL_AGAIN:
        return Later(asked + CANCEL_AGAIN, "its protection is being cancelled")
    return Cancel(order, reason)


def _to_renew(working: Iterable[ChildOrder], now: datetime, open_market: bool) -> ChildOrder | None:
    limit = RENEW_AT_LAST if open_market else RENEW_AFTER
    return next((o for o in working if o.sent_at is not None and now - o.sent_at >= limit), None)


def retry_at(held: Held) -> datetime | None:
    """When the next order may leave; None: at once. After refusals it waits longer each time; what
    was cancelled by somebody else is left to him for a while."""
    if not held.orders:
        return None
    last = held.orders[-1]
    if last.closed_at is None:
        return None
    if last.state is OrderState.CANCELED and last.cancel_requested_at is None:
        return last.closed_at + OUTSIDE
    if last.state is not OrderState.REJECTED:
        return None
    failed = min(last.attempt - 1, 6)
    return last.closed_at + min(timedelta(seconds=2.0**failed), LONGEST_WAIT)


def next_part(held: Held, qty: Decimal) -> ChildOrder:
    """A pair of stop and target, or the one that there is, for `qty` shares. The same lot with the
    same history always gives the same id (invariant 2)."""
    run, step, parts = held.run, held.step, held.orders
    part, attempt = 1, 1
    if parts:
        failed = parts[-1].state is OrderState.REJECTED
        part = parts[-1].child if failed else parts[-1].child + 1
        attempt = parts[-1].attempt + 1 if failed else 1
    return ChildOrder(
        client_order_id=protection_id(run.plan.plan_id, step.n, part, attempt),
        plan_id=run.plan.plan_id,
        step=step.n,
        child=part,
        attempt=attempt,
        account=step.account,
        symbol=step.symbol,
        side=Side.SELL,
        qty=qty,
        type=OrderType.STOP if held.target is None else OrderType.LIMIT,
        limit_price=held.target,
        stop_price=held.stop,
        time_in_force=TimeInForce.GTC,
        protective=True,
        oco=held.stop is not None and held.target is not None,
    )


# --- what to say --------------------------------------------------------------------------------


def last_word(held: Held) -> str:
    """Why the last order for the lot does not protect it."""
    if not held.orders:
        return "its protective order is not sent yet"
    last = held.orders[-1]
    if last.state is OrderState.REJECTED:
        return f"{last.client_order_id} was refused: {last.reason.rstrip('.')}"
    if last.state is OrderState.CANCELED and last.cancel_requested_at is None:
        return f"{last.client_order_id} was cancelled at the broker, not by this desk"
    if last.state is OrderState.UNKNOWN:
        return f"nobody knows whether {last.client_order_id} is at the broker"
    return f"{last.client_order_id} is {last.state.value}"
