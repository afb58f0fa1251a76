"""Libraries that would import pandas are imported without it, and can have it later all the same."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from db import without_pandas as module
from db.without_pandas import without_pandas

FRAME = "class DataFrame:\n    loaded = True\n"
LIBRARY = """
import heavy_frames as pd
from heavy_frames import DataFrame

def frame() -> DataFrame:
    return pd.DataFrame()
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A library that imports `heavy_frames`, which is unwanted here."""
    (tmp_path / "heavy_frames.py").write_text(FRAME)
    (tmp_path / "frame_library.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module, "UNWANTED", ("heavy_frames",))
    yield "frame_library"
    for name in ("heavy_frames", "frame_library"):
        sys.modules.pop(name, None)


def test_a_library_is_imported_without_and_gets_it_at_first_use(library: str) -> None:
    with without_pandas():
        imported = importlib.import_module(library)
    assert "heavy_frames" not in sys.modules
    assert not imported.pd
    assert imported.frame().loaded
    assert "heavy_frames" in sys.modules


def test_what_was_there_before_is_left_alone(library: str) -> None:
    before = importlib.import_module("heavy_frames")
    with without_pandas():
        imported = importlib.import_module(library)
    assert imported.pd is before is sys.modules["heavy_frames"]


def test_a_failed_import_leaves_nothing_behind(library: str) -> None:
    with pytest.raises(ModuleNotFoundError), without_pandas():
        importlib.import_module("no_such_library")
    assert "heavy_frames" not in sys.modules
    assert importlib.import_module("heavy_frames").DataFrame.loaded


def test_the_streams_and_a_new_journal_need_neither_pandas_nor_numpy(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from datetime import UTC, datetime\n"
        "import services.brokers.alpaca.streams; from db.journal import Journal\n"
        "async def new():\n"
        "    journal = await Journal.open(Path(sys.argv[1]), lambda: datetime.now(UTC))\n"
        "    await journal.rows('plans'); await journal.close()\n"
        "asyncio.run(new())\n"
        "print(sorted({'alpaca', 'sqlite_utils', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "journal.db")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "['alpaca', 'sqlite_utils']"
