"""Edits of a plan before it starts: each makes the next revision and runs the dry run again (spec 4,
Editing). Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from db.model.base import LARGEST_POWER, Environment, plain
from db.model.order import PRICES_OF, OrderTerms, OrderType, Side, TimeInForce
from db.model.plan import Finding, Plan, Severity, Skipped, Step
from db.model.slicing import Algorithm
from services.planning.funding import ledger
from services.planning.guidance import Guidance, as_asked, guide, unsliceable
from services.planning.plan import dry_run
from services.risk.case import money
from services.risk.catalogue import BY_ID, Group
from services.risk.estimate import down, up
from services.risk.facts import Facts
from services.risk.orders import may_extend
from services.risk.run import repriced

LASTING = (TimeInForce.DAY, TimeInForce.GTC)
"""What a stop may be: it waits for its price (alpaca.md §8.2)."""


class PlanEditError(ValueError):
    """The edit asked for can't be made; one sentence says why."""


class Move(NamedTuple):
    """Step `n` goes right before step `other`, or right after it."""

    n: int
    other: int
    after: bool

    @property
    def words(self) -> str:
        return f"step {self.n} moved {'after' if self.after else 'before'} step {self.other}"


def revise(
    plan: Plan,
    facts: Facts,
    *,
    drop: Collection[int] = (),
    resize: Mapping[int, Decimal] | None = None,
    algorithms: Mapping[int, Algorithm | None] | None = None,
    retype: Mapping[int, OrderTerms] | None = None,
    move: Move | None = None,
) -> Plan:
    """The next revision: without the dropped steps, with other quantities, order types and places,
    sent in pieces or not, dry run again on these facts. Steps keep their numbers. Raises
    PlanEditError."""
    sizes, sliced, terms = resize or {}, algorithms or {}, retype or {}
    known = {step.n for step in plan.steps}
    others = () if move is None else (move.n, move.other)
    missing = {n for n in (*sizes, *sliced, *terms, *others) if n in drop}
    missing |= {*drop, *sizes, *sliced, *terms, *others} - known
    if unknown := sorted(missing):
        raise PlanEditError(f"Plan {plan.plan_id} has no step {unknown[0]}.")
    for n, qty in sizes.items():
        if not qty.is_finite() or qty <= 0:
            raise PlanEditError(f"Step {n} can't be {qty} shares: expected more than zero.")
    if plan.environment == Environment.MANUAL and any(sliced.values()):
        raise PlanEditError("By hand each order is one ticket: nothing is sent in pieces.")
    kept = []
    for step in plan.steps:
        if step.n in drop:
            continue
        changed = step.model_copy(
            update={
                "qty": sizes.get(step.n, step.qty),
                "algorithm": sliced.get(step.n, step.algorithm),
            }
        )
        if step.n in terms:
            changed = _retyped(changed, terms[step.n], facts)
        if step.n in sliced or step.n in terms:
            _refuse_unsliceable(changed, facts)
        kept.append(changed)
    dropped = tuple(
        Skipped(symbol=step.symbol, reason=f"step {step.n} ({step.side} {plain(step.qty)}) dropped")
        for step in plan.steps
        if step.n in drop
    )
    return _again(
        plan,
        facts,
        kept if move is None else _moved(kept, move),
        revision=plan.revision + 1,
        skipped=(*plan.skipped, *dropped),
        without=_told_of(plan.steps) - _told_of(kept),
    )


def _told_of(steps: Iterable[Step]) -> set[str]:
    """Symbols that a proposal may have named: those of the steps, and what they stand for."""
    return {name for step in steps for name in (step.symbol, step.underlying) if name is not None}


def undone(plan: Plan, earlier: Plan, facts: Facts) -> Plan:
    """The next revision of `plan`: what `earlier` was, dry run again on these facts. On those that
    `earlier` was made on it has the same hash."""
    revision = plan.revision + 1
    return _again(earlier, facts, earlier.steps, revision=revision, skipped=earlier.skipped)


def _again(
    plan: Plan,
    facts: Facts,
    steps: Sequence[Step],
    *,
    revision: int,
    skipped: tuple[Skipped, ...],
    without: Collection[str] = (),
) -> Plan:
    """`without`: symbols of which nothing is left; what spoke against them goes with them."""
    fresh = [_protected(old, new) for old, new in zip(steps, repriced(facts, steps), strict=True)]
    return dry_run(
        facts,
        ledger(facts, fresh),
        _carried(plan.findings, without),
        plan_id=plan.plan_id,
        revision=revision,
        source=plan.source,
        proposal_sha256=plan.proposal_sha256,
        proposal=plan.proposal,
        environment=plan.environment,
        skipped=skipped,
    )


def _protected(old: Step, new: Step) -> Step:
    """Stop and target keep their distance from the price that is expected now (spec 5)."""
    if new.expected_price == old.expected_price:
        return new
    moved = new.expected_price / old.expected_price
    stop, target = old.stop_loss_price, old.target_price
    return new.model_copy(
        update={
            "stop_loss_price": None if stop is None else up(stop * moved),
            "target_price": None if target is None else up(target * moved),
        }
    )


def _carried(findings: Iterable[Finding], without: Collection[str]) -> list[Finding]:
    """What only the proposal could tell: stated weights, what speaks for and against ideas, and
    orders left out for want of a price."""
    return [
        finding
        for finding in findings
        if (BY_ID[finding.check].group is Group.SIGNAL and finding.subject not in without)
        or (
            finding.severity is not Severity.PASS
            and finding.step is None
            and finding.check in ("stated_weight", "quote_fresh")
        )
    ]


def _refuse_unsliceable(step: Step, facts: Facts) -> None:
    if step.algorithm is not None and (why := unsliceable(step, step.algorithm, facts)):
        raise PlanEditError(f"Step {step.n} can't be sent in pieces: {why}.")


def _retyped(step: Step, terms: OrderTerms, facts: Facts) -> Step:
    """Another order type, its prices and time in force. What the guidance says anyway is said in its
    words, the rest is the trader's own."""
    time = terms.time_in_force or step.time_in_force
    _refuse_terms(step, terms, time, facts)
    advice = guide(facts, step.symbol, step.side, step.qty, urgent=step.urgency == "high")
    advised = (advice.type, advice.limit_price, None, TimeInForce.DAY)
    if (terms.type, terms.limit_price, terms.stop_price, time) == advised:
        wanted, words = advice, advice.why
    else:
        wanted = as_asked(facts, step.symbol, terms.type, terms.limit_price)
        words = f"{terms.type.value.replace('_', ' ').upper()}: as the trader wants it"
    return step.model_copy(
        update={
            "type": terms.type,
            "limit_price": terms.limit_price,
            "stop_price": terms.stop_price,
            "time_in_force": time,
            "guidance": words,
            # A limit of the trader's own is not followed by the market.
            "extended_hours": step.extended_hours and may_extend(terms.type, time),
            "urgency": wanted.urgency if step.urgency == "high" else step.urgency,
            "expected_seconds": _seconds(step, wanted),
        }
    )


def _seconds(step: Step, wanted: Guidance) -> int | None:
    """In pieces it takes as long as the pieces do."""
    return wanted.seconds if step.algorithm is None else step.expected_seconds


def _refuse_terms(step: Step, terms: OrderTerms, time: TimeInForce, facts: Facts) -> None:
    n, kind = step.n, terms.type
    if kind not in PRICES_OF:
        types = ", ".join(known.value for known in PRICES_OF)
        raise PlanEditError(f"Step {n} can't be a {kind.value} order: expected one of {types}.")
    for name, price in (("limit", terms.limit_price), ("stop", terms.stop_price)):
        wanted = f"{name}_price" in PRICES_OF[kind]
        if wanted and price is None:
            raise PlanEditError(f"Step {n} needs a {name} price to be a {kind.value} order.")
        if not wanted and price is not None:
            raise PlanEditError(f"Step {n}: a {kind.value} order has no {name} price.")
        if price is not None and price.adjusted() > LARGEST_POWER:
            raise PlanEditError(f"Step {n}: the {name} must be a price under a trillion.")
        if price is not None and down(price) != price:
            near = f"{money(down(price))} or {money(up(price))}" if price >= 1 else "four decimals"
            raise PlanEditError(f"Step {n}: the {name} {price:f} is off the tick, expected {near}.")
    if kind in (OrderType.STOP, OrderType.STOP_LIMIT) and time not in LASTING:
        raise PlanEditError(f"Step {n}: a {kind.value} order is day or gtc, not {time.value}.")
    if step.qty % 1 and time is not TimeInForce.DAY:
        raise PlanEditError(f"Step {n} has a fraction of a share, which trades as day only.")
    if terms.stop_price is not None:
        _refuse_triggered(step, terms.stop_price, facts)


def _refuse_triggered(step: Step, stop: Decimal, facts: Facts) -> None:
    """On the wrong side of the market a stop is no stop: the broker refuses it, or it is hit at once."""
    quote = facts.quotes.get(step.symbol)
    touch = None if quote is None else quote.bid if step.side is Side.SELL else quote.ask
    if touch is None:
        return
    if step.side is Side.SELL and stop >= touch:
        raise PlanEditError(
            f"Step {step.n}: a stop that sells lies under the market, "
            f"and {money(stop)} is not under the bid {money(touch)}."
        )
    if step.side is Side.BUY and stop <= touch:
        raise PlanEditError(
            f"Step {step.n}: a stop that buys lies over the market, "
            f"and {money(stop)} is not over the ask {money(touch)}."
        )


def _moved(steps: Sequence[Step], move: Move) -> list[Step]:
    """Within its phase, and not before what it needs."""
    if move.n == move.other:
        raise PlanEditError(f"Step {move.n} can't be moved past itself.")
    order = [step for step in steps if step.n != move.n]
    mine = next(step for step in steps if step.n == move.n)
    place = next(i for i, step in enumerate(order) if step.n == move.other) + move.after
    order.insert(place, mine)
    if order == list(steps):
        raise PlanEditError(f"Step {move.n} stands there already.")
    done: set[int] = set()
    there = {step.n for step in order}
    for step in order:
        if missing := sorted((set(step.needs) & there) - done):
            raise PlanEditError(
                f"Step {step.n} needs step {missing[0]} before it: step {move.n} can't go there."
            )
        done.add(step.n)
    other = next(step for step in steps if step.n == move.other)
    if other.phase is not mine.phase:
        raise PlanEditError(
            f"Step {mine.n} is a {mine.phase.value} and step {other.n} a {other.phase.value}: "
            "a step moves within its phase, every sell before every buy."
        )
    return order
