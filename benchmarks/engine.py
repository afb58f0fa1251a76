"""The engine's own parts on a real journal and the real adapter, for benchmarks that send orders."""

import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from db.clock import SystemClock
from db.home import Home
from db.journal import Journal
from db.model.base import Environment
from db.model.event import EventDraft
from db.model.order import OrderType, Side
from db.model.plan import Phase, Plan, Standing, Step, Verdict
from db.model.run import ChildOrder
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.endpoints import Endpoints
from services.desk.home_latch import HomeLatch
from services.execution.book import RunBook
from services.execution.decide import next_child
from services.execution.safety import Safety
from services.execution.sender import Sender

SYMBOL = "NEM"
FAR = Decimal("1.23")
"""A buy limit that never fills."""
DELAYS = (0, 5, 30)
"""Milliseconds that the exchange waits before it answers."""


def slow(folder: Path, milliseconds: int, request: str = "") -> tuple[str, ...]:
    """Options of an exchange that answers that late; `request` is a scenario's `when`."""
    if not milliseconds:
        return ()
    path = folder / "slow.toml"
    when = f"when = {{ {request} }}\n" if request else ""
    about = f'about = "Answers come {milliseconds} ms late."\n'
    path.write_text(f'{about}[[fault]]\ndo = "delay"\nseconds = {milliseconds / 1000}\n{when}')
    return ("--scenario", str(path))


def alpaca_py(hello: Mapping[str, Any]) -> Callable[[str], object]:
    """What sends an order of that client order id, as its documentation says."""
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import OrderSide, TimeInForce
    from alpaca.trading.requests import LimitOrderRequest

    client = TradingClient(hello["key"], hello["secret"], url_override=hello["trading_url"])

    def send(client_order_id: str) -> object:
        return client.submit_order(
            LimitOrderRequest(
                symbol=SYMBOL,
                qty=1,
                side=OrderSide.BUY,
                time_in_force=TimeInForce.DAY,
                limit_price=float(FAR),
                client_order_id=client_order_id,
            )
        )

    return send


@dataclass(frozen=True)
class Parts:
    """Of one engine."""

    home: Home
    journal: Journal
    broker: AlpacaBroker
    book: RunBook
    sender: Sender


@asynccontextmanager
async def engine(hello: Mapping[str, Any], home: Home | None = None) -> AsyncIterator[Parts]:
    """Without a rate limit of its own. `home`: where, else in a place that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        home = home or Home(Path(folder), Environment.PAPER)
        home.create()
        journal = await Journal.open(home.journal, SystemClock().now)
        broker = AlpacaBroker(
            "main",
            SecretStr(hello["key"]),
            SecretStr(hello["secret"]),
            Endpoints.among(hello),
            SystemClock(),
            requests_a_minute=1_000_000,
        )
        book = RunBook(journal)
        try:
            sender = Sender(book, broker, Safety(HomeLatch(home)))
            yield Parts(home, journal, broker, book, sender)
        finally:
            await broker.close()
            await journal.close()


async def orders(book: RunBook, plans: int, steps: int) -> list[ChildOrder]:
    """The orders of some plans, which are in the journal."""
    found: list[ChildOrder] = []
    for number in range(plans):
        plan = far_buys(f"{number:04x}", range(1, steps + 1))
        payload = {"plan": plan.to_json()}
        await book.record(EventDraft(kind="PlanCreated", plan_id=plan.plan_id, payload=payload))
        found += [next_child(book.run(plan.plan_id), step) for step in plan.steps]
    return found


def far_buys(plan_id: str, numbers: Iterable[int]) -> Plan:
    """A plan of buys that rest."""
    steps = tuple(
        Step(
            n=n, phase=Phase.BUY, account="main", symbol=SYMBOL, side=Side.BUY, qty=Decimal(1),
            type=OrderType.LIMIT, limit_price=FAR, reference_price=FAR, expected_price=FAR,
            expected_value=FAR, expected_cash_after=Decimal(0), sector="Materials", reason="bench",
        )
        for n in numbers
    )  # fmt: skip
    return plan_of(plan_id, steps, datetime(2026, 1, 5, 15, tzinfo=UTC))


def plan_of(plan_id: str, steps: tuple[Step, ...], created_at: datetime) -> Plan:
    """With nothing in it but its steps."""
    none = Standing(
        equity=Decimal(0), cash=Decimal(0), cash_weight=Decimal(0), gross_exposure=Decimal(0),
        leverage=Decimal(0), accounts={}, holdings=(), sectors=(),
    )  # fmt: skip
    return Plan(
        plan_id=plan_id, created_at=created_at, source="bench", proposal_sha256="0" * 64,
        policy="standard", policy_hash="0" * 64, environment="paper", steps=steps, findings=(),
        before=none, after=none, verdict=Verdict.SAFE,
    )  # fmt: skip
