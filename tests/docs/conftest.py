"""A desk as the desk's own tests run it: real, against a real exchange."""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from running_exchange import RunningExchange

sys.path.insert(0, str(Path(__file__).parents[1] / "desk"))
from desk_world import RunningDesk


@pytest.fixture
async def desk(start_exchange: Callable[..., RunningExchange]) -> AsyncIterator[RunningDesk]:
    desk = RunningDesk(start_exchange())
    await desk.start()
    yield desk
    await desk.stop()
