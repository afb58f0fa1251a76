"""Failures that broke other trading systems, each reproduced and survived. Which number is proven
where stands in docs/invariants.md; the makers of other rooms are used here, too."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from running_exchange import RunningExchange

from services.execution import tracker

for room in ("brokers", "execution", "reconciliation"):
    sys.path.insert(0, str(Path(__file__).parents[1] / room))


@pytest.fixture(scope="module")
def bad_day(start_shared_exchange: Callable[..., RunningExchange]) -> RunningExchange:
    """One exchange for the module, whose faults are made and ended by each test."""
    return start_shared_exchange(control=True)


@pytest.fixture
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk polls often, so that no test waits two seconds for nothing."""
    monkeypatch.setattr(tracker, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(tracker, "NOT_FOUND_SECONDS", 0.1)
