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
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from time import monotonic
from typing import Any

from benchmarks.line_programs import MARKS
from benchmarks.result import Result, Row

WIDTH, HEIGHT = 160, 50
PROBE, ANSWER = b"\x1b[5n", b"\x1b[0n"
MOST = 25.0  # KiB/s: the promise
HOPED = 2.0  # × raw: the ambition
SLOW = 64  # KiB/s a slow line carries
KEYS = 10
GIVEN_UP = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Spent:
    """What a program used, a second."""

    kib: float
    cpu_percent: float


class Terminal:
    """A pseudo-terminal with a program on it; reads what it is told to and answers as terminals do."""

    def __init__(self, program: str, positions: int) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self.heard, report = os.pipe()
        env = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        self.process = subprocess.Popen(
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
        self.marks: dict[str, dict[str, Any]] = {}
        self.total = 0
        self.carry = b""  # the end of what was read, for a probe cut in two

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.heard)

    def read(self, most: int, wait: float) -> bytes:
        """At most so many bytes; marks the program sets are noted with what had been read by then."""
        ready = select.select([self.master, self.heard], [], [], wait)[0]
        data = b""
        if self.master in ready:
            data = os.read(self.master, most)
            self.total += len(data)
            seen = self.carry + data
            self.carry = seen[-(len(PROBE) - 1) :]
            if probes := seen.count(PROBE):
                os.write(self.master, ANSWER * probes)
        if self.heard in ready:
            for line in os.read(self.heard, 4096).splitlines():
                mark = json.loads(line)
                self.marks[mark["what"]] = mark | {"bytes": self.total}
        return data


def run(program: str, positions: int) -> Spent:
    """One run on a terminal that reads at once."""
    with Terminal(program, positions) as terminal:
        until = monotonic() + GIVEN_UP
        while "end" not in terminal.marks:
            terminal.read(65536, 1.0)
            if monotonic() > until:
                raise TimeoutError(f"{program} did not come to its end")
        begin, end = terminal.marks["begin"], terminal.marks["end"]
    seconds = end["at"] - begin["at"]
    return Spent(
        kib=(end["bytes"] - begin["bytes"]) / 1024 / seconds,
        cpu_percent=100 * (end["cpu"] - begin["cpu"]) / seconds,
    )


def key_to_terminal(program: str) -> list[float]:
    """Seconds from a key to its answer on a terminal that reads SLOW KiB a second, for each key."""
    taken: list[float] = []
    with Terminal(program, 50) as terminal:
        tail, credit, read_at = b"", 0.0, monotonic()
        pressed: float | None = None
        next_key = read_at + 2.0
        while len(taken) < KEYS and "end" not in terminal.marks:
            time.sleep(0.004)
            now = monotonic()
            credit = min(credit + (now - read_at) * SLOW * 1024, 4096.0)
            read_at = now
            if credit >= 1:
                data = terminal.read(int(credit), 0.0)
                credit -= len(data)
                tail = tail[-8:] + data
            if pressed is None and now >= next_key:
                os.write(terminal.master, b"k")
                pressed = monotonic()
            elif pressed is not None and MARKS[len(taken)].encode() in tail:
                taken.append(monotonic() - pressed)
                pressed, next_key = None, monotonic() + 0.35
        if pressed is not None:
            taken.append(monotonic() - pressed)  # not answered to the end: at least this
    return taken


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


def keys() -> Iterator[Row]:
    """Our median and longest wait for a key's answer on the slow line, beside DataTable's."""
    ours, stock = key_to_terminal("ours"), key_to_terminal("datatable")
    base = median(ours) * 1000
    for who, taken, expected in (("ours", ours, "6, 22"), ("DataTable", stock, "4,994, 6,003")):
        for what, seconds in (("median", median(taken)), ("longest", max(taken))):
            yield Row(
                f"line of {SLOW} KiB/s: key to terminal, {who}, {what}",
                seconds * 1000,
                "ms",
                seconds * 1000 / base,
                expected=expected if what == "median" else "",
            )


def measure() -> Result:
    """All but two of 50 positions in view, then a tenth of 500, then keys on a slow line."""
    how = (
        "Positions of 11 columns at 160×50, 1,000 quotes a second taken together ten times a second: the same "
        "cells by a raw ANSI loop that writes the cells that changed, by LiveTable on SlowLineDriver, and by "
        "Textual's DataTable. With 50 positions nearly every row in view changes in every frame. What was "
        "expected was measured with 500 positions, one cell a quote, at 20 Hz. Processor time includes making "
        "quotes and rows, the same in all three. The slow line is a terminal that reads no faster; a key not "
        "answered to the end counts with the time waited till then."
    )
    all_in_view = rows(50, ("", "", "380"), promise=True)
    a_tenth_in_view = rows(500, ("2.2", "2.7 to 21", "383"), promise=False)
    return Result("console_line", how, (*all_in_view, *a_tenth_in_view, *keys()))


if __name__ == "__main__":
    for row in measure().rows:
        print(row)
