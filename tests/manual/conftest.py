"""The desk of this room's tests is in `hand_world.py`, beside this file."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hand_world import CASES, HandDesk

StartDesk = Callable[..., Awaitable[HandDesk]]


@pytest.fixture
async def hand_desk() -> AsyncIterator[HandDesk]:
    """A desk on the rebalance book with practice prices."""
    desk = HandDesk(portfolio=CASES / "rebalance" / "book.json")
    try:
        await desk.start()
        yield desk
    finally:
        await desk.stop()
