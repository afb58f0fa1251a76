"""What we paint frame by frame is what Textual would draw if it drew all; without a terminal nothing changes."""

from collections.abc import Iterable

import pyte
from rich.color import ColorSystem
from rich.console import RenderableType
from rich.text import Text
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Label, Static

from console.line.app import SlowLineApp
from console.line.diff import CLEAR, Shown, diff
from console.line.grid import Grid
from console.line.paint import paint
from widgets.table import Column, LiveTable

WIDTH, HEIGHT = 50, 16


class Box(ModalScreen[None]):
    CSS = "Box { align: center middle; } #in { width: 20; height: 5; border: round red; }"

    def compose(self) -> ComposeResult:
        yield Static("日本 halted?", id="in")


class Drawn(SlowLineApp[None]):
    """Draws every frame twice: the whole screen as Textual writes it, and what changed as we do."""

    CSS = """
    #left { width: 1fr; border: solid blue; } #right { width: 1fr; }
    #over { layer: top; offset: 8 5; width: 12; height: 3; background: green; }
    Screen { layers: base top; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.theirs, self.ours = (pyte.Screen(WIDTH, HEIGHT) for _ in range(2))
        self.grid, self.shown = Grid(WIDTH, HEIGHT), Shown.cleared(WIDTH, HEIGHT)
        self.frames: list[bool] = []
        for screen in (self.theirs, self.ours):
            screen.reset_mode(pyte.modes.DECAWM)
            pyte.Stream(screen).feed(CLEAR)

    def compose(self) -> ComposeResult:
        with Horizontal():
            with VerticalScroll(id="left"):
                yield LiveTable([Column("a", "A", 6), Column("b", "B", 8, align="right")])
                for number in range(20):
                    yield Label(f"line {number} 株式 ▲")
            with VerticalScroll(id="right"):
                yield Input("typed here")
                yield Static("[b]not[/b] markup", markup=False)
        yield Static("over 株式会社 all", id="over")

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, LayoutUpdate | ChopsUpdate):
            whole = screen._compositor.render_update(
                full=True, screen_stack=self._background_screens
            )
            self.theirs.reset()
            self.theirs.reset_mode(pyte.modes.DECAWM)
            pyte.Stream(self.theirs).feed(CLEAR + whole.render_segments(self.console))
            paint(self.grid, renderable, self.console._color_system)
            pyte.Stream(self.ours).feed(diff(self.shown, self.grid))
            self.frames.append(looks(self.theirs) == looks(self.ours))
        super()._display(screen, renderable)


def looks(screen: pyte.Screen) -> list[list[tuple[object, ...]]]:
    return [[seen(screen.buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]


def seen(char: pyte.screens.Char) -> tuple[object, ...]:
    if char.data == " " and not (char.underscore or char.reverse or char.strikethrough):
        return (" ", char.bg)
    return (char.data, char.fg, char.bg, char.bold, char.underscore, char.reverse)


async def test_every_frame_is_what_textual_would_have_written() -> None:
    app = Drawn()
    app.console._color_system = ColorSystem.TRUECOLOR  # whatever the tests run in
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        table = app.query_one(LiveTable)
        for number in range(5):
            table.update_rows({f"S{n}": (f"S{n}", f"{n * number}.00") for n in range(4)})
            await pilot.pause()
        table.action_cursor_down()
        await pilot.press("tab", "tab", "x", "日", "backspace")
        app.query_one("#left").scroll_to(y=3, animate=False)
        await pilot.pause()
        app.query_one("#over").styles.offset = (15, 7)
        await pilot.pause()
        await app.push_screen(Box())
        await pilot.pause()
        table.update_rows({"S1": (Text("S1", "red"), "9.99")})
        await pilot.pause()
        app.pop_screen()
        await pilot.pause()
        await pilot.resize_terminal(WIDTH, HEIGHT)
        await pilot.pause()
    assert len(app.frames) > 10
    assert all(app.frames), [n for n, same in enumerate(app.frames) if not same]


async def test_without_a_terminal_it_is_a_plain_app() -> None:
    class Plain(SlowLineApp[None]):
        def compose(self) -> Iterable[Label]:
            yield Label("plain")

    async with Plain().run_test() as pilot:
        await pilot.pause()
        assert pilot.app.line is None
        pilot.app.action_redraw()
        assert "plain" in pilot.app.export_screenshot()
