"""What differs between two plans, or two revisions of one (spec 4, Editing)."""

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from db.model.base import Noun, Utc, plain

Part = Literal["plan", "step", "finding", "weight"]
Change = Literal["added", "dropped", "changed", "moved", "came", "went"]


class Unit(StrEnum):
    """What a value of a row is counted in."""

    WORDS = "words"
    SHARES = "shares"
    DOLLARS = "dollars"
    FRACTION = "fraction"


class Compared(Noun):
    """One side of a comparison."""

    plan_id: str
    revision: int
    created_at: Utc
    source: str
    hash: str

    @property
    def name(self) -> str:
        """As it is asked for: `3f9a@2`."""
        return f"{self.plan_id}@{self.revision}"


class Difference(Noun):
    """One thing that is otherwise. `was` of the first plan, `now` of the second; None: it has none."""

    part: Part
    about: str
    """The step (`3 SELL FCX`), the finding's check and subject, the symbol or sector; "" of a plan."""
    change: Change
    what: str
    """Which figure or words: `quantity`, `order`, `verdict`, `cash after` …"""
    unit: Unit = Unit.WORDS
    was: str | None = None
    now: str | None = None
    note: str = ""
    """The finding's own sentence."""

    @property
    def shown(self) -> tuple[str, str]:
        """Both values as a trader reads them."""
        return _shown(self.unit, self.was), _shown(self.unit, self.now)


class Comparison(Noun):
    one: Compared
    other: Compared
    differences: tuple[Difference, ...]
    """Of the plan, then its steps, findings and weights."""

    def of(self, part: Part) -> tuple[Difference, ...]:
        return tuple(one for one in self.differences if one.part == part)


def _shown(unit: Unit, value: str | None) -> str:
    if value is None:
        return "–"
    match unit:
        case Unit.SHARES:
            return plain(Decimal(value))
        case Unit.DOLLARS:
            amount = Decimal(value)
            return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"
        case Unit.FRACTION:
            return f"{Decimal(value) * 100:.1f}%"
    return value
