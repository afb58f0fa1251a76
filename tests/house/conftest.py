"""Faults of the machine, the disk and the clock, not of the broker: what this room shares with the
desk's tests is in `tests/desk`."""

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "desk"))


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    """The usual book with cash to buy with."""
    cases = Path(__file__).parent.parent / "data" / "cases"
    book = json.loads((cases / "rebalance" / "book.json").read_text())
    book["accounts"]["main"]["cash"] = "20000.00"
    file = tmp_path / "rich.json"
    file.write_text(json.dumps(book))
    return file
