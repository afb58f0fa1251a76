"""A table for figures that never stand still.

Textual's DataTable repaints whole for every cell (45 ms and 23 KB a frame at 120×40). This one is drawn line
by line and asks only for the cells that changed to be painted again. Rows have keys, and the cursor and the
marks belong to keys: when rows are sorted anew the cursor goes with its row, and when its row vanishes the
cursor is on no row until the trader moves it, so that a key pressed just then acts on nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, NamedTuple, TypedDict, Unpack

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from widgets.table.cell import Cell, fit, same, segments, words
from widgets.table.column import Column, Place, lay_out

HEADER = 1  # lines of column titles, always in view
TONES = ("gain", "loss", "stale", "muted", "warning")
GUTTERS = {(False, False): " ", (True, False): "›", (False, True): "•", (True, True): "»"}


class Line(NamedTuple):
    """All that decides how a line of the table looks."""

    cells: tuple[Cell, ...]
    at_cursor: bool
    marked: bool


class Attributes(TypedDict, total=False):
    """What every widget may be given."""

    name: str | None
    id: str | None
    classes: str | None


class LiveTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows by key in declared columns; give it all rows each time, it paints the cells that differ.

    It binds no keys itself: the keymap binds them to its actions (`cursor_up`, `cursor_down`, `cursor_top`,
    `cursor_bottom`, `page_up`, `page_down`, `select`, `toggle_mark`, `clear_marks`).
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "live-table--header",
        "live-table--cursor",
        "live-table--marked",
        "live-table--empty",
        *(f"live-table--{tone}" for tone in TONES),
    }
    DEFAULT_CSS = """
    LiveTable {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        & > .live-table--header { color: $foreground 70%; text-style: bold; }
        & > .live-table--cursor { background: $block-cursor-blurred-background; }
        & > .live-table--marked { text-style: bold; }
        & > .live-table--empty { color: $foreground 60%; }
        & > .live-table--gain { color: $text-success; }
        & > .live-table--loss { color: $text-error; }
        & > .live-table--warning { color: $text-warning; }
        & > .live-table--stale { color: $text-warning; text-style: italic; }
        & > .live-table--muted { color: $foreground 60%; }
        &:focus > .live-table--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
    }
    """

    class _About(Message):
        def __init__(self, table: "LiveTable") -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> "LiveTable":
            return self.table

    class Highlighted(_About):
        """The cursor came to another row; `key` is None when it is on none."""

        def __init__(self, table: "LiveTable", key: str | None) -> None:
            super().__init__(table)
            self.key = key

    class Selected(_About):
        """The row was opened (Enter, or a click on the row under the cursor)."""

        def __init__(self, table: "LiveTable", key: str) -> None:
            super().__init__(table)
            self.key = key

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        empty: str = "",
        **attributes: Unpack[Attributes],
    ) -> None:
        super().__init__(**attributes)
        self.columns = tuple(columns)
        self.empty = empty
        self._rows: dict[str, tuple[Cell, ...]] = {}
        self._order: tuple[str, ...] = ()
        self._shown: list[str] = []
        self._line_of: dict[str, int] = {}
        self._filter = ""
        self._marks: set[str] = set()
        self._cursor: str | None = None
        self._cursor_line = 0  # where the cursor was last, for when its row is gone
        self._untouched = True  # until rows first came, the cursor has nowhere to be
        self._places: tuple[Place, ...] = ()
        self._room = -1  # the width the columns are laid out for
        self._strips: dict[str, tuple[Line, Strip]] = {}
        self._styles_of: dict[str, Style] = {}
        self._inks: dict[str, Style] = {}

    # What is there

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor, None when it is on no row."""
        return self._cursor

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the rows shown, in order; rows that the filter hides are not among them."""
        return tuple(self._shown)

    @property
    def marked(self) -> tuple[str, ...]:
        """The keys of the marked rows, in order. Marks on rows the filter hides don't count."""
        return tuple(key for key in self._shown if key in self._marks)

    @property
    def filter_text(self) -> str:
        """The words rows are filtered by."""
        return self._filter

    # What changes it

    def update_rows(
        self, rows: Mapping[str, Sequence[Cell]], order: Sequence[str] | None = None
    ) -> None:
        """Show these rows, all of them, in this order (by default the mapping's own).

        Rows that are not in `order` are not shown. Raises KeyError when `order` names a row that is not
        there, ValueError when a row has not one cell a column.
        """
        in_order = tuple(rows if order is None else dict.fromkeys(order))
        if missing := [key for key in in_order if key not in rows]:
            raise KeyError(*missing)
        kept = {key: self._kept(key, tuple(cells)) for key, cells in rows.items()}
        with self._repainting():
            self._rows, self._order = kept, in_order
            self._marks &= self._rows.keys()
            self._strips = {key: s for key, s in self._strips.items() if key in self._rows}
            self._arrange()
            if self._untouched and self._shown:
                self._untouched = False
                self._put_cursor(self._shown[0])
            elif self._cursor is not None:
                self._put_cursor(self._cursor if self._cursor in self._line_of else None)

    def set_filter(self, text: str) -> None:
        """Show only rows that have every word of `text` in some cell, capitals or not."""
        with self._repainting():
            self._filter = text
            self._arrange()
            if self._cursor not in self._line_of:
                self._put_cursor(self._shown[0] if self._shown else None)

    def move_cursor(self, key: str) -> None:
        """Put the cursor on a row. Raises KeyError when that row is not shown."""
        self._line_of[key]
        with self._repainting():
            self._put_cursor(key)

    def action_cursor_up(self) -> None:
        """One row up."""
        self._step(-1)

    def action_cursor_down(self) -> None:
        """One row down."""
        self._step(0 if self._cursor is None else 1)

    def action_page_up(self) -> None:
        """A screenful up."""
        self._step(-max(1, self._window - 1))

    def action_page_down(self) -> None:
        """A screenful down."""
        self._step(max(1, self._window - 1))

    def action_cursor_top(self) -> None:
        """To the first row."""
        self._step(-len(self._shown))

    def action_cursor_bottom(self) -> None:
        """To the last row."""
        self._step(len(self._shown))

    def action_select(self) -> None:
        """Open the row under the cursor."""
        if self._cursor is not None:
            self.post_message(self.Selected(self, self._cursor))

    def action_toggle_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away."""
        if self._cursor is not None:
            with self._repainting():
                self._marks ^= {self._cursor}

    def action_clear_marks(self) -> None:
        """Take all marks away, those on hidden rows too."""
        with self._repainting():
            self._marks.clear()

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor on a row, another on the same row opens it."""
        at = event.get_content_offset(self)
        if at is None or at.y < HEADER:
            return
        line = at.y - HEADER + self.scroll_offset.y
        if line >= len(self._shown):
            return
        if self._shown[line] == self._cursor:
            self.action_select()
        else:
            self.move_cursor(self._shown[line])

    # How that is done

    @property
    def _window(self) -> int:
        return max(1, self.size.height - HEADER)

    def _kept(self, key: str, cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
        """The cells we have already if they look the same, so that their drawing stays valid."""
        if len(cells) != len(self.columns):
            raise ValueError(f"row {key} has {len(cells)} cells for {len(self.columns)} columns")
        old = self._rows.get(key)
        return old if old is not None and all(map(same, old, cells)) else cells

    def _arrange(self) -> None:
        wanted = self._filter.casefold().split()
        self._shown = [
            key for key in self._order if not wanted or _matches(self._rows[key], wanted)
        ]
        self._line_of = {key: line for line, key in enumerate(self._shown)}
        size = Size(self.size.width, HEADER + len(self._shown))
        if size != self.virtual_size:
            self.virtual_size = size

    def _step(self, by: int) -> None:
        if self._shown:
            line = min(max(self._cursor_line + by, 0), len(self._shown) - 1)
            self.move_cursor(self._shown[line])

    def _put_cursor(self, key: str | None) -> None:
        if key is not None:
            self._cursor_line = self._line_of[key]
            self._scroll_into_view(self._cursor_line)
        if key != self._cursor:
            self._cursor = key
            self.post_message(self.Highlighted(self, key))

    def _scroll_into_view(self, line: int) -> None:
        top = self.scroll_offset.y
        wanted = min(max(top, line - self._window + 1), line)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False)

    @contextmanager
    def _repainting(self) -> Iterator[None]:
        """Whatever changes inside, the cells in view that look different afterwards are painted again."""
        before = self._view()
        yield
        if not self.is_mounted or self._room != self.size.width:
            return
        regions: list[Region] = []
        for y, (old, new) in enumerate(zip(before, self._view(), strict=False), HEADER):
            if old is None and new is None:
                continue
            if old is None or new is None or old[1:] != new[1:]:
                regions.append(Region(0, y, self.size.width, 1))
            elif old.cells is not new.cells:
                regions.extend(
                    Region(place.x, y, place.width, 1)
                    for place in self._places
                    if not same(old.cells[place.index], new.cells[place.index])
                )
        if regions:
            self.refresh(*regions)

    def _view(self) -> list[Line | None]:
        """What is on each line below the header; None for a line without a row."""
        top = self.scroll_offset.y
        keys = self._shown[top : top + self._window]
        lines: list[Line | None] = [self._line(key) for key in keys]
        return lines + [None] * (self._window - len(lines))

    def _line(self, key: str) -> Line:
        return Line(self._rows[key], key == self._cursor, key in self._marks)

    # Drawing

    def on_resize(self) -> None:
        """A new width may have room for other columns."""
        self.virtual_size = Size(self.size.width, HEADER + len(self._shown))
        if self._cursor is not None:
            self._scroll_into_view(self._cursor_line)

    def notify_style_update(self) -> None:
        """Drawn rows are of the old colours."""
        self._forget_drawings()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Draw one line of what is in view."""
        width = self.size.width
        if width != self._room:
            self._forget_drawings()
            self._room = width
            self._places = lay_out(self.columns, width)
        if y < HEADER:
            return self._strip(self._titles(), " ", self._style("header"), {})
        line = y - HEADER + self.scroll_offset.y
        if line < len(self._shown):
            return self._drawn(self._shown[line])
        if line == 0:
            text = (
                f"nothing matches “{self._filter}”" if self._rows and self._filter else self.empty
            )
            whole = Column("", "", width)
            return Strip([Segment(fit(" " + text, whole, width), self._style("empty"))], width)
        return Strip.blank(width, self.rich_style)

    def _titles(self) -> list[str]:
        """The columns' titles, those that don't fit cut short."""
        titles = [column.title for column in self.columns]
        for place in self._places:
            as_word = Column("", "", place.width)
            titles[place.index] = fit(titles[place.index], as_word, place.width).rstrip()
        return titles

    def _drawn(self, key: str) -> Strip:
        line = self._line(key)
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

    def _strip(
        self, cells: Sequence[Cell], gutter: str, style: Style, tones: Mapping[str, Style]
    ) -> Strip:
        parts = [Segment(gutter, style)]
        x = 1
        for place in self._places:
            if place.x > x:
                parts.append(Segment(" " * (place.x - x), style))
            column = self.columns[place.index]
            parts.extend(segments(cells[place.index], column, place.width, style, tones))
            x = place.x + place.width
        if x < self.size.width:
            parts.append(Segment(" " * (self.size.width - x), style))
        return Strip(parts, max(x, self.size.width))

    def _style(self, component: str) -> Style:
        """A component's style; "" is the table's own."""
        if component not in self._styles_of:
            self._styles_of[component] = (
                self.get_component_rich_style(f"live-table--{component}")
                if component
                else self.rich_style
            )
        return self._styles_of[component]

    def _ink(self, component: str) -> Style:
        """A component's ink without its ground, so that it lies on the row's own."""
        if component not in self._inks:
            style = self._style(component)
            self._inks[component] = Style(
                color=style.color, bold=style.bold or None, italic=style.italic or None
            )
        return self._inks[component]

    def _forget_drawings(self) -> None:
        self._strips.clear()
        self._styles_of.clear()
        self._inks.clear()


def _matches(cells: Sequence[Cell], wanted: Sequence[str]) -> bool:
    text = " ".join(map(words, cells)).casefold()
    return all(word in text for word in wanted)
