"""Which columns a table shows at a width, and where."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

GUTTER = (
    1  # one cell left of the first column says where the cursor and the marks are, in any colour
)
GAP = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    `width` is the fewest cells it is shown with; `flex` its share of the room left over (0: none).
    `priority` 0 is shown before all others; when the table is narrow the highest number goes first.
    Numbers are `align="right"`: what does not fit is then shown as ###, never as a shorter number.
    """

    key: str
    title: str
    width: int
    flex: int = 0
    align: Literal["left", "right"] = "left"
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column stands: its index in the table's columns, its first cell, its width in cells."""

    index: int
    x: int
    width: int


def lay_out(columns: Sequence[Column], room: int) -> tuple[Place, ...]:
    """Place the columns that fit into `room` cells.

    A column is shown at its full width or not at all, for half a number is another number; only the
    last one left may be cut.
    """
    shown = list(range(len(columns)))
    while len(shown) > 1 and _needed(columns, shown) > room:
        shown.remove(max(shown, key=lambda index: (columns[index].priority, index)))
    spare = max(0, room - _needed(columns, shown))
    weight = sum(columns[index].flex for index in shown)
    places: list[Place] = []
    x = GUTTER
    for index in shown:
        share = spare * columns[index].flex // weight if weight else 0
        spare, weight = spare - share, weight - columns[index].flex
        width = min(columns[index].width + share, max(0, room - x))
        places.append(Place(index, x, width))
        x += width + GAP
    return tuple(places)


def _needed(columns: Sequence[Column], shown: Sequence[int]) -> int:
    return GUTTER + sum(columns[index].width for index in shown) + GAP * (len(shown) - 1)
