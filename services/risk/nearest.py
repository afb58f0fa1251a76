"""What a refusal teaches: the nearest size of the step that would pass the check that blocks it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from db.model.base import plain
from db.model.plan import Finding, Severity, Step
from services.risk.case import Case, Findings, could_not_check
from services.risk.facts import ZERO

Rule = Callable[[Case], Findings]
UPWARD = frozenset({"min_position", "min_trade"})
"""Too small, not too large."""
SIZED = UPWARD | {
    "sector_cap", "position_cap", "sector_increase", "leverage", "leveraged_cap", "cash_buffer",
    "cash_path", "buying_power", "account_cash", "order_value", "adv_share", "share_sufficiency",
    "settled_funds", "risk_per_trade", "portfolio_at_risk", "value_at_risk", "tradable",
}  # fmt: skip
"""Checks that another size may pass. No size makes a restricted symbol one that may be bought."""
MOST_TAUGHT = 8
"""A basket refused throughout is told the sizes of its first orders: each costs some looks."""


def taught(
    case: Case, findings: Sequence[Finding], rules: Mapping[str, Rule]
) -> tuple[Finding, ...]:
    """The findings, those that block with the nearest size that would pass (`values["nearest"]`:
    shares, 0 when no size of that step alone would)."""
    told: list[Finding] = []
    left = MOST_TAUGHT
    for finding in findings:
        step = _step(case, finding)
        if finding.severity is not Severity.BLOCK or step is None or not left:
            told.append(finding)
            continue
        left -= 1
        told.append(
            _with_nearest(finding, step, nearest(case, finding, step, rules[finding.check]))
        )
    return tuple(told)


def _step(case: Case, finding: Finding) -> Step | None:
    """The step that another size of would help: the one named, or the only one there is."""
    if finding.check not in SIZED or could_not_check(finding):
        return None
    if finding.step is None:
        return case.increasing[0] if len(case.increasing) == 1 else None
    return next((step for step in case.steps if step.n == finding.step), None)


def _with_nearest(finding: Finding, step: Step, qty: Decimal) -> Finding:
    words = (
        f"{plain(qty)} {step.symbol} would pass"
        if qty
        else f"no size of step {step.n} alone would pass"
    )
    return finding.model_copy(
        update={
            "message": f"{finding.message.removesuffix('.')}; {words}.",
            "values": {**finding.values, "nearest": plain(qty)},
        }
    )


def nearest(case: Case, finding: Finding, step: Step, rule: Rule) -> Decimal:
    """Whole shares nearest to the step's size at which the rule no longer blocks what it blocked."""

    def passes(qty: Decimal) -> bool:
        value = qty * step.expected_price
        moved = step.model_copy(update={"qty": qty, "expected_value": value})
        steps = [moved if other.n == step.n else other for other in case.steps]
        again = rule(replace(case, steps=tuple(steps)))
        return not any(
            f.severity is Severity.BLOCK and (f.subject, f.step) == (finding.subject, finding.step)
            for f in again
        )

    if finding.check in UPWARD:
        least = Decimal(finding.values["minimum"])
        most = (least / step.reference_price).to_integral_value(ROUND_CEILING) + step.qty
        return _smallest(step.qty, most, passes)
    return _largest(step.qty, passes)


def _largest(above: Decimal, passes: Callable[[Decimal], bool]) -> Decimal:
    """The largest whole number under `above` that passes, 0 when none does."""
    whole = above.to_integral_value(ROUND_CEILING)
    low, high = ZERO, whole
    while high - low > 1:
        middle = ((low + high) / 2).to_integral_value(ROUND_FLOOR)
        low, high = (middle, high) if passes(middle) else (low, middle)
    return low


def _smallest(below: Decimal, most: Decimal, passes: Callable[[Decimal], bool]) -> Decimal:
    """The smallest whole number over `below` that passes, 0 when `most` does not."""
    low, high = below.to_integral_value(ROUND_FLOOR), most.to_integral_value(ROUND_CEILING)
    if not passes(high):
        return ZERO
    while high - low > 1:
        middle = ((low + high) / 2).to_integral_value(ROUND_FLOOR)
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high
