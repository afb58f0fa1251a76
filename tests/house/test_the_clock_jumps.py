"""Somebody sets the machine's clock, an hour ahead or back: nothing ends early or late by it, events stay
in order, and an alert says so (invariant 22)."""

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from desk_world import ROOT, RunningDesk
from hypothesis import given
from hypothesis import strategies as st
from protection_world import eventually
from running_exchange import RunningExchange

from db.clock import LARGEST_STEP_BACK, SystemClock
from db.journal import Journal, verify
from db.model.alert import Alert
from db.model.order import OrderState
from db.model.run import Mode, PlanState
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.endpoints import Endpoints
from services.desk.config import load
from services.desk.credentials import credentials
from services.desk.desk import Desk
from services.execution.book import NotPossibleError

NOON = datetime(2026, 1, 5, 17, 0, tzinfo=UTC)
HOUR = 3600.0


class Machine:
    """A machine whose clock can be set, and whose time can be made to pass."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._of_day = wall
        self.set_by, self.passed = 0.0, 0.0

    def wall(self) -> float:
        return self._of_day() + self.set_by + self.passed

    def steady(self) -> float:
        return time.monotonic() + self.passed


def still() -> float:
    return NOON.timestamp()


@given(st.lists(st.tuples(st.floats(-HOUR, HOUR), st.floats(0, HOUR)), max_size=6))
def test_only_time_that_passes_moves_it(turns: list[tuple[float, float]]) -> None:
    wall, steady = NOON.timestamp(), 77.0
    clock = SystemClock(lambda: wall, lambda: steady)
    expected = NOON
    for set_by, passes in turns:
        wall, steady = wall + set_by + passes, steady + passes
        expected += timedelta(seconds=passes)
        assert abs(clock.now() - expected) < timedelta(milliseconds=1)
        assert abs(clock.now() + clock.drift() - datetime.fromtimestamp(wall, UTC)) < timedelta(
            milliseconds=1
        )


@pytest.mark.parametrize(
    ("last", "began"),
    [
        (timedelta(0), timedelta(0)),
        (timedelta(hours=-1), timedelta(0)),
        (timedelta(hours=1), timedelta(hours=1)),
        (LARGEST_STEP_BACK * 2, timedelta(0)),
    ],
)
def test_it_begins_where_the_journal_ended(last: timedelta, began: timedelta) -> None:
    clock = SystemClock(still, lambda: 5.0)
    clock.not_before(NOON + last)
    assert clock.now() == NOON + began
    assert clock.drift() == -began


@asynccontextmanager
async def running(desk: RunningDesk, machine: Machine) -> AsyncIterator[Desk]:
    """The desk in this process, by a clock of ours."""
    settings = load(desk.home, ())
    assert settings.broker is not None
    key, secret, _ = credentials(settings)
    endpoints = Endpoints.among(dict(settings.broker))
    clock = SystemClock(machine.wall, machine.steady)
    journal = await Journal.open(desk.home.journal, clock.now)
    for last in await journal.tail(1):
        clock.not_before(last.at)
    broker = AlpacaBroker("main", key, secret, endpoints, clock)
    made = Desk(desk.home, settings, journal, broker, clock, clock.drift)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


async def approved(desk: Desk, symbol: str, **ticket: str) -> str:
    made = await desk.intake.ticket({"symbol": symbol, "side": "sell", "qty": "5", **ticket})
    plan_id = str(made["plan_id"])
    card = await desk.engine.card(plan_id)
    await desk.engine.approve(plan_id, card.token, card.hash, Mode.AUTO, "a test")
    return plan_id


def drift(desk: Desk) -> Alert | None:
    return next(
        (
            alert
            for alert in desk.watch.shown
            if alert.condition == "clock_drift" and alert.cleared_at is None
        ),
        None,
    )


async def test_a_desk_whose_machine_is_set_goes_by_its_own_clock(
    start_exchange: Callable[..., RunningExchange], tmp_path: Path
) -> None:
    world, machine = RunningDesk(start_exchange()), Machine()
    try:
        async with running(world, machine) as desk:
            works = await approved(desk, "FCX", type="limit", limit_price="41.50")
            await desk.engine.start(works)
            first, second = await approved(desk, "AA"), await approved(desk, "CF")

            machine.set_by = HOUR
            await eventually(lambda: drift(desk))
            told = drift(desk)
            assert told is not None
            assert "3,600 s ahead of" in told.sentence
            (order,) = desk.engine.book.run(works).orders
            assert order.state is OrderState.ACKNOWLEDGED, "no time limit ended it"
            await desk.engine.start(first)  # still approved
            await eventually(lambda: desk.engine.book.run(first).state is PlanState.DONE)

            machine.set_by = -HOUR
            machine.passed = 11 * 60.0
            await eventually(lambda: desk.engine.book.run(second).approval is None)
            with pytest.raises(NotPossibleError, match="approve it first"):
                await desk.engine.start(second)
        async with running(world, machine) as desk:
            await eventually(lambda: drift(desk))
            events = await desk.journal.events()
        times = [event.at for event in events]
        assert all(before <= after for before, after in pairwise(times))
        assert verify(world.home.journal).ok
    finally:
        await world.stop()


def test_nobody_beside_the_clock_asks_the_machine_for_the_time() -> None:
    asks = re.compile(r"datetime\.(now|utcnow|today)\(|date\.today\(|time\.(time|monotonic)\(")
    files = [file for room in ("db", "services") for file in (ROOT / room).rglob("*.py")]
    found = [
        str(file.relative_to(ROOT))
        for file in files
        if "exchange" not in file.parts and asks.search(file.read_text(encoding="utf-8"))
    ]
    assert found == []
