"""A screen as a grid of cells: a grapheme and a pen each."""

from functools import lru_cache

from rich.cells import split_graphemes

from console.line.pen import PLAIN, Pen, blank

_JOINER = "\u200d"
CONTINUED = ""  # the second cell of a wide grapheme


@lru_cache(maxsize=8192)
def cells(text: str) -> tuple[str, ...]:
    """The text cell by cell. What has no width of its own, control characters above all, is left out, and
    what can't be printed is a blank: no text can make the terminal do anything.
    """
    line: list[str] = []
    for start, end, width in split_graphemes(text)[0]:
        if text[start].isprintable():
            shown = "".join(c for c in text[start:end] if c.isprintable() or c == _JOINER)
            line += (shown.rstrip(_JOINER), CONTINUED)[:width]
        else:
            line += (" ",) * width
    return tuple(line)


class Grid:
    """Cells row by row. A wide grapheme fills its cell and an empty one (CONTINUED) after it."""

    __slots__ = ("chars", "height", "pens", "width")

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.chars = [[" "] * width for _ in range(height)]
        self.pens = [[PLAIN] * width for _ in range(height)]

    def put(
        self, x: int, y: int, text: str, pen: Pen, left: int = 0, right: int | None = None
    ) -> None:
        """Write text from cell `x` of row `y`, only what lies in `left` ≤ cell < `right`.

        A wide grapheme on the edge is written whole, one on the edge of the screen becomes blank.
        """
        if not 0 <= y < self.height:
            return
        line = text if text.isascii() and text.isprintable() else cells(text)
        end = x + len(line)
        start, stop = max(x, left), min(end, self.width if right is None else right)
        if start >= stop:
            return
        start -= line[start - x] == CONTINUED
        stop += stop < end and line[stop - x] == CONTINUED
        start, stop = max(start, 0), min(stop, self.width)
        if start >= stop:
            return
        shown = list(line[start - x : stop - x])
        if shown[0] == CONTINUED:
            shown[0] = " "
        if stop < end and line[stop - x] == CONTINUED:
            shown[-1] = " "
        self._write(start, y, shown, pen)

    def _write(self, x: int, y: int, shown: list[str], pen: Pen) -> None:
        chars, pens = self.chars[y], self.pens[y]
        end = x + len(shown)
        if chars[x] == CONTINUED:
            chars[x - 1], pens[x - 1] = " ", blank(pens[x - 1])
        if end < self.width and chars[end] == CONTINUED:
            chars[end], pens[end] = " ", blank(pens[end])
        chars[x:end] = shown
        pens[x:end] = [pen] * len(shown)
        empty = blank(pen)
        if empty is not pen:
            for offset, char in enumerate(shown):
                if char == " ":
                    pens[x + offset] = empty
