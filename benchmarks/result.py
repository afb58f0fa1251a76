"""What a benchmark hands back: rows of figures, each beside what was hoped for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    `ratio` is to the baseline of the same run (1.0 for the baseline itself), None where there is none.
    `target` and `expected` are words for the reader: what was promised, and what was measured elsewhere
    before. `met` says whether the target was reached, None when the row has no target.
    """

    what: str
    value: float
    unit: str
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """One benchmark's outcome; `how` says in a sentence what was run against what."""

    name: str
    how: str
    rows: tuple[Row, ...]
