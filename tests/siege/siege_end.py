"""How each sequence ends: faults are lifted, the desk lives, everything is settled and ended. Then the
exchange's books and ours must be the same books, and the journal must prove it."""

from collections.abc import Iterator
from decimal import Decimal

from siege_evidence import OURS, ViolationError
from siege_world import World

from db.model.order import PROTECTION, OrderState
from db.model.reconciliation import ACTIONS, Action, Mismatch, MismatchKind
from db.model.run import ChildOrder, PlanRun, PlanState
from db.model.trading import TradingState
from db.verification import verify
from services.exchange.engine.orders import Order, Status
from services.execution.fold import folded

ROUNDS = 30
"""Looks at what is still under way, before it counts as forgotten."""
ABORT_AFTER = 7
"""Looks after which a plan that still waits for something is aborted."""
GRACE = 6.0
"""Seconds in which fills and look-ups may still be on their way."""
RESTARTED = 0.25
"""Share of the sequences that are started once more when all is over."""
ENDS = {
    Status.FILLED: OrderState.FILLED,
    Status.CANCELED: OrderState.CANCELED,
    Status.EXPIRED: OrderState.EXPIRED,
    Status.REJECTED: OrderState.REJECTED,
}


def finale(world: World) -> None:
    """Raises ViolationError."""
    world.count_strikes()
    world.exchange.lift()
    world.doom = None
    world.evidence.jumped_at = world.loop.time()
    if not world.alive and not world.start() and not world.start():
        raise ViolationError(
            f"nothing goes wrong any more, and the desk can't start: {world.last_refusal}"
        )
    world.check()
    _everything_ends(world)
    world.check()
    _books_agree(world)
    _nothing_is_forgotten(world)
    _positions_are_protected(world)
    _journal_proves_it(world)
    if world.random.random() < RESTARTED:
        _another_start_changes_nothing(world)
    world.check()
    world.counts["ended well"] += 1


# -- bringing everything to its end ------------------------------------------------------------


def _everything_ends(world: World) -> None:
    for n in range(ROUNDS):
        world.wait(0.5 if n < 4 else 2.0 if n < 15 else 5.0)  # longer than a minute, all in all
        world.check()
        if not list(_unfinished(world)):
            return
        if world.desk.safety.state is not TradingState.ACTIVE:
            _trade_again(world)
        _sign_all(world)  # while the books differ after a reconnect not even protection is sent
        for plan_id in [p for p, run in world.desk.engine.book.runs.items() if run.state.working]:
            _go_on(world, plan_id, n)
    raise ViolationError(f"never ends: {list(_unfinished(world))}")


def _unfinished(world: World) -> Iterator[str]:
    if world.desk.safety.state is not TradingState.ACTIVE:
        yield f"trading is {world.desk.safety.state.value}: {world.last_refusal}"
    for run in world.desk.engine.book.runs.values():
        if run.state.working:
            yield f"plan {run.plan.plan_id} is {run.state.value}: {run.reason}"
        for order in run.all_orders:
            if order.state in (OrderState.UNKNOWN, OrderState.SENT, OrderState.INTENT):
                yield f"{order.client_order_id} is {order.state.value}: {order.reason}"
            elif not order.protective and not order.state.terminal and not run.state.working:
                yield f"{order.client_order_id} is {order.state.value}"


def _trade_again(world: World) -> None:
    if world.desk.engine.kill.busy or world.desk.flatten.busy:
        return
    world.act("reconcile", world.desk_reconciles)
    _sign_all(world)
    world.resume()


def _go_on(world: World, plan_id: str, n: int) -> None:
    run = world.run_of(plan_id)
    if run is None or not run.state.working:
        return
    if n >= ABORT_AFTER:
        world.of_plan("abort", run)
    elif run.unknown_orders:
        world.of_plan("resend" if n % 2 else "look up", run)
    elif run.state in (PlanState.PAUSED, PlanState.HALTED):
        if run.approval is None:
            world.of_plan("approve again", run)
        elif n > 4:
            world.of_plan("cancel rest", run)
        _sign_all(world)
        world.of_plan("continue", run)
    else:
        world.of_plan("next", run)


def _sign_all(world: World) -> None:
    for found in world.desk.reconciler.open:
        _explained(world, found)
        world.settle(_signature(found))


def _signature(found: Mismatch) -> Action:
    if _of_ours(found):
        return Action.CANCEL
    return Action.ADOPT if Action.ADOPT in ACTIONS[found.kind] else Action.IGNORE


def _of_ours(found: Mismatch) -> bool:
    """An open order of ours that our book has closed."""
    return found.kind is MismatchKind.EXTERNAL_ORDER and OURS.match(found.subject) is not None


def _acts_late(world: World) -> bool:
    """Whether the broker may have had an order after it had said, twice, that it had not."""
    return "delay before acting" in world.struck


def _explained(world: World, found: Mismatch) -> None:
    """Books may differ because others traded, the broker said what can't be, or it acted on an order
    so late that it had denied it: not else."""
    late = _of_ours(found) and _acts_late(world)
    if world.outside or late or found.kind is MismatchKind.IMPOSSIBLE_REPORT:
        return
    raise ViolationError(
        f"invariant 11: nobody else traded, and the books differ: {found.key}: {found.explanation}"
    )


# -- what must be the same ---------------------------------------------------------------------


def _books_agree(world: World) -> None:
    for _ in range(12):
        compared = world.act("reconcile", world.desk_reconciles)
        if compared is not None and world.desk.reconciler.clean:
            break
        _sign_all(world)
        world.wait(10.0 if compared is None else 1.0)  # the minute's requests may be used up
    else:
        raise ViolationError(f"the books never agree: {world.desk.reconciler.open}")
    world.evidence.judged("11 books agree in the end")
    last = world.desk.reconciler.last
    left_alone = {found.symbol for found in last.ignored} if last is not None else set()
    ledger = world.exchange.exchange.venue.floor.ledger
    for (_, symbol), position in ledger.positions.items():
        expected = world.desk.reconciler.expects("main", symbol)
        if expected != position.qty and symbol not in left_alone:
            raise ViolationError(
                f"{symbol}: we expect {expected}, the exchange holds {position.qty}"
            )


def _journalled(world: World) -> dict[str, PlanRun]:
    """Every run there ever was, by the journal alone."""
    return folded(world.act("read the journal", lambda: world.desk.journal.events()))


def _nothing_is_forgotten(world: World) -> None:
    ours = {o.client_order_id: o for run in _journalled(world).values() for o in run.all_orders}
    by_id = {o.order_id: o for o in ours.values() if o.order_id}
    world.evidence.judged("4 nothing forgotten")
    for order in world.exchange.orders:
        if OURS.match(order.client_order_id) or PROTECTION.match(order.client_order_id):
            known = ours.get(order.client_order_id)
            if known is None:
                raise ViolationError(
                    f"invariant 1: the journal does not know {order.client_order_id}"
                )
            _same(world, order, known)
        elif order.parent_id is not None and order.id in by_id:
            _same(world, order, by_id[order.id])
    there = {order.client_order_id for order in world.exchange.orders}
    for name, known in ours.items():
        absent = name not in there and known.parent is None
        if absent and known.state not in (OrderState.REJECTED, OrderState.PLANNED):
            raise ViolationError(f"{name} is {known.state.value}, and the exchange never had it")


def _same(world: World, order: Order, known: ChildOrder) -> None:
    name = order.client_order_id
    if known.filled_qty != order.filled_qty:
        raise ViolationError(
            f"invariant 11: {name} filled {order.filled_qty} at the exchange, {known.filled_qty} by us"
        )
    if len(known.executions) != len(set(known.executions)):
        raise ViolationError(f"invariant 10: {name} has an execution twice: {known.executions}")
    if order.is_open is known.state.terminal:
        raise ViolationError(
            f"invariant 8: {name} is {order.status}, and we say {known.state.value}"
        )
    # Twice not found, then there after all, then cancelled by the trader's signature.
    denied = bool(known.look_ups) and known.look_ups[-1].answer == "not found"
    ends = (known.state, order.status) == (OrderState.REJECTED, Status.CANCELED)
    came_late = _acts_late(world) and denied and ends
    if order.status in ENDS and known.state is not ENDS[order.status] and not came_late:
        raise ViolationError(
            f"invariant 8: {name} is {order.status}, and we say {known.state.value}"
        )


def _positions_are_protected(world: World) -> None:
    """Bought shares have a working stop at the exchange, or an alarm says that they have not."""
    for symbol in world.unprotected():
        if not world.alarmed(symbol):
            world.wait(GRACE)
            if symbol in world.unprotected() and not world.alarmed(symbol):
                raise ViolationError(
                    f"{symbol}: {world.evidence.held(symbol)} held, "
                    f"{world.evidence.open_sells(symbol)} protected, and no alarm"
                )
    world.evidence.judged("protected or alarmed in the end")


def _journal_proves_it(world: World) -> None:
    own = world.own
    assert own is not None
    runs = dict(world.desk.engine.book.runs)
    replayed = _journalled(world)
    found = verify(own.home.journal)
    if not found.ok:
        raise ViolationError(f"invariant 4: {found.sentence}")
    if {plan_id: replayed[plan_id] for plan_id in runs} != runs:
        raise ViolationError("invariant 4: the journal replayed is another state")
    world.evidence.judged("4 journal verifies and replays")


def _another_start_changes_nothing(world: World) -> None:
    """Once all has ended there is nothing to pause, to look up or to book again. What a stop or target
    at the exchange does meanwhile is news, and so is protection that waited for its turn among the
    minute's requests: neither is judged here."""
    if world.unprotected():
        return
    before, orders, stood = _journalled(world), len(world.exchange.orders), _at_the_exchange(world)
    world.kill()
    if not world.start():
        raise ViolationError("nothing goes wrong any more, and the desk can't start again")
    world.wait(1.0)
    if _at_the_exchange(world)[: len(stood)] != stood:
        return
    if (after := _journalled(world)) != before:
        changed = [plan_id for plan_id, run in after.items() if run != before.get(plan_id)]
        raise ViolationError(f"invariant 4: another start changed what had ended: {changed}")
    if len(world.exchange.orders) != orders:
        raise ViolationError("invariant 2: another start sent an order")
    world.evidence.judged("4 another start changes nothing")


def _at_the_exchange(world: World) -> list[tuple[str, str, Decimal]]:
    return [(order.id, order.status, order.filled_qty) for order in world.exchange.orders]
