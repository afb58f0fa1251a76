"""What safety costs: an order through the engine, its intent synced to disk before the first byte
leaves, against bare alpaca-py; by turns, on one simulated exchange."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from benchmarks.result import Result, Row
from benchmarks.servers import exchange
from db.clock import SystemClock
from db.home import Home
from db.journal import Journal
from db.model.base import Environment
from db.model.event import EventDraft
from db.model.order import OrderState, OrderType, Side
from db.model.plan import Phase, Plan, Standing, Step, Verdict
from db.model.run import ChildOrder, PlanRun
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.endpoints import Endpoints
from services.desk.home_latch import HomeLatch
from services.execution.book import RunBook
from services.execution.decide import next_child
from services.execution.safety import Safety
from services.execution.sender import Sender

PLANS, STEPS = 40, 10
"""400 orders of each kind, ten a plan."""
WARM_UP = 10
SYMBOL = "NEM"
FAR = Decimal("1.23")
"""A buy limit that never fills."""


def measure() -> Result:
    with tempfile.TemporaryDirectory() as folder:
        state = str(Path(folder) / "state.db")
        with exchange("--volatility", "0", "--state", state) as server:
            bare, ours = asyncio.run(_by_turns(server.hello))
    rows = []
    for name, part in (("p50", 49), ("p99", 98)):
        base, cost = (statistics.quantiles(times, n=100)[part] * 1000 for times in (bare, ours))
        rows.append(Row(f"bare alpaca-py, {name}", base, "ms", 1.0, expected="0.79 / 1.2 ms"))
        rows.append(
            Row(
                f"engine with synced journal, {name}",
                cost,
                "ms",
                cost / base,
                target="≤ 1.3× (p50, issue 4)" if name == "p50" else "",
                met=cost / base <= 1.3 if name == "p50" else None,
                expected="1.54× (naive)" if name == "p50" else "1.75-2.0×",
            )
        )
    return Result(
        "submit",
        f"{len(bare)} limit orders each way, by turns, against one exchange on loopback that makes "
        "every order durable before it answers; intent to recorded answer.",
        tuple(rows),
    )


async def _by_turns(hello: dict[str, str]) -> tuple[list[float], list[float]]:
    """Seconds per order: bare alpaca-py, the engine."""
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import OrderSide, TimeInForce
    from alpaca.trading.requests import LimitOrderRequest

    client = TradingClient(hello["key"], hello["secret"], url_override=hello["trading_url"])
    bare: list[float] = []
    ours: list[float] = []
    async with _engine(hello) as (book, sender):
        for number, order in enumerate(await _orders(book)):
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
            await sender.intend((order,))
            await sender.send((order,))
            ours.append(time.perf_counter() - start)
            sent = book.order(order.client_order_id)
            assert sent is not None and sent.state is OrderState.ACKNOWLEDGED, sent
    return bare[WARM_UP:], ours[WARM_UP:]


@asynccontextmanager
async def _engine(hello: dict[str, Any]) -> AsyncIterator[tuple[RunBook, Sender]]:
    """The engine's own sender, on a real journal and the real adapter."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder), Environment.PAPER)
        home.create()
        journal = await Journal.open(home.journal, SystemClock().now)
        broker = AlpacaBroker(
            "main",
            SecretStr(hello["key"]),
            SecretStr(hello["secret"]),
            Endpoints.model_validate({name: hello[name] for name in Endpoints.model_fields}),
            SystemClock(),
            requests_a_minute=1_000_000,
        )
        book = RunBook(journal)
        try:
            yield book, Sender(book, broker, Safety(HomeLatch(home)))
        finally:
            await broker.close()
            await journal.close()


async def _orders(book: RunBook) -> list[ChildOrder]:
    """Journalled plans, and the orders of their steps."""
    found: list[ChildOrder] = []
    for number in range(PLANS):
        plan = _plan(f"{number:04x}")
        payload = {"plan": plan.to_json()}
        await book.record(EventDraft(kind="PlanCreated", plan_id=plan.plan_id, payload=payload))
        run: PlanRun = book.run(plan.plan_id)
        found += [next_child(run, step) for step in plan.steps]
    return found


def _plan(plan_id: str) -> Plan:
    none = Standing(
        equity=Decimal(0), cash=Decimal(0), cash_weight=Decimal(0), gross_exposure=Decimal(0),
        leverage=Decimal(0), accounts={}, holdings=(), sectors=(),
    )  # fmt: skip
    steps = tuple(
        Step(
            n=n, phase=Phase.BUY, account="main", symbol=SYMBOL, side=Side.BUY, qty=Decimal(1),
            type=OrderType.LIMIT, limit_price=FAR, reference_price=FAR, expected_price=FAR,
            expected_value=FAR, expected_cash_after=Decimal(0), sector="Materials", reason="bench",
        )
        for n in range(1, STEPS + 1)
    )  # fmt: skip
    return Plan(
        plan_id=plan_id, created_at=datetime(2026, 1, 5, 15, tzinfo=UTC), source="bench",
        proposal_sha256="0" * 64, policy="standard", policy_hash="0" * 64, environment="paper",
        steps=steps, findings=(), before=none, after=none, verdict=Verdict.SAFE,
    )  # fmt: skip


if __name__ == "__main__":
    from benchmarks.__main__ import show

    show(measure())
