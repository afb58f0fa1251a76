"""The desk is stopped for a while, and goes on: nothing is decided on what it knew from before, and an
alert says for how long nobody watched (invariants 21, 29)."""

import asyncio
import os
import signal
from collections.abc import Callable
from decimal import Decimal

import pytest
from desk_world import RunningDesk
from house_world import pid_of, started, written
from protection_world import alerted, held
from pydantic import SecretStr
from running_exchange import RunningExchange

from db.clock import SystemClock
from db.model.order import OrderRequest, OrderType, Side, TimeInForce
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.endpoints import Endpoints
from services.brokers.port import Confirmed
from services.desk.client import BROKER_SECONDS, DeskClient, DeskError, DeskUnreachableError
from services.desk.pulse import Pulse


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 100.0

    def monotonic(self) -> float:
        return self.at


def test_an_overdue_beat_holds_sends_up_until_it_is_known() -> None:
    clock, told = Hand(), list[float]()
    pulse = Pulse(clock, lambda: Decimal(5))  # type: ignore[arg-type]
    clock.at += 5
    assert pulse.overdue() is None
    assert pulse.beat(told.append) == 0
    assert pulse.awake_seconds() == float("inf")
    clock.at += 30
    assert pulse.overdue() == "the desk stood still for 30 s"
    assert pulse.awake_seconds() == 0, "nothing has waited for it meanwhile"

    def note(seconds: float) -> None:
        assert pulse.overdue(), "until the books are in doubt"
        told.append(seconds)

    assert pulse.beat(note) == 30
    assert told == [30]
    assert pulse.overdue() is None
    clock.at += 2
    assert pulse.awake_seconds() == 2


async def sold_elsewhere(desk: RunningDesk, symbol: str, qty: int) -> None:
    """By another hand, at the same broker."""
    hello = desk.exchange.hello
    endpoints = Endpoints.among(hello)
    keys = SecretStr(hello["key"]), SecretStr(hello["secret"])
    broker = AlpacaBroker("main", *keys, endpoints, SystemClock())
    request = OrderRequest(
        client_order_id="another-hand", account="main", symbol=symbol, side=Side.SELL,
        qty=Decimal(qty), type=OrderType.MARKET, time_in_force=TimeInForce.DAY,
    )  # fmt: skip
    try:
        assert isinstance(await broker.submit(request, permit=lambda: None), Confirmed)
    finally:
        await broker.close()


@pytest.mark.parametrize(
    ("limit", "seconds"), [("1", 2.0), pytest.param("5", 30.0, marks=pytest.mark.siege)]
)
async def test_what_was_asked_while_it_stood_still_is_not_sent_on_old_knowledge(
    start_exchange: Callable[..., RunningExchange], limit: str, seconds: float
) -> None:
    desk = await started(start_exchange(), standstill_seconds=limit)
    other = DeskClient(desk.home.socket)
    try:
        plan_id = await desk.rebalance()
        await desk.start_plan(plan_id, "step")
        pid = pid_of(desk)
        os.kill(pid, signal.SIGSTOP)
        try:
            await sold_elsewhere(desk, "NEM", 150)
            pressed = asyncio.create_task(other.next(plan_id))
            await asyncio.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
        still = await written(desk, "DeskStoodStill")
        assert seconds - 0.5 < float(still["payload"]["seconds"]) < seconds + 20
        told = await alerted(desk, "stood_still")
        assert "stood still for" in told["sentence"]
        await alerted(desk, "reconciliation_mismatch")
        try:
            await pressed
        except DeskUnreachableError:
            assert seconds >= BROKER_SECONDS  # whoever asked has given up by then
        except DeskError as error:
            assert "stood still" in str(error) or "differ" in str(error)
        status = await desk.client.status()
        assert (status["trading_state"], status["reconciled"]) == ("ACTIVE", False)
        assert held(desk, "NEM") == "0"
        posts = [e["body"] for e in desk.exchange.requests_log() if e["method"] == "POST"]
        assert [body["client_order_id"] for body in posts] == ["another-hand"]
    finally:
        await other.close()
        await desk.stop()
