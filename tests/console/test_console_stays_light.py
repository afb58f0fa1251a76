"""What the console may not import: the first frame waits for nothing heavy (anchors: start-up)."""

import subprocess
import sys

import pytest

HEAVY = ("alpaca", "pandas", "numpy", "sqlite_utils", "sqlite3", "pydantic", "aiohttp", "click")


def imported(statement: str) -> set[str]:
    """The top-level modules that the statement leaves imported in a fresh interpreter."""
    program = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement", ["import console.app", "import console.cli.start, console.app"]
)
def test_nothing_heavy_is_imported_before_the_first_frame(statement: str) -> None:
    assert not imported(statement) & set(HEAVY)


def test_the_whole_console_imports_neither_the_broker_nor_pandas_nor_the_journal() -> None:
    whole = imported(
        "import pkgutil, importlib, console.screens, widgets, console.attaching, console.snapshots\n"
        "for package in (console.screens, widgets):\n"
        "    for found in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(found.name)"
    )
    assert not whole & {"alpaca", "pandas", "numpy", "sqlite_utils", "sqlite3"}
    assert {"textual", "pydantic"} <= whole
