"""How a table's lines are drawn, and the drawings that are still good."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from widgets.table.cell import Cell, fit, segments
from widgets.table.column import GUTTER, Column, Place, lay_out

TONES = ("gain", "loss", "stale", "muted", "warning")
GUTTERS = {(False, False): " ", (True, False): "›", (False, True): "•", (True, True): "»"}


class Line(NamedTuple):
    """All that decides how a line of the table looks."""

    cells: tuple[Cell, ...]
    at_cursor: bool
    marked: bool


class Drawing:
    """Draws lines for one width and one set of styles; rows that did not change are not drawn again.

    `style_of` gives the style of a component: `header`, `cursor`, `marked`, `empty`, a tone, or "" for the
    table's own.
    """

    def __init__(self, columns: Sequence[Column], style_of: Callable[[str], Style]) -> None:
        self._columns = columns
        self._style_of = style_of
        self._styles: dict[str, Style] = {}
        self._inks: dict[str, Style] = {}
        self._strips: dict[str, tuple[Line, Strip]] = {}
        self.width = -1
        self.places: tuple[Place, ...] = ()

    def fit_into(self, width: int) -> None:
        """Lay the columns out for this width, unless they are already."""
        if width != self.width:
            self.forget()
            self.width = width
            self.places = lay_out(self._columns, width)

    def forget(self) -> None:
        """The styles have changed, all is to be drawn anew."""
        self._strips.clear()
        self._styles.clear()
        self._inks.clear()

    def keep_only(self, keys: Collection[str]) -> None:
        """Rows by other keys are gone for good."""
        self._strips = {key: kept for key, kept in self._strips.items() if key in keys}

    def titles(self) -> Strip:
        """The columns' titles, those that don't fit cut short."""
        titles = [column.title for column in self._columns]
        for place in self.places:
            as_word = Column("", "", place.width)
            titles[place.index] = fit(titles[place.index], as_word, place.width).rstrip()
        return self._strip(titles, " ", self._style("header"), {})

    def row(self, key: str, line: Line) -> Strip:
        """One row."""
        kept = self._strips.get(key)
        if kept is not None and kept[0][1:] == line[1:] and kept[0].cells is line.cells:
            return kept[1]
        style = self._style("cursor" if line.at_cursor else "")
        if line.marked:
            style += self._ink("marked")
        tones = {tone: self._ink(tone) for tone in TONES}
        strip = self._strip(line.cells, GUTTERS[line.at_cursor, line.marked], style, tones)
        self._strips[key] = (line, strip)
        return strip

    def words(self, text: str) -> Strip:
        """What an empty table says."""
        whole = Column("", "", self.width)
        return Strip(
            [Segment(fit(" " + text, whole, self.width), self._style("empty"))], self.width
        )

    def blank(self) -> Strip:
        """A line without a row."""
        return Strip.blank(self.width, self._style(""))

    def _strip(
        self, cells: Sequence[Cell], gutter: str, style: Style, tones: Mapping[str, Style]
    ) -> Strip:
        parts = [Segment(gutter, style)]
        x = GUTTER
        for place in self.places:
            if place.x > x:
                parts.append(Segment(" " * (place.x - x), style))
            column = self._columns[place.index]
            parts.extend(segments(cells[place.index], column, place.width, style, tones))
            x = place.x + place.width
        if x < self.width:
            parts.append(Segment(" " * (self.width - x), style))
        return Strip(parts, max(x, self.width))

    def _style(self, component: str) -> Style:
        if component not in self._styles:
            self._styles[component] = self._style_of(component)
        return self._styles[component]

    def _ink(self, component: str) -> Style:
        """A component's ink without its ground, so that it lies on the row's own."""
        if component not in self._inks:
            style = self._style(component)
            self._inks[component] = Style(
                color=style.color, bold=style.bold or None, italic=style.italic or None
            )
        return self._inks[component]
