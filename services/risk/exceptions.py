"""What an exception covers: the findings that it names, at no worse than the figures shown (spec 3).

Pure. Whether a check can be excepted at all, and by which figures, its row of the catalogue says."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation

from db.model.base import plain
from db.model.escalation import Escalation, Trigger, Violation
from db.model.plan import Finding, Severity
from services.risk.case import could_not_check
from services.risk.catalogue import BY_ID, Group

FIGURES = 3
"""An approver is shown so many, rounded to the worse side, and grants what he was shown."""

Key = tuple[str, str, int | None]


class NotExceptedError(ValueError):
    """No exception may be asked for; one sentence says which finding forbids it."""


def key_of(finding: Finding) -> Key:
    """What a finding is about. Which step a check of the whole plan names may change as it goes on."""
    of_order = BY_ID[finding.check].group is Group.ORDER
    return finding.check, finding.subject, finding.step if of_order else None


def blocks_of(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.severity is Severity.BLOCK)


def violations(blocks: Sequence[Finding]) -> tuple[Violation, ...]:
    """What an exception would have to cover. Of one subject found twice the worse figures count.
    Raises NotExceptedError when one of them can't be excepted, or can't be measured."""
    asked: dict[Key, Violation] = {}
    for finding in blocks:
        _require_exceptable(finding)
        key, bounds = key_of(finding), _bounds(finding)
        if (known := asked.get(key)) is not None:
            bounds = {name: _worse(finding.check, name, known.bounds[name], bounds[name]) for name in bounds}  # fmt: skip
        message = finding.message if known is None else known.message
        asked[key] = Violation(
            check=finding.check,
            subject=finding.subject,
            step=key[2],
            message=message,
            bounds=bounds,
            covered=_words(finding.check, bounds),
        )
    return tuple(asked.values())


def _require_exceptable(finding: Finding) -> None:
    check = BY_ID[finding.check]
    if not check.excepted:
        raise NotExceptedError(
            f"{finding.check} can't be excepted by anybody: {finding.message} Change the plan, or "
            "propose it again."
        )
    if could_not_check(finding):
        raise NotExceptedError(
            f"What can't be checked can't be excepted: {finding.message.rstrip('.')}."
        )
    if _figures(finding) is None:
        raise NotExceptedError(
            f"{finding.check} names no figures to be bound to: {finding.message}"
        )


def trigger_of(asked: Iterable[Violation]) -> Trigger:
    """A change of the portfolio alone, or whatever blocks."""
    changed = all(violation.check == "portfolio_change" for violation in asked)
    return Trigger.MATERIAL_CHANGE if changed else Trigger.BLOCKED


def excepted(findings: Sequence[Finding], exceptions: Sequence[Escalation]) -> tuple[Finding, ...]:
    """The findings, each block that an exception covers as a warning that says who let it pass."""
    if not exceptions:
        return tuple(findings)
    return tuple(_judged(finding, exceptions) for finding in findings)


def _judged(finding: Finding, exceptions: Sequence[Escalation]) -> Finding:
    if finding.severity is not Severity.BLOCK:
        return finding
    about = [(e, v) for e in exceptions for v in e.violations if _names(v, finding)]
    by = next((e for e, violation in about if covers(violation, finding)), None)
    if by is not None:
        message = f"{finding.message} Excepted by {by.approver}: {by.reason.rstrip('.')}."
        return finding.model_copy(update={"severity": Severity.WARN, "message": message})
    if not about:
        return finding
    asked, violation = about[-1]
    message = (
        f"{finding.message} {asked.approver} let pass only {violation.covered or 'what was said'}."
    )
    return finding.model_copy(update={"message": message})


def _names(violation: Violation, finding: Finding) -> bool:
    return (violation.check, violation.subject, violation.step) == key_of(finding)


def covers(violation: Violation, finding: Finding) -> bool:
    """Whether the finding is the one named, and no worse than shown."""
    check = BY_ID[finding.check]
    if not _names(violation, finding) or not check.excepted or could_not_check(finding):
        return False
    if not check.worse:
        return finding.message == violation.message
    figures = _figures(finding)
    return figures is not None and all(
        name in violation.bounds
        and _worse(finding.check, name, violation.bounds[name], figure) == violation.bounds[name]
        for name, figure in figures.items()
    )


def _directions(check: str) -> Mapping[str, str]:
    """Figure → + when more of it is worse, - when less is."""
    return {figure[1:]: figure[0] for figure in BY_ID[check].worse}


def _worse(check: str, name: str, one: Decimal, other: Decimal) -> Decimal:
    return max(one, other) if _directions(check)[name] == "+" else min(one, other)


def _words(check: str, bounds: Mapping[str, Decimal]) -> str:
    signs = {"+": "≤", "-": "≥"}
    ways = _directions(check)
    return ", ".join(f"{name} {signs[ways[name]]} {plain(worst)}" for name, worst in bounds.items())


def _figures(finding: Finding) -> dict[str, Decimal] | None:
    """None when one of those that it must have is missing or no number."""
    try:
        return {name: Decimal(finding.values[name]) for name in _directions(finding.check)}
    except (KeyError, InvalidOperation):
        return None


def _bounds(finding: Finding) -> dict[str, Decimal]:
    sides = _directions(finding.check)
    return {
        name: rounded(figure, ROUND_CEILING if sides[name] == "+" else ROUND_FLOOR)
        for name, figure in (_figures(finding) or {}).items()
    }


def rounded(figure: Decimal, rounding: str) -> Decimal:
    """To three figures."""
    last = Decimal(1).scaleb(figure.adjusted() - FIGURES + 1)
    return figure.quantize(last, rounding).normalize() + 0 if figure else Decimal(0)
