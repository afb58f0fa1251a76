"""The live table: the cursor follows its row, only changed cells are painted, outside text is only text."""

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.geometry import Region

from widgets.table import Cell, Column, Field, LiveTable

COLUMNS = (
    Column("symbol", "Symbol", 6),
    Column("name", "Name", 8, flex=1, priority=2),
    Column("price", "Price", 9, align="right"),
    Column("pl", "P&L", 11, align="right", priority=1),
)


class Watched(LiveTable):
    """A live table that remembers what it asked to be painted again and what it said."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, empty="no positions", id="table")
        self.asked: list[Region] = []

    def refresh(self, *regions: Region, **how: bool) -> "Watched":
        self.asked.extend(regions)
        if not regions and how.get("repaint", True) and hasattr(self, "asked"):
            self.asked.append(Region(-1, -1, -1, -1))
        return super().refresh(*regions, **how)


class TableApp(App[None]):
    CSS = "LiveTable { height: 6; width: 60; }"

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def compose(self) -> ComposeResult:
        yield Watched()

    def on_live_table_highlighted(self, message: LiveTable.Highlighted) -> None:
        self.said.append(f"highlighted {message.key}")

    def on_live_table_selected(self, message: LiveTable.Selected) -> None:
        self.said.append(f"selected {message.key}")


def row(symbol: str, price: str, pl: Cell = "") -> tuple[Cell, ...]:
    return (symbol, f"{symbol} Inc", price, pl)


def three() -> dict[str, tuple[Cell, ...]]:
    return {s: row(s, p) for s, p in (("AA", "10.00"), ("FCX", "20.00"), ("NEM", "30.00"))}


def table_of(app: App[None]) -> Watched:
    return app.query_one(Watched)


def lines(table: LiveTable) -> list[str]:
    return [table.render_line(y).text.rstrip() for y in range(table.size.height)]


async def test_the_cursor_goes_with_its_row_when_rows_are_sorted_anew() -> None:
    async with TableApp().run_test() as pilot:
        table = table_of(pilot.app)
        table.update_rows(three())
        table.action_cursor_down()
        assert table.cursor_key == "FCX"
        table.update_rows(three(), ["NEM", "AA", "FCX"])
        await pilot.pause()
        assert table.cursor_key == "FCX"
        assert [line[0] for line in lines(table)[1:4]] == [" ", " ", "›"]
        assert pilot.app.said == ["highlighted AA", "highlighted FCX"]


async def test_when_its_row_vanishes_the_cursor_is_on_no_row_until_moved() -> None:
    async with TableApp().run_test() as pilot:
        table = table_of(pilot.app)
        table.update_rows(three())
        table.action_cursor_down()
        rest = three()
        del rest["FCX"]
        table.update_rows(rest)
        assert table.cursor_key is None
        table.action_select()
        table.action_toggle_mark()
        assert table.marked == ()
        table.action_cursor_down()
        assert table.cursor_key == "NEM"
        await pilot.pause()
        assert pilot.app.said[-2:] == ["highlighted None", "highlighted NEM"]


async def test_only_the_cell_that_changed_is_painted_again() -> None:
    async with TableApp().run_test() as pilot:
        table = table_of(pilot.app)
        table.update_rows(three())
        await pilot.pause()
        table.asked.clear()
        changed = three() | {"FCX": row("FCX", "20.01")}
        table.update_rows(changed)
        assert [(r.y, r.height, r.width) for r in table.asked] == [(2, 1, 9)]
        x = table.asked[0].x
        assert lines(table)[2][x : x + 9] == "    20.01"


async def test_rows_that_say_the_same_are_not_painted_again() -> None:
    async with TableApp().run_test() as pilot:
        table = table_of(pilot.app)
        table.update_rows(three())
        await pilot.pause()
        table.asked.clear()
        table.update_rows(three())
        assert table.asked == []


async def test_a_text_of_another_style_is_painted_again() -> None:
    async with TableApp().run_test() as pilot:
        table = table_of(pilot.app)
        table.update_rows({"AA": row("AA", "1", Text("x", "red"))})
        await pilot.pause()
        table.asked.clear()
        table.update_rows({"AA": row("AA", "1", Text("x", "green"))})
        assert len(table.asked) == 1


@pytest.mark.parametrize(
    "text", ["[/x]", "[AAPL]", "[b]", "a\x1b[2Jb", "tab\there", "[@click=quit]"]
)
async def test_outside_text_is_neither_markup_nor_control(text: str) -> None:
    async with TableApp().run_test() as pilot:
        table = table_of(pilot.app)
        for cell in (text, Text(text), Field(text, "gain")):
            table.update_rows({"AA": ("AA", cell, "1", "")})
            await pilot.pause()
            shown = lines(table)[1]
            assert text.replace("\x1b", " ").replace("\t", " ")[:8] in shown


async def test_the_filter_hides_rows_and_their_marks() -> None:
    async with TableApp().run_test() as pilot:
        table = table_of(pilot.app)
        table.update_rows(three())
        table.action_toggle_mark()
        table.action_cursor_bottom()
        table.action_toggle_mark()
        assert table.marked == ("AA", "NEM")
        table.set_filter("fcx")
        assert (table.keys, table.cursor_key, table.marked) == (("FCX",), "FCX", ())
        table.set_filter("")
        assert table.marked == ("AA", "NEM")
        table.set_filter("no such thing")
        assert table.cursor_key is None
        await pilot.pause()
        assert "nothing matches" in lines(table)[1]
        table.asked.clear()
        table.set_filter("nor this")
        assert [region.y for region in table.asked] == [1]


async def test_marks_of_rows_that_are_gone_are_gone() -> None:
    async with TableApp().run_test() as pilot:
        table = table_of(pilot.app)
        table.update_rows(three())
        table.action_toggle_mark()
        table.update_rows({})
        table.update_rows(three())
        assert table.marked == ()


async def test_an_empty_table_says_so() -> None:
    async with TableApp().run_test() as pilot:
        await pilot.pause()
        assert lines(table_of(pilot.app))[1].strip() == "no positions"


async def test_moving_past_the_edge_of_the_view_scrolls() -> None:
    async with TableApp().run_test() as pilot:
        table = table_of(pilot.app)
        table.update_rows({f"S{n:02}": row(f"S{n:02}", str(n)) for n in range(20)})
        await pilot.pause()
        table.action_cursor_bottom()
        await pilot.pause()
        assert lines(table)[0].split()[0] == "Symbol"
        assert lines(table)[-1].startswith("›S19")
        table.action_page_up()
        assert table.cursor_key == "S15"
        table.action_cursor_top()
        await pilot.pause()
        assert lines(table)[1].startswith("›S00")


async def test_a_click_moves_and_a_second_click_opens() -> None:
    async with TableApp().run_test() as pilot:
        table_of(pilot.app).update_rows(three())
        await pilot.pause()
        await pilot.click("#table", offset=(3, 2))
        await pilot.click("#table", offset=(3, 2))
        await pilot.pause()
        assert pilot.app.said == ["highlighted AA", "highlighted FCX", "selected FCX"]


@pytest.mark.parametrize("width", [8, 20, 31, 40, 60])
async def test_a_line_is_never_wider_or_narrower_than_the_table(width: int) -> None:
    async with TableApp().run_test(size=(width, 8)) as pilot:
        table = table_of(pilot.app)
        table.styles.width = width
        table.update_rows(
            {"AA": row("株式会社AA", "1,234.50", Text("日本 loss", "red")), **three()}
        )
        await pilot.pause()
        for y in range(table.size.height):
            assert table.render_line(y).cell_length == table.size.width == width


async def test_a_row_with_a_missing_cell_is_refused() -> None:
    async with TableApp().run_test() as pilot:
        with pytest.raises(ValueError, match="row AA has 1 cells for 4 columns"):
            table_of(pilot.app).update_rows({"AA": ("AA",)})


async def test_an_order_that_names_an_unknown_row_is_refused_and_changes_nothing() -> None:
    async with TableApp().run_test() as pilot:
        table = table_of(pilot.app)
        table.update_rows(three())
        with pytest.raises(KeyError, match="XOM"):
            table.update_rows(three(), ["AA", "XOM"])
        assert table.keys == ("AA", "FCX", "NEM")


async def test_rows_given_before_the_table_is_on_the_screen_are_shown() -> None:
    class Early(App[None]):
        def compose(self) -> ComposeResult:
            table = Watched()
            table.update_rows(three())
            yield table

    async with Early().run_test() as pilot:
        await pilot.pause()
        assert lines(table_of(pilot.app))[1].startswith("›AA")


async def test_a_title_that_does_not_fit_is_cut_like_a_word() -> None:
    class Titles(App[None]):
        def compose(self) -> ComposeResult:
            yield LiveTable([Column("a", "Average", 5, align="right"), Column("b", "B", 3)])

    async with Titles().run_test() as pilot:
        await pilot.pause()
        assert pilot.app.query_one(LiveTable).render_line(0).text.split() == ["Aver…", "B"]
