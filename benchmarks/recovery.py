"""How long a desk that died needs with a journal of a million events: from opening it until every fold
of its start knows what is live. Not its imports, nor what it then asks the broker."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from pydantic import SecretStr

from benchmarks.long_journal import SYMBOLS, write_journal
from benchmarks.result import Result, Row
from db.clock import SystemClock
from db.home import Home
from db.journal import Journal
from db.model.base import Environment
from db.model.run import PlanState
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.endpoints import Endpoints
from services.desk.desk import Desk
from services.desk.settings import DeskSettings

EVENTS = 1_000_000
SHORT = 10_000
ROUNDS = 3
TARGET = 1.5


def measure() -> Result:
    with tempfile.TemporaryDirectory() as folder:
        homes = {}
        for events in (SHORT, EVENTS):
            homes[events] = Home(Path(folder) / str(events), Environment.PAPER)
            homes[events].create()
            write_journal(homes[events].journal, events)
        times: dict[int, list[float]] = {events: [] for events in homes}
        for _ in range(ROUNDS):
            for events, home in homes.items():
                times[events].append(asyncio.run(_recovered(home)))
        size = homes[EVENTS].journal.stat().st_size / 1e6
    short, long = (statistics.median(times[events]) for events in (SHORT, EVENTS))
    return Result(
        "recovery",
        f"{ROUNDS} rounds by turns; {EVENTS:,} events ({size:,.0f} MB) of bought, protected and sold positions, the"
        f" last {len(SYMBOLS)} still held. Expected before: to read and fold every event, 40 s and 3.4 GB.",
        (
            Row(f"{SHORT:,} events", short, "s", 1.0),
            Row(
                f"{EVENTS:,} events", long, "s", long / short,
                target=f"≤ {TARGET:g} s (issue 4)", met=long <= TARGET, expected="1.0 to 1.5",
            ),
        ),
    )  # fmt: skip


async def _recovered(home: Home) -> float:
    clock = SystemClock()
    began = time.perf_counter()
    journal = await Journal.open(home.journal, clock.now)
    nowhere = Endpoints(
        trading_url="http://127.0.0.1:9",
        trading_stream_url="ws://127.0.0.1:9/stream",
        data_url="http://127.0.0.1:9",
        data_stream_url="ws://127.0.0.1:9/v2/iex",
    )
    broker = AlpacaBroker("main", SecretStr("k"), SecretStr("s"), nowhere, clock)
    desk = Desk(home, DeskSettings(), journal, broker, clock)
    await desk.recover()
    taken = time.perf_counter() - began
    assert len(desk.engine.protector.lots()) == len(SYMBOLS)
    assert all(run.state is PlanState.DONE for run in desk.engine.book.runs.values())
    await desk.engine.close()
    await broker.close()
    await journal.close()
    return taken


if __name__ == "__main__":
    from benchmarks.__main__ import show

    show(measure())
