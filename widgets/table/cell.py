"""One cell as segments of exactly its column's width."""

from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from widgets.table.column import Column
from widgets.table.fields import Field

Cell: TypeAlias = str | Text | Field

# Outside text is never markup, nor may it move the cursor: control characters become a space.
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), " ")


def words(cell: Cell) -> str:
    """A cell's plain text."""
    if isinstance(cell, Text):
        return cell.plain
    return cell.text if isinstance(cell, Field) else cell


def same(one: Cell, other: Cell) -> bool:
    """Whether two cells look the same. (Rich's own `==` on Text overlooks the base style.)"""
    if isinstance(one, Text) and isinstance(other, Text):
        return one == other and one.style == other.style
    return one == other


def segments(
    cell: Cell, column: Column, width: int, style: Style, tones: Mapping[str, Style]
) -> list[Segment]:
    """The cell in `style`, cut or padded to `width`; a Field takes its tone from `tones`."""
    if isinstance(cell, Text):
        return _rich_segments(cell, column, width, style)
    if isinstance(cell, Field):
        style = style + tones[cell.tone] if cell.tone else style
        return [Segment(fit(cell.text, column, width), style)]
    return [Segment(fit(cell, column, width), style)]


@lru_cache(maxsize=8192)
def fit(text: str, column: Column, width: int) -> str:
    """The text in exactly `width` cells: a word too long ends in …, a number too long is ###."""
    text = text.translate(_CONTROLS)
    room = width - cell_len(text)
    if room < 0:
        if column.align == "right":
            return "#" * width
        return set_cell_size(text, width - 1) + "…" if width else ""
    return " " * room + text if column.align == "right" else text + " " * room


def _rich_segments(text: Text, column: Column, width: int, style: Style) -> list[Segment]:
    fitted = fit(text.plain, column, width)
    if cell_len(text.plain) > width and column.align == "right":
        return [Segment(fitted, style)]
    shown = text.copy()
    shown.plain = text.plain.translate(_CONTROLS)
    if column.align == "right":
        shown.pad_left(len(fitted) - len(shown.plain))
    shown.plain = fitted
    return [
        Segment(part.text, style + part.style if part.style else style) for part in _parts(shown)
    ]


def _parts(text: Text) -> list[Segment]:
    """The text's runs of one style, without Rich's console: names of styles are read as colours."""
    edges = sorted(
        {0, len(text), *(edge for span in text.spans for edge in (span.start, span.end))}
    )
    base = _style(text.style)
    parts: list[Segment] = []
    for start, end in pairwise(edges):
        style = base
        for span in text.spans:
            if span.start <= start and span.end >= end:
                style += _style(span.style)
        parts.append(Segment(text.plain[start:end], style))
    return parts


def _style(style: str | Style) -> Style:
    return style if isinstance(style, Style) else Style.parse(style)
