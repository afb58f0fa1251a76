"""Failures that broke other trading systems, each reproduced and survived. Which number is proven
where stands in docs/invariants.md; the makers of other rooms are used here, too."""

import sys
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from running_exchange import RunningExchange, exchanges_in

from services.execution import tracker

for room in ("brokers", "execution", "reconciliation"):
    sys.path.insert(0, str(Path(__file__).parents[1] / room))


@pytest.fixture(scope="session")
def bad_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    """One exchange for the room, whose faults are made and ended by each test."""
    for name in ("alpaca.trading.client", "alpaca.data.live.stock", "alpaca.trading.stream"):
        import_module(name)  # long enough to eat a short time limit of whoever is first
    with exchanges_in(tmp_path_factory.mktemp("bad-day")) as start:
        yield start(control=True, tick=20)


@pytest.fixture
async def make() -> AsyncIterator[Any]:
    from engine_world import worlds  # of another room, whose path is known from here on

    async with worlds() as made:
        yield made


@pytest.fixture
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk polls often, so that no test waits two seconds for nothing."""
    monkeypatch.setattr(tracker, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(tracker, "NOT_FOUND_SECONDS", 0.1)
