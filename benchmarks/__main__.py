"""`python -m benchmarks [NAME…]`: run the benchmarks, print the ratios, and write results.md when all ran.

Each benchmark is a module here with `measure() -> Result`; BENCHES is the one list of them.
"""

import platform
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module
from os import cpu_count
from pathlib import Path

from benchmarks.result import Result, Row

BENCHES = (
    "first_frame",
    "submit",
    "phase",
    "unknown",
    "halt",
    "recovery",
    "console_line",
    "journal",
    "exchange_orders",
    "exchange_stream",
    "planning",
)
RESULTS = Path(__file__).with_name("results.md")
LONG_RUNS = Path(__file__).with_name("long_runs.md")
"""Written by hand: what takes hours. Kept at the end of the results."""
COLUMNS = ("what", "value", "unit", "ratio", "target", "met", "expected")


def machine() -> str:
    """The machine in one line: processor, cores, kernel, Python."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    processor = names[0] if names else platform.machine()
    kernel = f"{platform.system()} {platform.release()}"
    return f"{processor}, {cpu_count()} cores, {kernel}, Python {platform.python_version()}"


def cells(row: Row) -> tuple[str, ...]:
    """A row as the words of its table line."""
    return (
        row.what,
        f"{row.value:,.3g}" if abs(row.value) < 1000 else f"{row.value:,.0f}",
        row.unit,
        "" if row.ratio is None else f"{row.ratio:.2f}×",
        row.target,
        {True: "yes", False: "**no**", None: ""}[row.met],
        row.expected,
    )


def markdown(results: Sequence[Result], when: datetime) -> Iterator[str]:
    """The lines of results.md."""
    yield "# Benchmarks\n"
    yield f"{when:%Y-%m-%d %H:%M} UTC · {machine()}\n"
    yield "Ratios are to the baseline of the same run (1.00×). `expected` was measured elsewhere, earlier.\n"
    for result in results:
        yield f"## {result.name}\n"
        yield f"{result.how}\n"
        yield "| " + " | ".join(COLUMNS) + " |"
        yield "|" + "---|" * len(COLUMNS)
        for row in result.rows:
            yield "| " + " | ".join(cells(row)) + " |"
        yield ""
    yield LONG_RUNS.read_text(encoding="utf-8")


def show(result: Result) -> None:
    """Print one result as aligned columns."""
    table = [COLUMNS, *map(cells, result.rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    print(f"\n{result.name}: {result.how}")
    for line in table:
        print("  " + "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())


def main(names: Sequence[str]) -> int:
    """Run the named benchmarks, or all. A name that is not in BENCHES is refused; exit code 2."""
    if unknown := sorted(set(names) - set(BENCHES)):
        print(f"no benchmark called {', '.join(unknown)}; there are {', '.join(BENCHES)}")
        return 2
    results: list[Result] = []
    for name in names or BENCHES:
        result = import_module(f"benchmarks.{name}").measure()
        show(result)
        results.append(result)
    if not names:
        RESULTS.write_text("\n".join(markdown(results, datetime.now(UTC))), encoding="utf-8")
        print(f"\nwritten to {RESULTS}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
