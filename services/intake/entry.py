"""A value out of a document, which knows where it stands: what is wrong with it is said there."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from services.intake import values
from services.intake.positions import Path
from services.intake.refusal import RefusedInputError
from services.intake.text import plain, shown
from services.intake.values import Range

MISSING = object()
MOST_TEXT = 2000


class Source(Protocol):
    """The document an entry is of."""

    @property
    def name(self) -> str: ...

    def place(self, path: Path) -> tuple[int | None, int | None]:
        """Line and column of what stands at `path`, or of the nearest table around it."""
        ...


@dataclass(frozen=True)
class Entry:
    """What stands at `path`; MISSING when nothing does, which each reading method refuses."""

    source: Source
    value: Any
    path: Path = ()

    @property
    def field(self) -> str:
        """`meta.timestamp`, `pick#2.conviction`."""
        words = ""
        for part in self.path:
            words += f"#{part + 1}" if isinstance(part, int) else f".{shown(part, 40)}"
        return words.removeprefix(".")

    def refused(self, expected: str) -> RefusedInputError:
        line, column = self.source.place(self.path)
        return RefusedInputError(
            self.source.name, expected, line=line, column=column, field=self.field
        )

    def unfit(self, wanted: object) -> RefusedInputError:
        """It is not `wanted`: says what stands there instead."""
        if self.value is MISSING:
            return self.refused(f"missing, expected {wanted}")
        return self.refused(f"expected {wanted}, found {_said(self.value)}")

    def table(self, known: Collection[str] | None = None) -> "Entry":
        """Itself, if a table. A key that is not `known` is refused: no typo is silently dropped."""
        if not isinstance(self.value, dict):
            raise self.unfit("a table")
        for key in self.value:
            if known is not None and key not in known:
                raise self.at(key).refused(f"unknown key, expected {', '.join(known)}")
        return self

    def at(self, key: str) -> "Entry":
        """The entry under `key` of this table."""
        self.table()
        return Entry(self.source, self.value.get(key, MISSING), (*self.path, key))

    def get(self, key: str) -> "Entry | None":
        """The entry under `key`; None where the table says nothing there."""
        found = self.at(key)
        return None if found.value is MISSING or found.value is None else found

    def members(self) -> "Iterator[tuple[str, Entry]]":
        for key in self.table().value:
            yield key, self.at(key)

    def each(self, most: int, what: str) -> "list[Entry]":
        """The elements of a list of at most `most`."""
        if not isinstance(self.value, list):
            raise self.unfit(f"a list of {what}")
        if len(self.value) > most:
            raise self.refused(f"{len(self.value)} {what}, expected at most {most}")
        return [Entry(self.source, one, (*self.path, n)) for n, one in enumerate(self.value)]

    def text(self, most: int = MOST_TEXT) -> str:
        """On one line, fit to be shown."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.unfit("text")
        line = " ".join(self.value.split())
        if not plain(line):
            raise self.refused("it has a control character, expected plain text")
        if len(line) > most:
            raise self.refused(f"{len(line)} characters, expected at most {most}")
        return line

    def word(self, known: Collection[str]) -> str:
        """One of `known`, in any case; as `known` writes it."""
        said = self.value.strip().casefold() if isinstance(self.value, str) else None
        for one in known:
            if one.casefold() == said:
                return one
        raise self.unfit(values.either(known))

    def symbol(self) -> str:
        found = values.symbol(self.value)
        if found is None:
            raise self.unfit("a ticker such as AAPL")
        return found

    def number(self, fit: Range) -> Decimal:
        figure = values.number(self.value)
        if figure is None or figure not in fit:
            raise self.unfit(fit)
        return figure

    def instant(self) -> datetime:
        found = values.instant(self.value)
        if found is None:
            raise self.unfit("a time with its zone such as 2026-01-05T14:00:00Z")
        return found

    def day(self) -> date:
        found = values.day(self.value)
        if found is None:
            raise self.unfit("a date such as 2026-03-31")
        return found

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.unfit("true or false")
        return self.value


def _said(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    # Of a very large int Python writes no digits; a Decimal of it has them.
    text = str(Decimal(value)) if isinstance(value, int) else str(value)
    return repr(shown(text))
