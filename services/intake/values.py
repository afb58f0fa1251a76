"""Values out of TOML and JSON, each checked where it stands."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from services.intake.refusal import RefusedInputError
from services.intake.text import shown

SYMBOL = re.compile(r"[A-Z][A-Z0-9./]{0,11}")


def line_of(text: str, *marks: str) -> int | None:
    """The first line that holds all of `marks`; None when none does."""
    for number, line in enumerate(text.splitlines(), start=1):
        if all(mark in line for mark in marks):
            return number
    return None


def first_lines(text: str, form: str) -> dict[str, int]:
    """What `form` captures → the first line it stands on. One pass, however long the file."""
    pattern = re.compile(form)
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        for match in pattern.finditer(line):
            found.setdefault(match[1], number)
    return found


def table(name: str, value: Any, field: str, line: int | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RefusedInputError(name, "expected a table", line=line, field=field)
    return value


def only(
    name: str, found: dict[str, Any], known: tuple[str, ...], text: str, where: str = ""
) -> None:
    """Refuses a key that is not known: a typo is never silently dropped."""
    for key in found:
        if key not in known:
            raise RefusedInputError(
                name,
                f"unknown key, expected {', '.join(known)}",
                line=line_of(text, key),
                field=f"{where}{shown(key)}",
            )


def string(name: str, value: Any, field: str, line: int | None = None) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RefusedInputError(
            name, f"expected text, found {shown(str(value))!r}", line=line, field=field
        )
    return " ".join(value.split())


def symbol(name: str, value: Any, field: str, line: int | None = None) -> str:
    text = string(name, value, field, line).upper()
    if not SYMBOL.fullmatch(text):
        raise RefusedInputError(
            name, f"expected a ticker such as AAPL, found {shown(text)!r}", line=line, field=field
        )
    return text


def number(
    name: str,
    value: Any,
    field: str,
    *,
    least: Decimal,
    most: Decimal,
    line: int | None = None,
) -> Decimal:
    """A finite number within the bounds."""
    if not isinstance(value, bool) and isinstance(value, int | Decimal):
        figure = Decimal(value)
        if figure.is_finite() and least <= figure <= most:
            return figure
    raise RefusedInputError(
        name,
        f"expected a number from {least:f} to {most:f}, found {shown(str(value))!r}",
        line=line,
        field=field,
    )


def instant(name: str, value: Any, field: str, line: int | None = None) -> datetime:
    """A date and time with its zone."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # refused below, like every other value that is no time
    raise RefusedInputError(
        name,
        f"expected a time such as 2026-01-05T14:00:00Z, found {shown(str(value))!r}",
        line=line,
        field=field,
    )
