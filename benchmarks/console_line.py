"""Bytes and processor time a second of live positions on a terminal: raw ANSI, ours, DataTable."""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.result import Result, Row

WIDTH, HEIGHT = 160, 50
PROBE, ANSWER = b"\x1b[5n", b"\x1b[0n"
MOST = 25.0  # KiB/s: the promise
HOPED = 2.0  # × raw: the ambition


@dataclass(frozen=True, slots=True)
class Spent:
    """What a program used, a second."""

    kib: float
    cpu_percent: float


def run(program: str, positions: int) -> Spent:
    """Run one program on a terminal that reads at once and answers as terminals do."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    heard, report = os.pipe()
    env = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.line_programs", program, str(positions)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        pass_fds=(report,),
        start_new_session=True,
        env=env | {"REPORT": str(report), "TERM": "xterm-256color", "COLORTERM": "truecolor"},
    )
    os.close(slave)
    os.close(report)
    marks: dict[str, dict[str, Any]] = {}
    at: dict[str, int] = {}
    total = 0
    while "end" not in marks:
        ready = select.select([master, heard], [], [], 30)[0]
        if not ready:
            process.kill()
            raise TimeoutError(f"{program} drew nothing for 30 seconds")
        if master in ready:
            data = os.read(master, 65536)
            total += len(data)
            os.write(master, ANSWER * data.count(PROBE))
        if heard in ready:
            for line in os.read(heard, 4096).splitlines():
                mark = json.loads(line)
                marks[mark["what"]], at[mark["what"]] = mark, total
    while process.poll() is None:
        if select.select([master], [], [], 0.1)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            os.write(master, ANSWER * data.count(PROBE))
    process.wait()
    os.close(master)
    os.close(heard)
    seconds = marks["end"]["at"] - marks["begin"]["at"]
    return Spent(
        kib=(at["end"] - at["begin"]) / 1024 / seconds,
        cpu_percent=100 * (marks["end"]["cpu"] - marks["begin"]["cpu"]) / seconds,
    )


def rows(positions: int, expected: tuple[str, str, str], promise: bool) -> Iterator[Row]:
    """One run of each program, one after the other."""
    raw, ours, stock = (run(program, positions) for program in ("raw", "ours", "datatable"))
    target = f"≤ {MOST:g} KiB/s; hoped ≤ {HOPED:g}× raw" if promise else ""
    met = ours.kib <= MOST if promise else None
    of = f"{positions} positions:"
    yield Row(f"{of} raw ANSI, bytes", raw.kib, "KiB/s", 1.0, expected=expected[0])
    yield Row(f"{of} ours, bytes", ours.kib, "KiB/s", ours.kib / raw.kib, target, met, expected[1])
    yield Row(
        f"{of} DataTable, bytes", stock.kib, "KiB/s", stock.kib / raw.kib, expected=expected[2]
    )
    for who, spent in (("raw ANSI", raw), ("ours", ours), ("DataTable", stock)):
        ratio = spent.cpu_percent / raw.cpu_percent
        yield Row(f"{of} {who}, processor", spent.cpu_percent, "%", ratio)


def measure() -> Result:
    """All 50 positions in view, then 500 of which a tenth is."""
    how = (
        "Positions of 11 columns at 160×50, 1,000 quotes a second taken together ten times a second: the same "
        "cells by a raw ANSI loop that writes the cells that changed, by LiveTable on SlowLineDriver, and by "
        "Textual's DataTable. With 50 positions nearly every row in view changes in every frame. What was "
        "expected was measured with 500 positions, one cell a quote, at 20 Hz. Processor time includes making "
        "quotes and rows, the same in all three."
    )
    all_in_view = rows(50, ("", "", "380"), promise=True)
    a_tenth_in_view = rows(500, ("2.2", "2.7 to 21", "383"), promise=False)
    return Result("console_line", how, (*all_in_view, *a_tenth_in_view))


if __name__ == "__main__":
    for row in measure().rows:
        print(row)
