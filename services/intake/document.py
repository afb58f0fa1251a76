"""Opens JSON, JSON a line and TOML: read by the standard library, placed for whoever mends them."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from services.intake.entry import Entry
from services.intake.positions import Path, json_places, toml_places
from services.intake.refusal import RefusedInputError
from services.intake.text import shown

MOST_LINES = 1000
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True)
class Document:
    """The text of one document. `line` is where it begins, if it is one of several in its file."""

    name: str
    text: str
    places: Callable[[str], Iterator[tuple[Path, int]]]
    line: int | None = None

    def place(self, path: Path) -> tuple[int | None, int | None]:
        nearest: Path = ()
        offset: int | None = None
        for found, start in self.places(self.text):
            if len(found) > len(nearest) and found == path[: len(found)]:
                nearest, offset = found, start
        return self.shown_at(offset)

    def shown_at(self, offset: int | None) -> tuple[int | None, int | None]:
        if offset is None:
            return self.line, None
        line = self.text.count("\n", 0, offset) + (self.line or 1)
        return line, offset - self.text.rfind("\n", 0, offset)


class _TwiceError(Exception):
    """A key that stands twice in its table: one of the two would be silently dropped."""


def open_json(name: str, text: str, line: int | None = None) -> Entry:
    """Raises RefusedInputError for what is no JSON, or says one key twice."""
    document = Document(name, text, json_places, line)
    try:
        found = json.loads(
            text,
            parse_float=Decimal,
            parse_int=Decimal,
            parse_constant=Decimal,
            object_pairs_hook=_table,
        )
    except json.JSONDecodeError as error:
        row, column = document.shown_at(error.pos)
        said = f"not JSON: {error.msg}"
        raise RefusedInputError(name, said, line=row, column=column) from error
    except (RecursionError, ArithmeticError) as error:
        raise RefusedInputError(name, "not JSON that can be read, expected flat tables") from error
    except _TwiceError as error:
        raise _twice(document) from error
    return Entry(document, found)


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise _TwiceError
    return table


def _twice(document: Document) -> RefusedInputError:
    seen: set[Path] = set()
    for path, offset in document.places(document.text):
        if path in seen:
            line, column = document.shown_at(offset)
            field = Entry(document, None, path).field
            said = "it stands there twice, expected once"
            return RefusedInputError(document.name, said, line=line, column=column, field=field)
        seen.add(path)
    raise AssertionError("no key stands twice")


def open_lines(name: str, text: str) -> list[Entry] | None:
    """One JSON object a line; None where the text is no such file."""
    lines = [(n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if len(lines) < 2 or any(not line.lstrip().startswith("{") for _, line in lines):
        return None
    if not lines[0][1].rstrip().endswith("}"):
        return None
    if len(lines) > MOST_LINES:
        said = f"{len(lines)} lines, expected at most {MOST_LINES}"
        raise RefusedInputError(name, said, line=lines[MOST_LINES][0])
    return [open_json(name, line, n) for n, line in lines]


def open_toml(name: str, text: str) -> Entry:
    """Raises RefusedInputError for what is no TOML."""
    try:
        found = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        at = _AT.search(said)
        line, column = (int(at[1]), int(at[2])) if at and at[1] else (None, None)
        said = shown(said[: at.start()] if at else said)
        raise RefusedInputError(name, f"not TOML: {said}", line=line, column=column) from error
    except (RecursionError, ValueError, ArithmeticError) as error:
        raise RefusedInputError(name, "not TOML that can be read, expected flat tables") from error
    return Entry(Document(name, text, toml_places), found)
