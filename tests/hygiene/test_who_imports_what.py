"""What the floors may import, proven on whole processes: import-linter sees only what is written."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def modules_after(code: str) -> set[str]:
    """Names of all modules that a fresh interpreter has loaded after `code`."""
    program = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def every_module(*folders: str) -> list[str]:
    """All modules of our packages, by name; `__main__` would run."""
    return sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "__main__.py"
    )


def import_all(names: list[str]) -> str:
    return f"from importlib import import_module\nfor name in {names!r}: import_module(name)"


def test_the_desk_runs_where_there_is_no_textual_and_no_rich() -> None:
    without = "sys.modules['textual'] = sys.modules['rich'] = None"
    # By another name than __main__, so that it is imported and not started.
    names = [*every_module("services", "db"), "services.desk.__main__"]
    modules = modules_after(f"{without}\n{import_all(names)}")
    assert {"services.desk.desk", "services.exchange.server", "db.journal"} <= modules
    assert not {name for name in modules if name.startswith(("textual.", "rich."))}
    assert not {"console", "widgets", "themes"} & packages(modules)


HEAVY = {"alpaca", "pandas", "numpy", "sqlite_utils"}


@pytest.mark.parametrize("folders", [("console",), ("widgets",)], ids=str)
def test_no_module_of_the_terminal_imports_the_heavy(folders: tuple[str, ...]) -> None:
    modules = modules_after(import_all(every_module(*folders)))
    assert not HEAVY & packages(modules)


@pytest.mark.parametrize("module", ["console.app", "console.cli", "console.cli.start"])
def test_the_first_frame_waits_for_no_pydantic_and_no_aiohttp(module: str) -> None:
    """As console/app.py promises of itself."""
    modules = modules_after(f"import {module}")
    assert not (HEAVY | {"pydantic", "aiohttp", "click"}) & packages(modules)


def test_the_panes_know_no_service() -> None:
    modules = modules_after(import_all(every_module("widgets")))
    assert not {"services", "console", "aiohttp"} & packages(modules)
