"""A table for figures that never stand still.

Textual's DataTable repaints whole for every cell (45 ms and 23 KB a frame at 120×40). This one is drawn line
by line and asks only for the cells that changed to be painted again. Rows have keys, and the cursor and the
marks belong to keys: when rows are sorted anew the cursor goes with its row, and when its row vanishes the
cursor is on no row until the trader moves it, so that a key pressed just then acts on nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, TypedDict, Unpack

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from widgets.table.cell import Cell, same, words
from widgets.table.column import Column
from widgets.table.drawing import TONES, Drawing, Line

HEADER = 1  # lines of column titles, always in view


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
        self._drawing = Drawing(self.columns, self._style_of)

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
            self._drawing.keep_only(self._rows.keys())
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
        if not self.is_mounted or self._drawing.width != self.size.width:
            return
        regions: list[Region] = []
        if not self._shown:
            regions.append(Region(0, HEADER, self.size.width, 1))  # what it says may have changed
        for y, (old, new) in enumerate(zip(before, self._view(), strict=False), HEADER):
            if old is None and new is None:
                continue
            if old is None or new is None or old[1:] != new[1:]:
                regions.append(Region(0, y, self.size.width, 1))
            elif old.cells is not new.cells:
                regions.extend(
                    Region(place.x, y, place.width, 1)
                    for place in self._drawing.places
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
        self._drawing.forget()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Draw one line of what is in view."""
        self._drawing.fit_into(self.size.width)
        if y < HEADER:
            return self._drawing.titles()
        line = y - HEADER + self.scroll_offset.y
        if line < len(self._shown):
            key = self._shown[line]
            return self._drawing.row(key, self._line(key))
        if line == 0:
            filtered = self._filter and self._rows
            return self._drawing.words(
                f"nothing matches “{self._filter}”" if filtered else self.empty
            )
        return self._drawing.blank()

    def _style_of(self, component: str) -> Style:
        if not component:
            return self.rich_style
        return self.get_component_rich_style(f"live-table--{component}")


def _matches(cells: Sequence[Cell], wanted: Sequence[str]) -> bool:
    text = " ".join(map(words, cells)).casefold()
    return all(word in text for word in wanted)
