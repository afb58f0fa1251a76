"""What to send so that the terminal shows what is wanted: only cells that differ, by the shortest way."""

from dataclasses import dataclass, field
from functools import lru_cache

from console.line.grid import CONTINUED, Grid
from console.line.pen import PLAIN, Pen, change

CLEAR = "\x1b[0m\x1b[2J"
ERASE_TO_END = "\x1b[K"
_LONGEST_GAP = 4  # cells: a longer gap is always cheaper jumped over than written again


@dataclass(slots=True)
class Shown:
    """What the terminal shows once it has read all we sent: its cells, its pen, where its cursor is.

    `x` is None when we can't know: at first, after the last column, and after graphemes on whose width
    terminals disagree.
    """

    grid: Grid
    x: int | None = None
    y: int | None = None
    pen: Pen = PLAIN
    next_row: int = field(default=0)  # where the next diff begins, so that no row starves

    @property
    def unfinished(self) -> bool:
        """Whether the last diff stopped at its limit."""
        return self.next_row != 0

    @classmethod
    def cleared(cls, width: int, height: int) -> "Shown":
        """A terminal that has just read CLEAR."""
        return cls(Grid(width, height))


def diff(
    shown: Shown,
    wanted: Grid,
    cursor: tuple[int, int] | None = None,
    *,
    limit: int | None = None,
    fills: bool = False,
) -> str:
    """What makes the terminal show `wanted`; `shown` is brought up to date with it.

    The grids are of one size. With a `limit` (characters) it stops after the row that reaches it, and the
    next diff goes on from there with whatever is wanted by then. `fills` says that this terminal erases
    with the ground of the pen rather than its own. `cursor` is where to leave the cursor, when it matters.
    """
    out: list[str] = []
    size = 0
    begin, height = shown.next_row % max(1, wanted.height), wanted.height
    shown.next_row = 0
    for y in (*range(begin, height), *range(begin)):
        start = len(out)
        _row(out, shown, wanted, y, fills)
        size += sum(map(len, out[start:]))
        if limit is not None and size >= limit:
            shown.next_row = y + 1
            break
    if cursor is not None and cursor != (shown.x, shown.y):
        _move(out, shown, *cursor)
    return "".join(out)


def _row(out: list[str], shown: Shown, wanted: Grid, y: int, fills: bool) -> None:
    old, new = shown.grid.chars[y], wanted.chars[y]
    was, pens = shown.grid.pens[y], wanted.pens[y]
    if old == new and was == pens:
        return
    last = max(x for x in range(wanted.width) if old[x] != new[x] or was[x] is not pens[x])
    tail = _blank_tail(new, pens, fills)
    x = 0
    while x <= last:
        if old[x] == new[x] and was[x] is pens[x]:
            x += 1
            continue
        if new[x] == CONTINUED:
            x -= 1
        _go(out, shown, new, pens, x, y)
        if tail <= x and last - x >= len(ERASE_TO_END):
            _take(out, shown, pens[x])
            out.append(ERASE_TO_END)
            old[x:], was[x:] = new[x:], pens[x:]
            return
        width = _draw(out, shown, new, pens, x)
        old[x : x + width], was[x : x + width] = new[x : x + width], pens[x : x + width]
        x += width


def _blank_tail(chars: list[str], pens: list[Pen], fills: bool) -> int:
    """The cell from which on the row is blank in one ground that erasing gives it."""
    x = len(chars)
    ground = pens[-1]
    if ground.attributes or ground.ink or (ground.ground and not fills):
        return x
    while x and chars[x - 1] == " " and pens[x - 1] is ground:
        x -= 1
    return x


def _go(out: list[str], shown: Shown, chars: list[str], pens: list[Pen], x: int, y: int) -> None:
    """Bring the cursor to a cell of the row being drawn, over a short gap by writing it again."""
    if shown.y == y and shown.x is not None and shown.x < x <= shown.x + _LONGEST_GAP:
        gap = range(shown.x, x)
        again = "".join(chars[i] for i in gap)
        if (
            all(_suits(shown.pen, chars[i], pens[i]) and len(chars[i]) == 1 for i in gap)
            and again.isascii()
            and len(again) <= len(_way(shown.x, y, x, y))
        ):
            out.append(again)
            shown.x = x
    if (x, y) != (shown.x, shown.y):
        _move(out, shown, x, y)


def _draw(out: list[str], shown: Shown, chars: list[str], pens: list[Pen], x: int) -> int:
    """Write the cell under the cursor; returns its width."""
    char = chars[x]
    width = 2 if x + 1 < len(chars) and chars[x + 1] == CONTINUED else 1
    if not _suits(shown.pen, char, pens[x]):
        _take(out, shown, pens[x])
    out.append(char)
    sure = width == 1 and len(char) == 1 and x + 1 < len(chars)
    shown.x = x + 1 if sure else None
    return width


def _suits(held: Pen, char: str, pen: Pen) -> bool:
    return held is pen or (char == " " and held.blanks_like(pen))


def _take(out: list[str], shown: Shown, pen: Pen) -> None:
    out.append(change(shown.pen, pen))
    shown.pen = pen


def _move(out: list[str], shown: Shown, x: int, y: int) -> None:
    out.append(_way(shown.x, shown.y, x, y))
    shown.x, shown.y = x, y


@lru_cache(maxsize=65536)
def _way(from_x: int | None, from_y: int | None, x: int, y: int) -> str:
    """The shortest sequence that moves the cursor."""
    ways = [f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H" if y else "\x1b[H"]
    if from_y is not None:
        down = _relative(y - from_y, "B", "A")
        across = [f"\x1b[{x + 1}G"] if x else ["\r"]
        if from_x is not None:
            across.append(_relative(x - from_x, "C", "D"))
        ways += [down + way for way in across]
    return min(ways, key=len)


def _relative(by: int, forward: str, back: str) -> str:
    if by == 0:
        return ""
    count = "" if abs(by) == 1 else str(abs(by))
    return f"\x1b[{count}{forward if by > 0 else back}"
