"""What differs between two plans, and in words what an edit changed (spec 4, Editing). Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from db.model.base import plain
from db.model.comparison import Change, Compared, Comparison, Difference, Part, Unit
from db.model.plan import Finding, Plan, Severity, Standing, Step

WORTH_A_ROW = Decimal("0.001")
"""A weight that moved by less than 0.1 percentage points is left out."""
RANK = {Severity.PASS: 0, Severity.WARN: 1, Severity.BLOCK: 2}
AS_ONE = "as one order"

Pair = tuple[Step, Step]


def compare(one: Plan, other: Plan) -> Comparison:
    """From `one` to `other`. Steps of one plan are known by their numbers, those of two plans by
    account, symbol and side."""
    pairs = _pairs(one, other)
    return Comparison(
        one=_compared(one),
        other=_compared(other),
        differences=(
            *_figures(one, other),
            *_steps(one, other, pairs),
            *_findings(one, other, pairs),
            *_weights(one.after, other.after),
        ),
    )


def edit_words(before: Plan, after: Plan) -> str:
    """What the trader changed from one revision to the next, old → new; prices that moved by
    themselves are not of it. "" when it is nothing."""
    pairs = _pairs(before, after)
    was, now = {old.n for old, _ in pairs}, {new.n for _, new in pairs}
    words = [f"{_ordered(step)} dropped" for step in before.steps if step.n not in was]
    words += [f"{_ordered(step)} put back" for step in after.steps if step.n not in now]
    for old, new in pairs:
        if old.qty != new.qty:
            words.append(f"step {new.n} resized {plain(old.qty)} → {plain(new.qty)}")
        if old.terms != new.terms:
            words.append(f"step {new.n} {old.terms} → {new.terms}")
        if old.algorithm != new.algorithm:
            words.append(f"step {new.n} {_pieces(old)} → {_pieces(new)}")
    places = {step.n: place for place, step in enumerate(after.steps)}
    for _, new in _out_of_order(before, pairs):
        place = places[new.n]
        ahead = f"after step {after.steps[place - 1].n}" if place else "first"
        words.append(f"step {new.n} moved {ahead}")
    return ", ".join(words)


def _ordered(step: Step) -> str:
    return f"step {step.n} ({step.side.value} {plain(step.qty)} {step.symbol})"


def _compared(plan: Plan) -> Compared:
    return Compared(
        plan_id=plan.plan_id,
        revision=plan.revision,
        created_at=plan.created_at,
        source=plan.source,
        hash=plan.hash,
    )


# --- which steps are the same --------------------------------------------------------------------


def _pairs(one: Plan, other: Plan) -> list[Pair]:
    """Steps that both have, in the order of the second."""
    same_plan = one.plan_id == other.plan_id
    known = dict(_keyed(one.steps, same_plan))
    return [(known[key], step) for key, step in _keyed(other.steps, same_plan) if key in known]


def _keyed(steps: Iterable[Step], by_number: bool) -> Iterator[tuple[object, Step]]:
    """The second step of an account, symbol and side is another than the first."""
    seen: dict[object, int] = {}
    for step in steps:
        key = step.n if by_number else (step.account, step.symbol, step.side)
        seen[key] = seen.get(key, 0) + 1
        yield (key, seen[key]), step


def _out_of_order(one: Plan, pairs: Sequence[Pair]) -> list[Pair]:
    """The fewest steps that must be moved to make the first order the second: all but the longest run
    of steps that kept their order."""
    places = {id(step): place for place, step in enumerate(one.steps)}
    first = [places[id(old)] for old, _ in pairs]
    ends: list[int] = []
    lengths = []
    for place in first:
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
        lengths.append(at)
    wanted, stayed = len(ends) - 1, set()
    for i in range(len(pairs) - 1, -1, -1):
        if lengths[i] == wanted:
            stayed.add(i)
            wanted -= 1
    return [pair for i, pair in enumerate(pairs) if i not in stayed]


# --- rows ----------------------------------------------------------------------------------------


def _figures(one: Plan, other: Plan) -> Iterator[Difference]:
    was, now = one.after, other.after
    rows: tuple[tuple[str, Unit, str | None, str | None], ...] = (
        ("verdict", Unit.WORDS, one.verdict.value, other.verdict.value),
        ("policy", Unit.WORDS, _policy(one), _policy(other)),
        ("cash before", Unit.DOLLARS, plain(one.before.cash), plain(other.before.cash)),
        ("cash after", Unit.DOLLARS, plain(was.cash), plain(now.cash)),
        ("cash weight after", Unit.FRACTION, plain(was.cash_weight), plain(now.cash_weight)),
        ("estimated cost", Unit.DOLLARS, plain(one.estimated_cost), plain(other.estimated_cost)),
        ("taxes", Unit.DOLLARS, _tax(one), _tax(other)),
    )
    for what, unit, before, after in rows:
        if before != after:
            yield _row("plan", "", "changed", what, before, after, unit)
    names = sorted({*was.accounts, *now.accounts})
    for name in names if len(names) > 1 else ():
        old, new = _plain(was.accounts.get(name), now.accounts.get(name))
        if old != new:
            yield _row("plan", "", "changed", f"cash after in {name}", old, new, Unit.DOLLARS)


def _policy(plan: Plan) -> str:
    return f"{plan.policy} ({plan.policy_hash[:8]})"


def _tax(plan: Plan) -> str | None:
    """Of all sales; None while that of one is not known."""
    known = [notice.tax for notice in plan.taxes]
    if any(tax is None for tax in known):
        return None
    return plain(sum((tax for tax in known if tax is not None), Decimal(0)))


def _steps(one: Plan, other: Plan, pairs: Sequence[Pair]) -> Iterator[Difference]:
    was = {id(old) for old, _ in pairs}
    now = {id(new) for _, new in pairs}
    for step in one.steps:
        if id(step) not in was:
            yield _row("step", _named(step), "dropped", "order", _whole(step), None)
    for step in other.steps:
        if id(step) not in now:
            yield _row("step", _named(step), "added", "order", None, _whole(step))
    for old, new in pairs:
        yield from _changes(old, new)
    places = [{step.n: str(i) for i, step in enumerate(p.steps, 1)} for p in (one, other)]
    for old, new in _out_of_order(one, pairs):
        yield _row("step", _named(new), "moved", "place", places[0][old.n], places[1][new.n])


def _changes(old: Step, new: Step) -> Iterator[Difference]:
    rows: tuple[tuple[str, Unit, str | None, str | None], ...] = (
        ("quantity", Unit.SHARES, plain(old.qty), plain(new.qty)),
        ("order", Unit.WORDS, old.terms, new.terms),
        ("sent", Unit.WORDS, _pieces(old), _pieces(new)),
        ("expected price", Unit.DOLLARS, *_plain(old.expected_price, new.expected_price)),
        ("stop", Unit.DOLLARS, *_plain(old.stop_loss_price, new.stop_loss_price)),
        ("target", Unit.DOLLARS, *_plain(old.target_price, new.target_price)),
    )
    for what, unit, was, now in rows:
        if was != now:
            yield _row("step", _named(new), "changed", what, was, now, unit)


def _plain(*prices: Decimal | None) -> tuple[str | None, str | None]:
    was, now = (None if price is None else plain(price) for price in prices)
    return was, now


def _named(step: Step) -> str:
    return f"{step.n} {step.side.value.upper()} {step.symbol}"


def _whole(step: Step) -> str:
    return f"{plain(step.qty)}, {step.terms}"


def _pieces(step: Step) -> str:
    return AS_ONE if step.algorithm is None else f"in pieces: {step.algorithm.words}"


def _findings(one: Plan, other: Plan, pairs: Sequence[Pair]) -> Iterator[Difference]:
    """What warns or blocks in one of the two and not, or otherwise, in the other."""
    numbers = {old.n: f"step {new.n}" for old, new in pairs}
    was = _worst(one.findings, {step.n: numbers.get(step.n, f"was {step.n}") for step in one.steps})
    now = _worst(other.findings, {step.n: f"step {step.n}" for step in other.steps})
    for key in {**was, **now}:
        old, new = was.get(key), now.get(key)
        severities = [None if one is None else one.severity for one in (old, new)]
        if severities[0] == severities[1] or not any(RANK.get(s, 0) for s in severities if s):
            continue
        told = new or old
        assert told is not None
        change = "came" if old is None else "went" if new is None else "changed"
        yield Difference(
            part="finding",
            about=f"{told.check} {told.subject}",
            change=change,
            what="severity",
            was=None if old is None else old.severity.value,
            now=None if new is None else new.severity.value,
            note=told.message,
        )


def _worst(
    findings: Iterable[Finding], steps: Mapping[int, str]
) -> dict[tuple[str, str, str], Finding]:
    """The worst finding of each check, subject and step."""
    found: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        step = "" if finding.step is None else steps.get(finding.step, "")
        key = finding.check, finding.subject, step
        if key not in found or RANK[finding.severity] > RANK[found[key].severity]:
            found[key] = finding
    return found


def _weights(was: Standing, now: Standing) -> Iterator[Difference]:
    """Sectors, then holdings, whose weight after the plan moved."""
    tables = (
        ("sector", {s.sector: s.weight for s in was.sectors}, {s.sector: s.weight for s in now.sectors}),
        ("holding", {h.symbol: h.weight for h in was.holdings}, {h.symbol: h.weight for h in now.holdings}),
    )  # fmt: skip
    nothing = Decimal(0)
    for what, before, after in tables:
        for name in {**before, **after}:
            old, new = before.get(name, nothing), after.get(name, nothing)
            if abs(new - old) > WORTH_A_ROW:
                yield _row("weight", name, "changed", what, plain(old), plain(new), Unit.FRACTION)


def _row(
    part: Part,
    about: str,
    change: Change,
    what: str,
    was: str | None,
    now: str | None,
    unit: Unit = Unit.WORDS,
) -> Difference:
    return Difference(part=part, about=about, change=change, what=what, was=was, now=now, unit=unit)
