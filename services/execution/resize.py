"""Buys cut to the cash that is there, by priority: the order of the steps is the order of
conviction (spec 5, Phases; invariant 17). Pure. Nothing ever grows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from db.model.base import plain
from db.model.plan import Phase, Plan, Step
from db.model.run import PlanRun
from services.execution.decide import needs_order

_SHARE = Decimal(1)


@dataclass(frozen=True)
class Cut:
    """A buy that the cash does not pay for in full. Quantities of what is still to be sent."""

    step: Step
    wanted: Decimal
    possible: Decimal
    price: Decimal

    def to_payload(self) -> dict[str, object]:
        return {
            "step": self.step.n,
            "symbol": self.step.symbol,
            "wanted": plain(self.wanted),
            "possible": plain(self.possible),
            "price": plain(self.price),
        }

    @property
    def words(self) -> str:
        if not self.possible:
            return f"{self.step.symbol} {plain(self.wanted)} → none"
        return f"{self.step.symbol} {plain(self.wanted)} → {plain(self.possible)}"


def rescaled(
    run: PlanRun,
    spendable: Mapping[str, Decimal],
    price_of: Callable[[Step], Decimal],
    least_of: Callable[[Step], Decimal],
) -> tuple[Cut, ...]:
    """The buys still to be sent that `spendable` (account → dollars) can't pay for in full, served
    in the order of the steps. What is worth less than `least_of` it in dollars is not bought."""
    left = dict(spendable)
    cuts = []
    for step in run.plan.phase_steps(Phase.BUY):
        if not needs_order(run, step):
            continue
        wanted, price = step.qty - run.filled_qty(step.n), price_of(step)
        purse = max(left.get(step.account, Decimal(0)), Decimal(0))
        possible = wanted
        if wanted * price > purse:
            possible = (purse / price).quantize(_SHARE, ROUND_DOWN)
            if possible * price < least_of(step):
                possible = Decimal(0)
            cuts.append(Cut(step, wanted, possible, price))
        left[step.account] = purse - possible * price
    return tuple(cuts)


def cut_to_size(run: PlanRun, cuts: Iterable[Cut]) -> Plan:
    """The plan's next revision with these steps as small as they can be. Those of which nothing
    more can be bought stay as they are: they are given up. The same plan when nothing is cut."""
    plan = run.plan
    for cut in cuts:
        if cut.possible:
            plan = _with_qty(plan, cut.step.n, run.filled_qty(cut.step.n) + cut.possible)
    return plan.model_copy(update={"revision": run.plan.revision + (plan != run.plan)})


def resized(plan: Plan, n: int, qty: Decimal) -> Plan:
    """Step `n` of `plan` for `qty` shares. Raises KeyError when there is no such step."""
    return _with_qty(plan, n, qty).model_copy(update={"revision": plan.revision + 1})


def _with_qty(plan: Plan, n: int, qty: Decimal) -> Plan:
    """The steps already sent are history, so the dry run of the whole is not made again: what
    remains is checked on the broker's fresh figures before each phase."""
    old = plan.step(n)
    step = old.model_copy(
        update={
            "qty": qty,
            "expected_value": qty * old.expected_price,
            "expected_cash_after": old.expected_cash_after
            + (old.expected_value - qty * old.expected_price),
            "reason": f"{old.reason} (cut from {old.qty}: cash)",
        }
    )
    steps = tuple(step if s.n == n else s for s in plan.steps)
    return plan.model_copy(update={"steps": steps})
