"""Single values as people and programs write them, or None where one is no such value."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

SYMBOL = re.compile(r"[A-Z][A-Z0-9./]{0,11}")
NUMBER = re.compile(r"-?(\d{1,12}(\.\d{1,20})?|\.\d{1,20})", re.ASCII)
MOST_DECIMALS = 20
"""What a binary fraction needs (0.30000000000000004); a smaller number is no weight and no price."""


@dataclass(frozen=True)
class Range:
    """Numbers that make sense, with their words for a sentence."""

    least: Decimal
    most: Decimal
    words: str = ""
    open: bool = False
    """`least` itself is outside."""

    def __str__(self) -> str:
        if self.words:
            return self.words
        lower = f"above {self.least:f}, at most" if self.open else f"from {self.least:f} to"
        return f"a number {lower} {self.most:f}"

    def __contains__(self, figure: Decimal) -> bool:
        return self.least <= figure <= self.most and not (self.open and figure == self.least)


SCORE = Range(Decimal(0), Decimal(100))
ABOVE_ZERO = Range(Decimal(0), Decimal("1e12"), "a number above zero", open=True)


def number(value: Any) -> Decimal | None:
    """A finite number of a length that somebody may have meant, given as one or as text without an
    exponent."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    if isinstance(value, str):
        return Decimal(value) if NUMBER.fullmatch(value) else None
    figure = Decimal(value)
    exponent = figure.as_tuple().exponent
    return figure if isinstance(exponent, int) and exponent >= -MOST_DECIMALS else None


def symbol(value: Any) -> str | None:
    """ASCII before capitals are made: the capital of one foreign letter may be two of ours."""
    if not isinstance(value, str) or not value.isascii():
        return None
    text = value.strip().upper()
    return text if SYMBOL.fullmatch(text) else None


def instant(value: Any) -> datetime | None:
    """A date and time with its zone, as UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # no time, like every other value that is none
    return None


def day(value: Any) -> date | None:
    try:
        found = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return found if isinstance(found, date) and not isinstance(found, datetime) else None


def either(words: Iterable[str]) -> str:
    return " or ".join(words)
