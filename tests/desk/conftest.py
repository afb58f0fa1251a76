"""The desk of this room's tests is in `desk_world.py`, beside this file."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from desk_world import RunningDesk
from running_exchange import RunningExchange

StartDesk = Callable[..., Awaitable[RunningDesk]]


@pytest.fixture
async def start_desk(start_exchange: Callable[..., RunningExchange]) -> AsyncIterator[StartDesk]:
    """A factory: a new exchange with these options and a desk on it."""
    desks: list[RunningDesk] = []

    async def start(policy: str = "standard", **exchange: object) -> RunningDesk:
        desk = RunningDesk(start_exchange(**exchange), policy)
        desks.append(desk)
        await desk.start()
        return desk

    yield start
    for desk in desks:
        await desk.stop()
