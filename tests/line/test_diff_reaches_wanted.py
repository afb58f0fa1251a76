"""Whatever the terminal shows, what the diff sends makes it show exactly what is wanted, and no more is sent.

A terminal emulator (pyte) is the judge.
"""

from itertools import pairwise

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color, ColorSystem
from rich.style import Style

from console.line.diff import CLEAR, Shown, diff
from console.line.grid import Grid
from console.line.pen import PLAIN, change, pen, pen_of

WIDTH, HEIGHT = 24, 5

texts = st.text(
    st.sampled_from("ab1.,—│▲é株日\u0301\u00a0\u3000\u200b\t" + " " * 5), min_size=1, max_size=12
)
colours = st.sampled_from(
    [None, "default", "red", "bright_blue", "color(208)", "#1e90ff", "#fefefe"]
)
styles = st.builds(
    Style,
    color=colours,
    bgcolor=colours,
    bold=st.booleans(),
    italic=st.booleans(),
    underline=st.booleans(),
    reverse=st.booleans(),
    strike=st.booleans(),
)
strokes = st.lists(
    st.tuples(st.integers(-3, WIDTH), st.integers(0, HEIGHT - 1), texts, styles), max_size=25
)
systems = st.sampled_from(
    [None, ColorSystem.STANDARD, ColorSystem.EIGHT_BIT, ColorSystem.TRUECOLOR]
)


class Terminal:
    """pyte, and its cells as comparable looks."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.screen.reset_mode(pyte.modes.DECAWM)
        self.stream = pyte.Stream(self.screen)

    def read(self, text: str) -> None:
        self.stream.feed(text)

    def looks(self) -> list[list[tuple[object, ...]]]:
        buffer = self.screen.buffer
        return [[look(buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]


def look(char: pyte.screens.Char) -> tuple[object, ...]:
    """A cell as the eye sees it: on a blank, ink and boldness don't show."""
    lines = (char.underscore, char.strikethrough, char.reverse)
    if char.data == " " and not any(lines):
        return (" ", char.bg)
    return (char.data, char.fg, char.bg, char.bold, char.italics, *lines)


def painted(strokes: list[tuple[int, int, str, Style]], system: ColorSystem | None) -> Grid:
    grid = Grid(WIDTH, HEIGHT)
    for x, y, text, style in strokes:
        grid.put(x, y, text, pen_of(style, system))
    return grid


def plainly(grid: Grid) -> str:
    """The grid drawn the plain way: every cell placed and coloured for itself."""
    out = [CLEAR]
    for y in range(grid.height):
        for x in range(grid.width):
            if grid.chars[y][x]:
                out.append(f"\x1b[{y + 1};{x + 1}H\x1b[0m")
                out.append(change(PLAIN, grid.pens[y][x]) + grid.chars[y][x])
    return "".join(out)


@given(st.lists(strokes, min_size=1, max_size=4), systems, st.booleans())
def test_the_terminal_shows_what_is_wanted(
    frames: list[list[tuple[int, int, str, Style]]], system: ColorSystem | None, fills: bool
) -> None:
    terminal, shown = Terminal(), Shown.cleared(WIDTH, HEIGHT)
    terminal.read(CLEAR)
    for strokes in frames:
        wanted, judge = painted(strokes, system), Terminal()
        judge.read(plainly(wanted))
        terminal.read(diff(shown, wanted, fills=fills))
        assert terminal.looks() == judge.looks()
        assert (shown.grid.chars, shown.grid.pens) == (wanted.chars, wanted.pens)


@given(strokes, strokes, systems, st.integers(1, 60))
def test_in_slices_it_comes_to_the_same(
    first: list[tuple[int, int, str, Style]],
    then: list[tuple[int, int, str, Style]],
    system: ColorSystem | None,
    limit: int,
) -> None:
    terminal, shown = Terminal(), Shown.cleared(WIDTH, HEIGHT)
    terminal.read(CLEAR + diff(shown, painted(first, system), limit=limit))
    wanted, judge = painted(then, system), Terminal()
    for _ in range(HEIGHT + 1):
        terminal.read(diff(shown, wanted, limit=limit))
    judge.read(plainly(wanted))
    assert terminal.looks() == judge.looks()


@given(strokes, systems)
def test_what_is_shown_already_is_not_sent(
    strokes: list[tuple[int, int, str, Style]], system: ColorSystem | None
) -> None:
    shown = Shown.cleared(WIDTH, HEIGHT)
    diff(shown, painted(strokes, system))
    assert diff(shown, painted(strokes, system)) == ""


@given(strokes, st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1))
def test_the_cursor_is_left_where_it_should_be(
    strokes: list[tuple[int, int, str, Style]], x: int, y: int
) -> None:
    terminal, shown = Terminal(), Shown.cleared(WIDTH, HEIGHT)
    terminal.read(CLEAR + diff(shown, painted(strokes, None), (x, y)))
    assert (terminal.screen.cursor.x, terminal.screen.cursor.y) == (x, y)


@given(styles, styles, systems)
def test_a_pen_becomes_the_other(one: Style, other: Style, system: ColorSystem | None) -> None:
    old, new, terminal, judge = pen_of(one, system), pen_of(other, system), Terminal(), Terminal()
    terminal.read(change(PLAIN, old) + change(old, new) + "x")
    judge.read(change(PLAIN, new) + "x")
    assert terminal.looks() == judge.looks()


@pytest.mark.parametrize(
    ("system", "parameters"),
    [
        (ColorSystem.TRUECOLOR, "38;2;30;144;255"),
        (ColorSystem.EIGHT_BIT, "38;5;33"),
        (ColorSystem.STANDARD, "94"),
        (None, ""),
    ],
)
def test_colours_are_those_the_terminal_has(system: ColorSystem | None, parameters: str) -> None:
    assert pen_of(Style(color=Color.parse("#1e90ff")), system) is pen((), parameters, "")


def test_one_changed_digit_costs_a_move_and_a_digit() -> None:
    shown, wanted = Shown.cleared(WIDTH, HEIGHT), Grid(WIDTH, HEIGHT)
    wanted.put(2, 3, "412.50", PLAIN)
    diff(shown, wanted, (0, 0))
    wanted.put(2, 3, "412.51", PLAIN)
    assert diff(shown, wanted) == "\x1b[4;8H1"
    wanted.put(2, 3, "412.62", PLAIN)
    assert diff(shown, wanted) == "\x1b[7G62"


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "a\x07b", "a\u009b2Jb", "a\x00\x9d0;title\x07b"])
def test_no_text_makes_the_terminal_do_anything(text: str) -> None:
    grid = Grid(WIDTH, HEIGHT)
    grid.put(0, 0, text, PLAIN)
    sent = diff(Shown.cleared(WIDTH, HEIGHT), grid)
    assert sent.count("\x1b") == 1
    assert not any(c in sent for c in "\x07\x00\u009b\u009d")


@given(strokes, st.lists(st.integers(0, WIDTH), max_size=4))
def test_painted_piece_by_piece_it_is_the_same(
    strokes: list[tuple[int, int, str, Style]], cuts: list[int]
) -> None:
    whole, pieces = Grid(WIDTH, HEIGHT), Grid(WIDTH, HEIGHT)
    edges = sorted({0, WIDTH, *cuts})
    for x, y, text, style in strokes:
        look = pen_of(style, ColorSystem.TRUECOLOR)
        whole.put(x, y, text, look)
        for left, right in pairwise(edges):
            pieces.put(x, y, text, look, left, right)
    assert (whole.chars, whole.pens) == (pieces.chars, pieces.pens)
