"""What safety costs: an order through the engine, its intent synced to disk before the first byte
leaves, against bare alpaca-py; by turns, on simulated exchanges that answer at once, and later."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.engine import DELAYS, FAR, SYMBOL, engine, orders, slow
from benchmarks.result import Result, Row
from benchmarks.servers import exchange
from db.model.order import OrderState

PLANS = {0: 40, 5: 25, 30: 15}
"""Of ten orders each, by the milliseconds that the exchange waits."""
STEPS = 10
WARM_UP = 10
TARGETS = {0: 1.3, 5: 1.1, 30: 1.02}
NAIVE = {0: 1.54, 5: 1.13, 30: 1.02}
ALONE = {0: "0.79 / 1.2 ms", 5: "6.95 ms", 30: "32.3 ms"}
"""Bare alpaca-py against a server that answers a constant."""


def measure() -> Result:
    rows: list[Row] = []
    for delay in DELAYS:
        with tempfile.TemporaryDirectory() as folder:
            state = ("--state", str(Path(folder) / "state.db"))
            late = slow(Path(folder), delay, 'method = "POST", path = "/v2/orders"')
            with exchange("--volatility", "0", *state, *late) as server:
                rows += _rows(delay, *asyncio.run(_by_turns(server.hello, PLANS[delay])))
    counts = " / ".join(str(plans * STEPS - WARM_UP) for plans in PLANS.values())
    return Result(
        "submit",
        f"{counts} limit orders each way at {' / '.join(map(str, DELAYS))} ms of delay, by turns, against one"
        " exchange on loopback that makes every order durable before it answers; intent to recorded answer.",
        tuple(rows),
    )


def _rows(delay: int, bare: list[float], ours: list[float]) -> Iterator[Row]:
    for name, part in (("p50", 49), ("p99", 98)):
        base, cost = (statistics.quantiles(times, n=100)[part] * 1000 for times in (bare, ours))
        promised = name == "p50"
        yield Row(f"{delay} ms: bare alpaca-py, {name}", base, "ms", 1.0, expected=ALONE[delay])
        yield Row(
            f"{delay} ms: engine with synced journal, {name}",
            cost,
            "ms",
            cost / base,
            target=f"≤ {TARGETS[delay]:g}× (p50, issue 4)" if promised else "",
            met=cost / base <= TARGETS[delay] if promised else None,
            expected=f"{NAIVE[delay]:.2f}× (naive)" if promised else "",
        )


async def _by_turns(hello: Mapping[str, Any], plans: int) -> tuple[list[float], list[float]]:
    """Seconds per order: bare alpaca-py, the engine."""
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import OrderSide, TimeInForce
    from alpaca.trading.requests import LimitOrderRequest

    client = TradingClient(hello["key"], hello["secret"], url_override=hello["trading_url"])
    bare: list[float] = []
    ours: list[float] = []
    async with engine(hello) as parts:
        for number, order in enumerate(await orders(parts.book, plans, STEPS)):
            start = time.perf_counter()
            client.submit_order(
                LimitOrderRequest(
                    symbol=SYMBOL,
                    qty=1,
                    side=OrderSide.BUY,
                    time_in_force=TimeInForce.DAY,
                    limit_price=float(FAR),
                    client_order_id=f"bare-{number}",
                )
            )
            bare.append(time.perf_counter() - start)
            start = time.perf_counter()
            await parts.sender.place((order,))
            ours.append(time.perf_counter() - start)
            sent = parts.book.order(order.client_order_id)
            assert sent is not None and sent.state is OrderState.ACKNOWLEDGED, sent
    return bare[WARM_UP:], ours[WARM_UP:]


if __name__ == "__main__":
    from benchmarks.__main__ import show

    show(measure())
