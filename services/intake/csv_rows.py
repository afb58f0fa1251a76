"""CSV with a header: each row a table of its cells, an empty cell one that is not there."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from services.intake.entry import Entry
from services.intake.positions import Path
from services.intake.refusal import RefusedInputError
from services.intake.text import shown

MOST_ROWS = 2000


@dataclass(frozen=True)
class Line:
    """One row of a file; a cell is named by its column."""

    name: str
    line: int

    def place(self, path: Path) -> tuple[int | None, int | None]:
        return self.line, None


def header(text: str) -> frozenset[str]:
    """The names in the first line that is not blank; none where it is no row."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    names = frozenset(cell.strip().strip('"').lower() for cell in first.split(","))
    return names if len(names) > 1 else frozenset()


def rows(
    name: str, text: str, columns: tuple[str, ...], required: tuple[str, ...]
) -> Iterator[tuple[int, Entry]]:
    """Line and cells of every row that is not blank, as read. An entry of `required` may be two
    columns of which one must be there (`qty or notional`). Raises RefusedInputError."""
    reader = csv.reader(io.StringIO(text), strict=True)
    names: list[str] | None = None
    count = 0
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if names is None:
                names = _names(name, row, reader.line_num, columns, required)
                continue
            count += 1
            if count > MOST_ROWS:
                said = f"more than {MOST_ROWS} rows, expected fewer"
                raise RefusedInputError(name, said, line=reader.line_num)
            yield reader.line_num, _row(name, names, row, reader.line_num)
    except csv.Error as error:
        raise RefusedInputError(name, f"not CSV: {error}", line=reader.line_num) from error


def _names(
    name: str, row: list[str], line: int, columns: tuple[str, ...], required: tuple[str, ...]
) -> list[str]:
    names = [cell.strip().lower() for cell in row]
    known = ", ".join(columns)
    for wanted in required:
        if not set(wanted.split(" or ")) & set(names):
            said = f"the column {wanted} is missing, expected {known}"
            raise RefusedInputError(name, said, line=line, field=wanted)
    for column in names:
        if column not in columns:
            said = f"unknown column {shown(column) or 'without a name'}, expected {known}"
            raise RefusedInputError(name, said, line=line, field="header")
        if names.count(column) > 1:
            said = f"the column {column} is there twice"
            raise RefusedInputError(name, said, line=line, field=column)
    return names


def _row(name: str, names: list[str], row: list[str], line: int) -> Entry:
    if len(row) != len(names):
        said = f"{len(row)} values, expected {len(names)} as in the header"
        raise RefusedInputError(name, said, line=line)
    cells = {column: cell.strip() for column, cell in zip(names, row, strict=True)}
    return Entry(Line(name, line), {column: cell for column, cell in cells.items() if cell})
