"""The kill key with two hundred working orders, on a real desk against a real exchange that answers
late: until the latch is on disk, and until the last cancel is confirmed. Protective orders stay."""

import asyncio
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.engine import engine, orders, slow
from benchmarks.result import Result, Row
from benchmarks.servers import exchange
from db.home import Home
from db.model.base import Environment
from db.model.event import EventDraft
from services.brokers.alpaca.endpoints import Endpoints
from services.desk.client import DeskClient
from services.desk.launch import ensure_desk, stop_desk
from services.desk.simulator import book_file

ORDERS, ROUNDS = 200, 3
PROTECTED = ("FCX", "LIN", "CF")
"""Held in the built-in book: a stop works at the broker for each."""
DELAY = 30
"""Milliseconds that the exchange waits before each answer."""
LATCH_MS, CANCELLED_MS = 5.0, 1000.0
SETTLE_SECONDS = 2.0
"""After the desk's start, so that a halt is measured and not a start."""


def measure() -> Result:
    rounds = [_round() for _ in range(ROUNDS)]
    latched, told, bulk = (statistics.median(each) for each in zip(*rounds, strict=True))
    return Result(
        "halt",
        f"{ROUNDS} desks, each with {ORDERS} working buys and {len(PROTECTED)} protective stops at an exchange that"
        f" answers everything {DELAY} ms late; from the console's request on the desk's socket. Medians.",
        (
            Row("one bulk DELETE, alpaca-py, nothing protective", bulk, "ms", 1.0, expected="32"),
            Row(
                "key to latch on disk", latched, "ms",
                target=f"≤ {LATCH_MS:g} ms (issue 4)", met=latched <= LATCH_MS, expected="2 to 4",
            ),
            Row("key to latch on disk, longest", max(one[0] for one in rounds), "ms"),
            Row(
                "key to last cancel confirmed, protection kept", told, "ms", told / bulk,
                target=f"≤ {CANCELLED_MS:g} ms (issue 4)", met=told <= CANCELLED_MS,
                expected="600 (805 on 8 threads)",
            ),
            Row("key to last cancel confirmed, longest", max(one[1] for one in rounds), "ms"),
        ),
    )  # fmt: skip


def _round() -> tuple[float, float, float]:
    root = Path(tempfile.mkdtemp(prefix="qd-"))
    late = slow(root, DELAY)
    book = ("--book", str(book_file("rebalance")), "--volatility", "0")
    try:
        with exchange(*book, *late) as server, exchange("--volatility", "0", *late) as other:
            bulk = asyncio.run(_in_bulk(other.hello))
            latched, told = asyncio.run(_halted(Home(root, Environment.PAPER), server.hello))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return latched, told, bulk


async def _halted(home: Home, hello: Mapping[str, Any]) -> tuple[float, float]:
    """Milliseconds to the latch, and to the last cancel confirmed."""
    async with engine(hello, home) as parts:
        found = await orders(parts.book, 1, ORDERS)
        started = {"mode": "auto"}
        await parts.book.record(
            EventDraft(kind="PlanStarted", plan_id=found[0].plan_id, payload=started)
        )
        await parts.sender.place(found)
        for symbol in PROTECTED:
            _protect(hello, symbol)
        assert len(await parts.broker.open_orders()) == ORDERS + len(PROTECTED)
    _configure(home, hello)
    await ensure_desk(home)
    try:
        await asyncio.sleep(SETTLE_SECONDS)
        async with DeskClient(home.socket) as desk:
            await desk.status()  # the console's connection stands
            watch = _Watch(home.latch)
            watch.start()
            report = await desk.halt("trader", "a benchmark")
            watch.join()
        assert report["complete"] and report["remaining"] == 0, report
        kept = [order for order in report["orders"] if order["outcome"] == "protective, kept"]
        assert len(kept) == len(PROTECTED) and len(report["orders"]) == ORDERS + len(kept)
        return watch.seen, float(report["cancelled_ms"])
    finally:
        await stop_desk(home)


class _Watch(threading.Thread):
    """Milliseconds from its start until a file is there."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._began = time.perf_counter()
        self.seen = 0.0

    def run(self) -> None:
        while not self._path.exists():
            time.sleep(0.0001)
        self.seen = (time.perf_counter() - self._began) * 1000


def _configure(home: Home, hello: Mapping[str, Any]) -> None:
    names = (*Endpoints.model_fields, "key", "secret")
    lines = ["[paper]", *(f"{name} = {json.dumps(hello[name])}" for name in names)]
    home.config.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _protect(hello: Mapping[str, Any], symbol: str) -> None:
    from alpaca.trading.enums import OrderSide, TimeInForce
    from alpaca.trading.requests import StopOrderRequest

    _client(hello).submit_order(
        StopOrderRequest(
            symbol=symbol, qty=1, side=OrderSide.SELL, time_in_force=TimeInForce.GTC, stop_price=1.5
        )
    )


async def _in_bulk(hello: Mapping[str, Any]) -> float:
    """Milliseconds of one bulk cancel of as many, where nothing must be kept."""
    async with engine(hello) as parts:
        await parts.sender.place(await orders(parts.book, 1, ORDERS))
    client = _client(hello)
    client.get_account()
    began = time.perf_counter()
    assert len(client.cancel_orders()) == ORDERS
    return (time.perf_counter() - began) * 1000


def _client(hello: Mapping[str, Any]) -> Any:
    from alpaca.trading.client import TradingClient

    return TradingClient(hello["key"], hello["secret"], url_override=hello["trading_url"])


if __name__ == "__main__":
    from benchmarks.__main__ import show

    show(measure())
