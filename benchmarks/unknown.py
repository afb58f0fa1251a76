"""How long an order stays unknown: accepted, answered with 504, and known again by the broker's word;
and one that the broker never had, until that is proven.

With the order stream attached, as the desk has it, and without: by the tracker's polls alone."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.engine import Parts, engine, orders
from benchmarks.result import Result, Row
from benchmarks.servers import exchange
from db.clock import SystemClock
from db.model.order import OrderState
from db.model.run import ChildOrder
from services.brokers.port import OrderUpdate, StreamState
from services.execution.tracker import NOT_FOUND_SECONDS, POLL_SECONDS, Tracker

ORDERS = 40
LOST = 8
"""Orders that never arrive, all at once."""
SCENARIO = """
about = "Every order is answered with 504; those of the second account never arrive."
[[fault]]
do = "gateway_timeout"
processed = %s
when = { method = "POST", path = "/v2/orders" }
"""


def measure() -> Result:
    with tempfile.TemporaryDirectory() as folder:
        by_stream, by_poll = _served(Path(folder), "true", _accepted)
        (lost,) = _served(Path(folder), "false", _lost)
    rows = []
    for how, times, floor in (
        ("by the stream", by_stream, "the stream's message is faster than the 504, or as fast"),
        ("by asking", by_poll, f"asked at once, then every {POLL_SECONDS:g} s"),
        ("never arrived: proven absent", lost, f"two look-ups {NOT_FOUND_SECONDS:g} s apart"),
    ):
        for name, part in (("p50", 49), ("p99", 98)):
            value = statistics.quantiles(times, n=100)[part] * 1000
            expected = floor if name == "p50" else ""
            rows.append(Row(f"{how}, {name}", value, "ms", expected=expected))
    return Result(
        "unknown",
        f"{ORDERS} orders one after the other, accepted and answered with 504, from the answer to the broker's word"
        f" on record; then {LOST} at once that were answered so and never arrived. What is expected is the floor.",
        tuple(rows),
    )


def _served(folder: Path, processed: str, ask: Any) -> tuple[list[float], ...]:
    path = folder / "lost-answers.toml"
    path.write_text(SCENARIO % processed)
    with exchange("--volatility", "0", "--scenario", str(path)) as server:
        found: tuple[list[float], ...] = asyncio.run(ask(server.hello))
    return found


async def _accepted(hello: Mapping[str, Any]) -> tuple[list[float], ...]:
    async with engine(hello) as parts:
        found = await orders(parts.book, 2 * ORDERS // 10, 10)
        async with _tracking(parts), _listening(parts):
            by_stream = [await _known_after(parts, order) for order in found[:ORDERS]]
        async with _tracking(parts):
            by_poll = [await _known_after(parts, order) for order in found[ORDERS:]]
    return by_stream, by_poll


async def _lost(hello: Mapping[str, Any]) -> tuple[list[float], ...]:
    async with engine(hello) as parts:
        found = await orders(parts.book, 1, LOST)
        async with _tracking(parts):
            await parts.sender.place(found)
            began = time.perf_counter()
            times = await asyncio.gather(*(_settled(parts, order, began) for order in found))
    return (times,)


async def _known_after(parts: Parts, order: ChildOrder) -> float:
    """Seconds from the lost answer, 0 when the stream had told it before."""
    await parts.sender.place((order,))
    return await _settled(parts, order, time.perf_counter())


async def _settled(parts: Parts, order: ChildOrder, began: float) -> float:
    """Seconds until the broker has said what it is, or twice that there is none."""
    while True:
        change = asyncio.ensure_future(parts.book.changed())
        current = parts.book.order(order.client_order_id)
        assert current is not None
        if current.state is not OrderState.UNKNOWN or current.absent:
            change.cancel()
            return time.perf_counter() - began
        await change


@asynccontextmanager
async def _tracking(parts: Parts) -> AsyncIterator[None]:
    tracker = Tracker(parts.book, parts.broker, parts.sender, SystemClock())
    forget = parts.journal.on_append(tracker.apply)
    task = asyncio.create_task(tracker.run())
    try:
        yield
    finally:
        forget()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _listening(parts: Parts) -> AsyncIterator[None]:
    """The order stream, as the desk listens to it."""
    heard = asyncio.Event()

    async def listen() -> None:
        async for message in parts.broker.messages():
            if isinstance(message, OrderUpdate):
                await parts.sender.absorb(message.order, message.fill)
            elif isinstance(message, StreamState) and message.stream == "orders":
                heard.set()

    task = asyncio.create_task(listen())
    try:
        await asyncio.wait_for(heard.wait(), 20)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


if __name__ == "__main__":
    from benchmarks.__main__ import show

    show(measure())
