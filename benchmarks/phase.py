"""A phase of twenty orders: journalled in one commit, then out side by side; by the exchange's own log
of arrivals, against bare alpaca-py that sends one after the other."""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.engine import alpaca_py, engine, orders, slow
from benchmarks.result import Result, Row
from benchmarks.servers import exchange
from db.model.order import OrderState

ORDERS, ROUNDS = 20, 7
DELAY = 30
"""Milliseconds that the exchange waits before each answer."""
TARGET = 100.0


def measure() -> Result:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "requests.jsonl"
        kept = ("--requests", str(log), "--state", str(Path(folder) / "state.db"))
        late = slow(Path(folder), DELAY, 'method = "POST", path = "/v2/orders"')
        with exchange("--volatility", "0", *kept, *late) as server:
            commits = asyncio.run(_by_turns(server.hello))
        spans = _spans(log)
    bare, ours = (statistics.median(spans[who]) for who in ("bare", "qd"))
    worst = max(spans["qd"])
    return Result(
        "phase",
        f"{ROUNDS} phases of {ORDERS} resting orders each way, by turns, at {DELAY} ms of delay; from the first"
        " arrival to the last in the exchange's own log. Every intent is on disk before the first.",
        (
            Row("bare alpaca-py, one after the other, median", bare, "ms", 1.0, expected="31 ms an order"),
            Row(
                "engine, side by side, median", ours, "ms", ours / bare,
                target=f"≤ {TARGET:g} ms (issue 4)", met=ours <= TARGET, expected="45 to 60",
            ),
            Row("engine, side by side, longest", worst, "ms", worst / bare),
            Row("engine, from the intents to all answers on record, median", commits, "ms"),
        ),
    )  # fmt: skip


async def _by_turns(hello: Mapping[str, Any]) -> float:
    """Milliseconds of a phase through the engine, the median."""
    bare = alpaca_py(hello)
    taken: list[float] = []
    async with engine(hello) as parts:
        found = await orders(parts.book, ROUNDS, ORDERS)
        for n in range(ROUNDS):
            phase = found[n * ORDERS : (n + 1) * ORDERS]
            for k in range(ORDERS):
                bare(f"bare-{n}-{k}")
            began = time.perf_counter()
            await parts.sender.place(phase)
            taken.append((time.perf_counter() - began) * 1000)
            states = {parts.book.order(order.client_order_id) for order in phase}
            assert all(o is not None and o.state is OrderState.ACKNOWLEDGED for o in states)
    return statistics.median(taken)


def _spans(log: Path) -> dict[str, list[float]]:
    """Milliseconds from the first arrival of a phase to its last, by who sent it."""
    arrivals: dict[tuple[str, int], list[datetime]] = {}
    counts = {"bare": 0, "qd": 0}
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in sorted(lines, key=lambda line: int(line["seq"])):
        if (line["method"], line["path"]) != ("POST", "/v2/orders"):
            continue
        assert line["status"] == 200, line
        who = line["body"]["client_order_id"].partition("-")[0]
        at = datetime.fromisoformat(line["at"])
        arrivals.setdefault((who, counts[who] // ORDERS), []).append(at)
        counts[who] += 1
    assert set(counts.values()) == {ROUNDS * ORDERS}, counts
    spans: dict[str, list[float]] = {"bare": [], "qd": []}
    for (who, _), times in arrivals.items():
        spans[who].append((max(times) - min(times)).total_seconds() * 1000)
    return spans


if __name__ == "__main__":
    from benchmarks.__main__ import show

    show(measure())
