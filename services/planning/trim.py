"""The smallest sale that restores the policy's limits: trims and rollbacks (spec 5, Confirming and
comparing). Pure.

What was bought last is sold first. Every sale is in whole shares, of shares that are free, and as
small as it can be: one share less, and a limit would not hold."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from functools import partial

from db.model.order import Side
from db.model.plan import Plan, Skipped
from db.model.portfolio import Position
from db.model.post_trade import Breach
from services.planning.draft import Draft
from services.planning.plan import dry_run
from services.planning.sequence import steps_of
from services.risk.breaches import breaches, held
from services.risk.case import Case, case_of
from services.risk.facts import ZERO, Facts

Key = tuple[str, str]
"""Account and symbol."""
Sales = Mapping[Key, Decimal]


@dataclass(frozen=True)
class Bought:
    """What the plan that broke the limit bought, in its order."""

    account: str
    symbol: str
    qty: Decimal


@dataclass(frozen=True)
class Trim:
    """Sales that restore, why each, and which limits no sale of free shares restores."""

    sales: Sales
    reasons: Mapping[Key, str]
    hopeless: tuple[Breach, ...]


def trim(facts: Facts, bought: Sequence[Bought] = ()) -> Trim:
    """The smallest sale after which every limit holds that a sale can restore."""
    sales: dict[Key, Decimal] = {}
    reasons: dict[Key, str] = {}
    hopeless: dict[tuple[str, str], Breach] = {}
    before = held(case_of(facts, ()))
    while open_ := [
        b for b in breaches(after(facts, sales)) if (b.check, b.subject) not in hopeless
    ]:
        breach = open_[0]
        grown = _enough(facts, sales, breach, bought)
        if grown is None:
            hopeless[breach.check, breach.subject] = breach
            continue
        for key in grown:
            if grown[key] != sales.get(key, ZERO):
                reasons.setdefault(key, breach.message)
        sales = grown
    sales = _smallest(facts, sales)
    if held(after(facts, sales)) - before:  # worse than doing nothing
        return Trim({}, {}, tuple(breaches(case_of(facts, ()))))
    return Trim(sales, reasons, tuple(hopeless.values()))


def trim_plan(
    facts: Facts, bought: Sequence[Bought], *, plan_id: str, source: str, environment: str
) -> Plan:
    """The plan of the sale, dry run like any other. Without steps when nothing is to be restored,
    or nothing can be: `skipped` says why."""
    found = trim(facts, bought)
    skipped = tuple(
        Skipped(
            symbol=breach.subject,
            reason=f"no sale of free shares restores it: {breach.message}",
        )
        for breach in found.hopeless
    )
    return dry_run(
        facts,
        steps_of(facts, _drafts(found.sales, found.reasons)),
        (),
        plan_id=plan_id,
        revision=1,
        source=source,
        proposal_sha256="",
        environment=environment,
        skipped=skipped,
    )


def _drafts(sales: Sales, reasons: Mapping[Key, str]) -> list[Draft]:
    return [
        Draft(account, symbol, Side.SELL, qty, reasons.get((account, symbol), ""), urgent=True)
        for (account, symbol), qty in sales.items()
        if qty
    ]


def after(facts: Facts, sales: Sales) -> Case:
    """Where the sales would lead, as the dry run sees it."""
    return case_of(facts, steps_of(facts, _drafts(sales, {})))


def _enough(
    facts: Facts, sales: Sales, breach: Breach, bought: Sequence[Bought]
) -> dict[Key, Decimal] | None:
    """`sales` grown until this limit holds; None when no free shares make it."""
    grown = dict(sales)

    def holds(key: Key, qty: Decimal) -> bool:
        still = held(after(facts, {**grown, key: qty}))
        return (breach.check, breach.subject) not in still

    for key, most in _candidates(facts, breach, bought):
        had = grown.get(key, ZERO)
        if most <= had:
            continue
        if holds(key, most):
            grown[key] = least(had, most, partial(holds, key))
            return grown
        grown[key] = most
    return None


def _smallest(facts: Facts, sales: Sales) -> dict[Key, Decimal]:
    """Sales for one limit may have made those for another larger than they need be. What was
    chosen last gives back first."""
    small = dict(sales)
    fine = held(after(facts, small))

    def holds(key: Key, qty: Decimal) -> bool:
        return held(after(facts, {**small, key: qty})) <= fine

    for key in reversed(list(sales)):
        if holds(key, ZERO):
            del small[key]
        else:
            small[key] = least(ZERO, small[key], partial(holds, key))
    return small


def least(fails: Decimal, holds: Decimal, test: Callable[[Decimal], bool]) -> Decimal:
    """The smallest whole number over `fails` for which `test` is true, which it is for `holds`."""
    while holds - fails > 1:
        middle = ((fails + holds) / 2).to_integral_value(ROUND_FLOOR)
        if test(middle):
            holds = middle
        else:
            fails = middle
    return holds


def _candidates(
    facts: Facts, breach: Breach, bought: Sequence[Bought]
) -> Iterator[tuple[Key, Decimal]]:
    """What may be sold for this limit and how much of it at most: what was bought, last first;
    then the rest of those; then what else is held, the largest first."""
    free = {
        (p.account, p.symbol): _free(p)
        for p in facts.portfolio.positions
        if _helps(facts, breach, p)
    }
    able = {key: qty for key, qty in free.items() if qty >= 1}
    undone: dict[Key, Decimal] = {}
    for one in reversed(bought):
        key = one.account, one.symbol
        if key in able:
            whole = one.qty.to_integral_value(ROUND_FLOOR)
            undone[key] = min(undone.get(key, ZERO) + whole, able[key])
            yield key, undone[key]
    for key in undone:
        yield key, able[key]
    rest = {key: able[key] * (facts.price(key[1]) or ZERO) for key in able if key not in undone}
    for key in sorted(rest, key=lambda key: (-rest[key], key)):
        yield key, able[key]


def _free(position: Position) -> Decimal:
    return min(position.sellable, position.qty).to_integral_value(ROUND_FLOOR)


def _helps(facts: Facts, breach: Breach, position: Position) -> bool:
    """Whether selling the position moves what the limit is about."""
    if position.qty <= 0 or facts.price(position.symbol) is None:
        return False
    match breach.check:
        case "position_cap":
            return position.symbol == breach.subject
        case "sector_cap":
            return facts.sector(position.symbol) == breach.subject
        case "leveraged_cap":
            return abs(facts.leverage_factor(position.symbol)) != 1
        case "account_cash":
            return position.account == breach.subject
    return True
