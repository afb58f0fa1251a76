"""What one run of the checks looks at, and how findings are worded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property
from types import MappingProxyType

from db.model.base import plain
from db.model.idea import Idea
from db.model.order import Side
from db.model.plan import Finding, Severity, Standing, Step
from services.risk.facts import Facts
from services.risk.standing import standing

PLAN = "plan"


@dataclass(frozen=True)
class Case:
    """Steps in the order of their sending, on facts, with the standing before and after, which are
    computed when a check first asks for them."""

    facts: Facts
    steps: tuple[Step, ...]
    ideas: tuple[Idea, ...] = ()
    """What the steps carry out, where somebody suggested it."""

    @cached_property
    def before(self) -> Standing:
        return standing(self.facts)

    @cached_property
    def after(self) -> Standing:
        return standing(self.facts, self.steps)

    @cached_property
    def increasing(self) -> tuple[Step, ...]:
        """Steps that open or add to exposure. The rest reduce: caps never block those."""
        reduces = self.facts.reduces
        return tuple(s for s in self.steps if not reduces(s.account, s.symbol, s.side, s.qty))

    @cached_property
    def _increasing(self) -> frozenset[int]:
        return frozenset(id(step) for step in self.increasing)

    def reduces(self, step: Step) -> bool:
        """Of a step of this case: it moves its position toward zero and not through it."""
        return id(step) not in self._increasing

    @cached_property
    def bought(self) -> dict[str, Decimal]:
        """Symbol → value at the mid of what the plan adds to exposure on the buy side."""
        total: dict[str, Decimal] = {}
        for step in self.increasing:
            if step.side is Side.BUY:
                value = step.qty * step.reference_price
                total[step.symbol] = total.get(step.symbol, Decimal(0)) + value
        return total

    @property
    def worst(self) -> Severity:
        """How severe an exposure finding may be: a plan that only reduces is never blocked."""
        return Severity.BLOCK if self.increasing else Severity.WARN

    def severity(self, step: Step) -> Severity:
        """BLOCK, or WARN for a step that reduces."""
        return Severity.WARN if self.reduces(step) else Severity.BLOCK

    @cached_property
    def unknown(self) -> str:
        """Why weights can't be computed, or ""."""
        missing = self.facts.unpriced
        if missing:
            return f"no price for {', '.join(missing)}"
        if self.before.equity <= 0:
            return f"the portfolio's value is {money(self.before.equity)}"
        if self.after.equity <= 0:
            return f"the portfolio's value after the plan is {money(self.after.equity)}"
        return ""


def case_of(facts: Facts, steps: Sequence[Step], ideas: Sequence[Idea] = ()) -> Case:
    """The case of doing `steps`, in that order, from where the facts stand."""
    return Case(facts, tuple(steps), tuple(ideas))


Findings = Iterator[Finding]
UNCHECKED = "can't be checked"
Values = Mapping[str, Decimal | str]
NOTHING: Values = MappingProxyType({})


def cannot(
    check: str, severity: Severity, subject: str, why: str, step: int | None = None
) -> Finding:
    """Data is missing: never a pass."""
    message = f"{check} {UNCHECKED}: {why}."
    return Finding(check=check, severity=severity, subject=subject, message=message, step=step)


def could_not_check(finding: Finding) -> bool:
    """Nobody knows how bad it is."""
    return finding.message.startswith(f"{finding.check} {UNCHECKED}")


def passed(
    check: str,
    message: str,
    subject: str = PLAN,
    values: Values = NOTHING,
    **more: Decimal | str,
) -> Finding:
    return found(check, Severity.PASS, subject, message, {**values, **more})


def found(
    check: str,
    severity: Severity,
    subject: str,
    message: str,
    values: Values = NOTHING,
    *,
    step: int | None = None,
    **more: Decimal | str,
) -> Finding:
    """A finding; its numbers are shown as plain decimals."""
    return Finding(
        check=check,
        severity=severity,
        subject=subject,
        message=message,
        values={
            key: plain(value) if isinstance(value, Decimal) else value
            for key, value in {**values, **more}.items()
        },
        step=step,
    )


def percent(fraction: Decimal) -> str:
    return f"{(fraction * 100).quantize(Decimal('0.1'), ROUND_HALF_EVEN)}%"


def money(amount: Decimal) -> str:
    rounded = amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    return f"-${-rounded:,}" if rounded < 0 else f"${rounded:,}"
