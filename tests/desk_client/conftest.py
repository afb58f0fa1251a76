"""A canned desk for the rules of the client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from answering_desk import CannedDesk


@pytest.fixture
def canned(tmp_path: Path) -> Iterator[CannedDesk]:
    desk = CannedDesk(tmp_path / "d.sock")
    desk.start()
    yield desk
    desk.stop()
