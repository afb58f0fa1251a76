"""The programs `console_line` measures: the same positions drawn by a raw ANSI loop, by us, and by DataTable.

Run on a pseudo-terminal as `python -m benchmarks.line_programs NAME POSITIONS`; says on the descriptor in
$REPORT when the measured time begins and ends, with the processor time used. Each key shows the next of MARKS.
"""

import json
import os
import sys
import termios
import time
import tty
from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random

from rich.text import Text
from textual.app import App, ComposeResult
from textual.events import Key
from textual.widgets import DataTable, Static

from console.line.app import SlowLineApp
from widgets.table import Column, Field, LiveTable
from widgets.table.fields import money, percent, price, qty, signed_money, signed_percent

QUOTES_A_SECOND = 1000
FRAMES_A_SECOND = 10  # the desk sends quotes at most ten times a second
WARM_UP, MEASURED = 1.0, 6.0  # seconds

COLUMNS = (
    Column("symbol", "Symbol", 6),
    Column("name", "Name", 20, flex=1),
    Column("qty", "Qty", 7, align="right"),
    Column("entry", "Avg entry", 9, align="right"),
    Column("bid", "Bid", 9, align="right"),
    Column("ask", "Ask", 9, align="right"),
    Column("last", "Last", 9, align="right"),
    Column("value", "Value", 12, align="right"),
    Column("pl", "P&L", 14, align="right"),
    Column("plpc", "P&L %", 11, align="right"),
    Column("weight", "Weight", 7, align="right"),
)
MARKS = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫"
CENT = Decimal("0.01")
Row = tuple[str | Field, ...]


class Book:
    """Positions whose prices walk by a cent either way or stay, quote by quote, from a fixed seed."""

    def __init__(self, positions: int) -> None:
        self.random = Random(8)
        self.last = [Decimal(self.random.randrange(1000, 90000)) / 100 for _ in range(positions)]
        self.entry = [last - self.random.randrange(-300, 300) * CENT for last in self.last]
        self.qty = [Decimal(self.random.randrange(1, 60) * 10) for _ in range(positions)]

    def tick(self) -> dict[str, Row]:
        """A frame's worth of quotes, and the rows after them."""
        for _ in range(QUOTES_A_SECOND // FRAMES_A_SECOND):
            index = self.random.randrange(len(self.last))
            self.last[index] += self.random.choice((-1, 0, 0, 1)) * CENT
        equity = sum(map(Decimal.__mul__, self.last, self.qty), Decimal())
        return {f"S{index:02}": self._row(index, equity) for index in range(len(self.last))}

    def _row(self, index: int, equity: Decimal) -> Row:
        last, entry, held = self.last[index], self.entry[index], self.qty[index]
        return (
            f"S{index:02}",
            f"Company number {index}",
            qty(held),
            price(entry),
            price(last - CENT),
            price(last + CENT),
            price(last),
            money(last * held),
            signed_money((last - entry) * held),
            signed_percent(last / entry - 1),
            percent(last * held / equity),
        )


class Meter:
    """Tells when measuring begins and ends."""

    def __init__(self) -> None:
        self.report = int(os.environ["REPORT"])
        self.frames = 0

    def frame(self) -> bool:
        """Count a frame; False after the last."""
        self.frames += 1
        if self.frames == int(WARM_UP * FRAMES_A_SECOND):
            self._tell("begin")
        if self.frames == int((WARM_UP + MEASURED) * FRAMES_A_SECOND):
            self._tell("end")
            return False
        return True

    def _tell(self, what: str) -> None:
        now = {"what": what, "cpu": time.process_time(), "at": time.monotonic()}
        os.write(self.report, json.dumps(now).encode() + b"\n")


def raw(positions: int) -> None:
    """The floor: a loop that writes the cells that changed, each placed and coloured."""
    meter, book = Meter(), Book(positions)
    modes = termios.tcgetattr(0)
    tty.setraw(0)
    shown: dict[str, Row] = {}
    starts = [sum(c.width + 2 for c in COLUMNS[:n]) + 1 for n in range(len(COLUMNS))]
    ink = {"": "", "gain": "\x1b[32m", "loss": "\x1b[31m"}
    os.write(1, b"\x1b[?1049h\x1b[2J")
    until = time.monotonic()
    while True:
        out: list[str] = []
        for y, (key, row) in enumerate(book.tick().items()):
            old: Sequence[str | Field | None] = shown.get(key, (None,) * len(COLUMNS))
            for column, x, was, cell in zip(COLUMNS, starts, old, row, strict=True):
                if was != cell and y < 49:
                    tone = ink[cell.tone] if isinstance(cell, Field) else ""
                    end = "\x1b[m" if tone else ""
                    out.append(f"\x1b[{y + 2};{x}H{tone}{cell!s:>{column.width}}{end}")
            shown[key] = row
        os.write(1, "".join(out).encode())
        if not meter.frame():
            break
        until += 1 / FRAMES_A_SECOND
        time.sleep(max(0.0, until - time.monotonic()))
    os.write(1, b"\x1b[?1049l")
    termios.tcsetattr(0, termios.TCSADRAIN, modes)


class Keyed:
    """Answers each key with the next mark at the top of the screen."""

    def __init__(self) -> None:
        self.marks = iter(MARKS)
        self.label = Static("-", markup=False)

    def answer(self, event: Key) -> None:
        event.stop()
        self.label.update(next(self.marks, "-"))


class Ours(SlowLineApp[None]):
    """LiveTable on SlowLineDriver."""

    def __init__(self, positions: int) -> None:
        super().__init__()
        self.meter, self.book, self.keyed = Meter(), Book(positions), Keyed()

    def compose(self) -> ComposeResult:
        yield self.keyed.label
        yield LiveTable(COLUMNS)

    def on_key(self, event: Key) -> None:
        self.keyed.answer(event)

    def on_mount(self) -> None:
        self.set_interval(1 / FRAMES_A_SECOND, self.tick)

    def tick(self) -> None:
        self.query_one(LiveTable).update_rows(self.book.tick())
        if not self.meter.frame():
            self.exit()


class Stock(App[None]):
    """Textual's DataTable on its own driver, cells updated where they changed."""

    def __init__(self, positions: int) -> None:
        super().__init__()
        self.meter, self.book, self.keyed = Meter(), Book(positions), Keyed()

    def compose(self) -> ComposeResult:
        yield self.keyed.label
        yield DataTable()

    def on_key(self, event: Key) -> None:
        self.keyed.answer(event)

    def on_mount(self) -> None:
        self.shown = self.book.tick()
        self.table: DataTable[Text] = self.query_one(DataTable)
        for column in COLUMNS:
            self.table.add_column(column.title, width=column.width, key=column.key)
        for key, row in self.shown.items():
            self.table.add_row(*map(self.text, row), key=key)
        self.set_interval(1 / FRAMES_A_SECOND, self.tick)

    def text(self, cell: str | Field) -> Text:
        ink = {"gain": "green", "loss": "red"}
        return Text(str(cell), ink.get(cell.tone, "") if isinstance(cell, Field) else "")

    def tick(self) -> None:
        for key, row in self.book.tick().items():
            for column, was, cell in zip(COLUMNS, self.shown[key], row, strict=True):
                if was != cell:
                    self.table.update_cell(key, column.key, self.text(cell))
            self.shown[key] = row
        if not self.meter.frame():
            self.exit()


PROGRAMS: dict[str, Callable[[int], None]] = {
    "raw": raw,
    "ours": lambda positions: Ours(positions).run(),
    "datatable": lambda positions: Stock(positions).run(),
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](int(sys.argv[2]))
