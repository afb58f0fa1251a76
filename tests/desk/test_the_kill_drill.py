"""The kill drill: on the simulator only, timed, written down, and remembered by every desk (spec 5)."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from desk_world import RunningDesk

from db.home import Home
from db.model.base import Environment
from services.desk.client import DeskClient, DeskError
from services.desk.drill import last_drill
from services.desk.launch import ensure_desk, stop_desk


@pytest.fixture
async def simulator() -> AsyncIterator[tuple[Home, DeskClient]]:
    """A desk in the `sim` environment, with the exchange that it starts itself."""
    with tempfile.TemporaryDirectory(prefix="qd-") as root:
        home = Home(Path(root), Environment.SIM)
        home.create()
        home.config.write_text('policy = "strict"\n[sim]\nvolatility = 0\n')
        await ensure_desk(home)
        async with DeskClient(home.socket) as client:
            yield home, client
        await stop_desk(home, exchange=True)


async def test_a_drill_is_timed_written_down_and_leaves_trading_halted(
    simulator: tuple[Home, DeskClient],
) -> None:
    home, client = simulator
    assert (await client.status())["last_drill"] is None
    held = len((await client.status())["positions"])
    drill = await client.drill("a test", flatten=True)
    assert drill["passed"], drill["why"]
    assert drill["orders"] == held
    assert 0 < float(drill["latch_ms"]) < float(drill["cancelled_ms"])
    assert float(drill["flat_ms"]) > 0
    status = await client.status()
    assert (status["trading_state"], status["positions"]) == ("HALTED", [])
    assert status["last_drill"] == drill
    assert [
        e["payload"]["drill"] for e in await client.events() if e["kind"] == "DrillCompleted"
    ] == [drill]
    known = last_drill(Home(home.root, Environment.LIVE))
    assert known is not None, "a live desk knows of it too"
    assert known.to_json() == drill
    with pytest.raises(DeskError, match="ACTIVE"):
        await client.drill("a test", flatten=False)


async def test_a_drill_is_refused_where_orders_are_real(
    start_desk: Callable[..., Awaitable[RunningDesk]],
) -> None:
    desk = await start_desk()
    with pytest.raises(DeskError, match="only on the simulator"):
        await desk.client.drill("a test", flatten=False)
    assert (await desk.client.status())["trading_state"] == "ACTIVE"
