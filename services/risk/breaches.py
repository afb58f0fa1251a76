"""Which limits do not hold, by the checks' own figures, and how badly (spec 5, Confirming). Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from db.model.plan import Finding, Severity, Standing
from db.model.policy import Policy
from db.model.post_trade import Breach, BreachSeverity
from services.risk.case import Case
from services.risk.facts import ZERO
from services.risk.run import RULES


@dataclass(frozen=True)
class _Figures:
    """Names of a finding's values: what is, and what is allowed. `floor`: the limit is a least."""

    value: str
    limit: str
    floor: bool = False
    dollars: bool = False


LIMITS: Mapping[str, _Figures] = {
    "position_cap": _Figures("after", "cap"),
    "sector_cap": _Figures("after", "cap"),
    "leveraged_cap": _Figures("after", "cap"),
    "leverage": _Figures("after", "limit"),
    "account_cash": _Figures("after", "floor", floor=True, dollars=True),
    "cash_buffer": _Figures("after", "minimum", floor=True),
}
"""Checks that a sale can restore, in the order in which it is done."""


def breaches(case: Case, before: Standing | None = None) -> tuple[Breach, ...]:
    """Limits that do not hold after the case's steps. `before`: where the plan that led here began;
    what it found like that and did not make worse is inherited, and minor."""
    found = []
    for check in LIMITS:
        for finding in RULES[check](case):
            if (breach := _breach(finding, case, before)) is not None:
                found.append(breach)
    return tuple(found)


def held(case: Case) -> frozenset[tuple[str, str]]:
    """(check, subject) of every limit that does not hold."""
    return frozenset((breach.check, breach.subject) for breach in breaches(case))


def _breach(finding: Finding, case: Case, before: Standing | None) -> Breach | None:
    names = LIMITS[finding.check]
    values = finding.values
    if finding.severity is Severity.PASS or not {names.value, names.limit} <= values.keys():
        return None
    value, limit = Decimal(values[names.value]), Decimal(values[names.limit])
    over = limit - value if names.floor else value - limit
    if over <= 0:
        return None
    if names.dollars:
        over = over / case.after.equity if case.after.equity > 0 else Decimal(1)
    was = None if before is None else _before(finding, before)
    inherited = was is not None and (
        (was < limit and value >= was) if names.floor else (was > limit and value <= was)
    )
    return Breach(
        check=finding.check,
        subject=finding.subject,
        value=value,
        limit=limit,
        over=over,
        inherited=inherited,
        severity=BreachSeverity.MINOR
        if inherited
        else _severity(case.facts.policy, over, finding.check),
        message=finding.message,
    )


def _severity(policy: Policy, over: Decimal, check: str) -> BreachSeverity:
    """An account without cash is critical by any amount."""
    if check == "account_cash" or over >= policy.breach_critical:
        return BreachSeverity.CRITICAL
    return BreachSeverity.MAJOR if over >= policy.breach_major else BreachSeverity.MINOR


def _before(finding: Finding, before: Standing) -> Decimal | None:
    """The same figure where the plan began; None where a standing does not tell it."""
    match finding.check:
        case "position_cap":
            return before.weight_of(finding.subject)
        case "sector_cap":
            return before.sector_weight_of(finding.subject)
        case "leverage":
            return before.leverage
        case "cash_buffer":
            return before.cash_weight
        case "account_cash":
            return before.accounts.get(finding.subject)
    return None


def worst(found: Iterable[Breach]) -> Decimal:
    """How far the worst is over, as a fraction of equity."""
    return max((breach.over for breach in found), default=ZERO)
