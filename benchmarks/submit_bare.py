"""What the wire costs: orders through bare alpaca-py and through our broker adapter, by turns,
against one simulated exchange. The engine's own share is measured in `submit`."""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from pydantic import SecretStr

from benchmarks.result import Result, Row
from db.clock import SystemClock
from db.model.order import OrderRequest, OrderType, Side
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.endpoints import Endpoints
from services.brokers.port import Confirmed

ORDERS = 300
"""Of each kind."""
WARM_UP = 5
SYMBOL = "NEM"
FAR = Decimal("1.23")
"""A buy limit that never fills."""


@contextmanager
def exchange() -> Iterator[dict[str, str]]:
    """A fresh exchange without a rate limit; its first line: addresses and keys."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "services.exchange", "--volatility", "0"),
                *("--rate-limit", "0", "--state", str(Path(folder) / "state.db")),
            ],
            stdout=subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            hello: dict[str, str] = json.loads(process.stdout.readline())
            yield hello
        finally:
            process.terminate()
            process.wait(timeout=20)


async def by_turns(hello: dict[str, str]) -> tuple[list[float], list[float]]:
    """Seconds per order: bare alpaca-py, our adapter."""
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import OrderSide, TimeInForce
    from alpaca.trading.requests import LimitOrderRequest

    client = TradingClient(hello["key"], hello["secret"], url_override=hello["trading_url"])
    addresses = {name: hello[name] for name in Endpoints.model_fields}
    broker = AlpacaBroker(
        "main",
        SecretStr(hello["key"]),
        SecretStr(hello["secret"]),
        Endpoints(**addresses),
        SystemClock(),
        requests_a_minute=100_000,
    )
    bare: list[float] = []
    ours: list[float] = []
    for number in range(WARM_UP + ORDERS):
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
        request = OrderRequest(
            client_order_id=f"ours-{number}",
            account="main",
            symbol=SYMBOL,
            side=Side.BUY,
            qty=Decimal(1),
            type=OrderType.LIMIT,
            limit_price=FAR,
        )
        start = time.perf_counter()
        outcome = await broker.submit(request, permit=lambda: None)
        ours.append(time.perf_counter() - start)
        assert isinstance(outcome, Confirmed), outcome
    await broker.close()
    return bare[WARM_UP:], ours[WARM_UP:]


def measure() -> Result:
    with exchange() as hello:
        bare, ours = asyncio.run(by_turns(hello))
    rows = []
    for name, pick in (("p50", 49), ("p99", 98)):
        base, cost = (statistics.quantiles(times, n=100)[pick] * 1000 for times in (bare, ours))
        rows.append(Row(f"alpaca-py {name}", base, "ms", 1.0))
        rows.append(Row(f"broker adapter {name}", cost, "ms", cost / base))
    return Result(
        "submit_bare", f"{ORDERS} limit orders each way, by turns, one exchange", tuple(rows)
    )


if __name__ == "__main__":
    from benchmarks.__main__ import show

    show(measure())
