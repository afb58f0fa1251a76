"""What safety costs: an order through the engine, its intent synced to disk before the first byte
leaves, against bare alpaca-py, and against a synced row and then alpaca-py; by turns, on simulated
exchanges that answer at once, and later."""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from benchmarks.engine import DELAYS, Parts, alpaca_py, engine, orders, slow
from benchmarks.result import Result, Row
from benchmarks.servers import exchange
from db.model.order import OrderRequest, OrderState
from db.model.run import ChildOrder
from services.brokers.port import Broker, SubmitOutcome
from services.desk.home_latch import HomeLatch
from services.execution.safety import Safety
from services.execution.sender import Sender

PLANS = {0: 40, 5: 25, 30: 45}
"""Of ten orders each, by the milliseconds that the exchange waits. At 30 ms the judged difference is 0.6 ms,
and the median of 140 orders is uncertain by 0.1."""
STEPS = 10
WARM_UP = 10
TARGETS = {0: 1.3, 5: 1.1, 30: 1.02}
NAIVE = {0: 1.54, 5: 1.13, 30: 1.02}
ALONE = {0: "0.79 / 1.2 ms", 5: "6.95 ms", 30: "32.3 ms"}
"""Bare alpaca-py against a server that answers a constant."""


class Times(NamedTuple):
    """Seconds of each order."""

    bare: list[float]
    naive: list[float]
    """A row of the order synced to disk, then alpaca-py: the answer is not written down."""
    answered: list[float]
    """Ours, to the broker's answer."""
    recorded: list[float]
    """Ours, to the record of the answer."""


def measure() -> Result:
    rows: list[Row] = []
    for delay in DELAYS:
        with tempfile.TemporaryDirectory() as folder:
            state = ("--state", str(Path(folder) / "state.db"))
            late = slow(Path(folder), delay, 'method = "POST", path = "/v2/orders"')
            with exchange("--volatility", "0", *state, *late) as server:
                rows += _rows(delay, asyncio.run(_by_turns(server.hello, PLANS[delay])))
    counts = " / ".join(str(plans * STEPS - WARM_UP) for plans in PLANS.values())
    return Result(
        "submit",
        f"{counts} limit orders each way at {' / '.join(map(str, DELAYS))} ms of delay, by turns, against one"
        " exchange on loopback that makes every order durable before it answers. `naive` writes one synced row and"
        " sends; it does not write the answer down: the engine is judged to its answer as well, and shown to the"
        " answer's record, too.",
        tuple(rows),
    )


def _rows(delay: int, times: Times) -> Iterator[Row]:
    for name, part in (("p50", 49), ("p99", 98)):
        bare, naive, answered, recorded = (
            statistics.quantiles(each, n=100)[part] * 1000 for each in times
        )
        judged = name == "p50"
        expected = f"{NAIVE[delay]:.2f}×" if judged else ""
        yield Row(f"{delay} ms: bare alpaca-py, {name}", bare, "ms", 1.0, expected=ALONE[delay])
        yield Row(f"{delay} ms: naive, {name}", naive, "ms", naive / bare, expected=expected)
        yield Row(
            f"{delay} ms: engine to the answer, {name}",
            answered,
            "ms",
            answered / bare,
            target=f"≤ {TARGETS[delay]:g}× (p50, issue 4)" if judged else "",
            met=answered / bare <= TARGETS[delay] if judged else None,
        )
        yield Row(f"{delay} ms: engine to its record, {name}", recorded, "ms", recorded / bare)


class _Answered:
    """The broker, and when it last answered."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.at = 0.0

    async def submit(
        self, request: OrderRequest, *, permit: Callable[[], str | None]
    ) -> SubmitOutcome:
        outcome = await self._broker.submit(request, permit=permit)
        self.at = time.perf_counter()
        return outcome


async def _by_turns(hello: Mapping[str, Any], plans: int) -> Times:
    times = Times([], [], [], [])
    bare = alpaca_py(hello)
    async with engine(hello) as parts:
        rows = _rows_of_orders(parts.home.state / "naive.db")
        answered = _Answered(parts.broker)
        sender = Sender(parts.book, cast(Broker, answered), Safety(HomeLatch(parts.home)))
        for order in await orders(parts.book, plans, STEPS):
            start = time.perf_counter()
            bare(f"bare-{order.client_order_id}")
            times.bare.append(time.perf_counter() - start)
            start = time.perf_counter()
            rows.execute("INSERT INTO orders VALUES (?)", (str(order.to_json()),))
            bare(f"naive-{order.client_order_id}")
            times.naive.append(time.perf_counter() - start)
            start = time.perf_counter()
            await sender.place((order,))
            times.recorded.append(time.perf_counter() - start)
            times.answered.append(answered.at - start)
            _check(parts, order)
        rows.close()
    return Times(*(each[WARM_UP:] for each in times))


def _check(parts: Parts, order: ChildOrder) -> None:
    sent = parts.book.order(order.client_order_id)
    assert sent is not None and sent.state is OrderState.ACKNOWLEDGED, sent


def _rows_of_orders(path: Path) -> sqlite3.Connection:
    """Each row on disk when its insert returns."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE orders (told TEXT)")
    return db


if __name__ == "__main__":
    from benchmarks.__main__ import show

    show(measure())
