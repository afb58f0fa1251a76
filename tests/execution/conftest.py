"""The makers of this room's tests are in `execution_makers.py`, beside this file."""

from collections.abc import AsyncIterator

import pytest
from engine_world import MakeWorld, worlds
from execution_makers import Log
from plan_makers import make_plan


@pytest.fixture
def log() -> Log:
    """A log that holds a checked plan of two sells and two buys."""
    made = Log()
    made.write("PlanCreated", payload={"plan": make_plan().to_json()})
    return made


@pytest.fixture
async def make() -> AsyncIterator[MakeWorld]:
    async with worlds() as made:
        yield made
