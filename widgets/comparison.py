"""What differs between two plans, as words for a box. Pure."""

from collections.abc import Iterator

from rich.text import Text

from db.model.comparison import Comparison, Difference, Part
from widgets.plan_detail import SEVERITY_STYLES

TITLES: dict[Part, str] = {
    "plan": "Plan",
    "step": "Steps",
    "finding": "Findings",
    "weight": "Weights after the plan",
}
MARKS = {"added": "+", "dropped": "−", "came": "+", "went": "−", "moved": "↕", "changed": "·"}


def words(found: Comparison) -> Text:
    """Which two, then every difference, part by part."""
    whole = Text()
    one, other = found.one, found.other
    whole.append(f"{one.name} → {other.name}\n", "bold")
    made = f"made {one.created_at:%H:%M:%S} and {other.created_at:%H:%M:%S} UTC"
    whole.append(f"{' and '.join(dict.fromkeys((one.source, other.source)))}, {made}\n", "dim")
    if not found.differences:
        whole.append("\nNothing differs.")
    for part, title in TITLES.items():
        if rows := found.of(part):
            whole.append(f"\n{title}\n", "bold underline")
            for line in _lines(part, rows):
                whole.append_text(line)
                whole.append("\n")
    whole.rstrip()
    return whole


def _lines(part: Part, rows: tuple[Difference, ...]) -> Iterator[Text]:
    named = max(len(_name(row)) for row in rows)
    for row in rows:
        line = Text(f"{MARKS[row.change]} ")
        if part == "finding":
            yield _finding(line, row)
            continue
        line.append(f"{_name(row):<{named}}  ", "bold")
        if part == "step":
            line.append(f"{row.change if row.change != 'changed' else row.what} ", "dim")
        was, now = row.shown
        line.append(now if row.was is None else was if row.now is None else f"{was} → {now}")
        yield line


def _name(row: Difference) -> str:
    return row.about or row.what


def _finding(line: Text, row: Difference) -> Text:
    """`+ BLOCK cash_path main: After step 5 …`; of one that changed both severities."""
    for place, severity in enumerate(filter(None, (row.was, row.now))):
        line.append(" → " if place else "")
        line.append(severity.upper(), SEVERITY_STYLES.get(severity, ""))
    line.append(f" {row.about}: ", "bold")
    line.append(row.note)
    return line
