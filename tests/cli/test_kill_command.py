"""`quarterdeck kill`: the latch always, the desk when it answers, the broker itself when not."""

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from answering_desk import CannedDesk
from pydantic import SecretStr

from db.clock import SystemClock
from db.home import Home
from db.model.base import Environment
from db.model.order import BrokerOrder, OrderRequest, OrderState, OrderType, Side
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.endpoints import Endpoints
from services.brokers.port import BrokerUnavailableError, CancelOutcome, Confirmed
from services.desk.emergency import cancel_at_broker
from services.desk.latch import latched, read_latch

REPORT = {
    "at": "2013-10-08T14:30:00Z", "by": "me", "reason": "news", "orders": [], "remaining": 0,
    "complete": True, "cause": "", "latch_ms": "0.4", "cancelled_ms": "31",
}  # fmt: skip


def test_the_desk_that_answers_does_it(process, canned: CannedDesk, home: Home) -> None:
    canned.answers["POST /v1/halt"] = (200, REPORT)
    done = process("kill", "--reason", "news", "--json")
    assert (done.code, json.loads(done.out)) == (0, REPORT)
    (body,) = canned.bodies("POST /v1/halt")
    assert body["reason"] == "news"
    latch = read_latch(home)
    assert latch is not None
    assert latch.reason == "news"


def test_orders_that_remain_are_10(process, canned: CannedDesk) -> None:
    canned.answers["POST /v1/halt"] = (200, {**REPORT, "remaining": 2, "complete": False})
    done = process("kill")
    assert done.code == 10
    assert "remain: 2" in done.out


def test_without_desk_and_exchange_the_latch_is_set_and_20_says_nobody_knows(
    process, home: Home
) -> None:
    done = process("kill", "--reason", "news")
    assert done.code == 20
    assert latched(home)
    assert "unknown" in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_a_second_kill_keeps_the_first_reason(process, canned: CannedDesk, home: Home) -> None:
    canned.answers["POST /v1/halt"] = (200, REPORT)
    process("kill", "--reason", "first")
    done = process("kill", "--reason", "second")
    latch = read_latch(home)
    assert latch is not None
    assert latch.reason == "first"
    assert "first" in done.err


def test_the_latch_that_cant_be_set_stops_nothing_else(
    process, canned: CannedDesk, home: Home
) -> None:
    canned.answers["POST /v1/halt"] = (200, REPORT)
    blocked = process("--env", "paper", "kill")
    assert latched(Home(home.root, Environment.PAPER))
    assert blocked.code == 20, "no keys: nobody can be asked"
    (home.root / "live").write_text("in the way")
    done = process("--env", "live", "kill")
    assert done.code == 20
    assert "NOT halted" in done.err


@pytest.fixture
def exchange(home: Home, tmp_path: Path) -> Iterator[dict]:
    """The real simulated exchange, its prices standing still."""
    server = subprocess.Popen(
        [sys.executable, "-m", "services.exchange", "--volatility", "0", "--fill-delay", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    hello = json.loads(server.stdout.readline())
    address = {name: value for name, value in hello.items() if isinstance(value, str)}
    home.exchange_address.write_text(json.dumps({**address, "pid": server.pid}))
    yield address
    server.terminate()
    server.communicate(timeout=30)


def broker_at(address: dict) -> AlpacaBroker:
    endpoints = Endpoints.among(address)
    key, secret = SecretStr(address["key"]), SecretStr(address["secret"])
    return AlpacaBroker("main", key, secret, endpoints, SystemClock())


async def working_orders(address: dict, *requests: OrderRequest) -> list[BrokerOrder]:
    broker = broker_at(address)
    try:
        for request in requests:
            assert isinstance(await broker.submit(request, permit=lambda: None), Confirmed)
        return list(await broker.open_orders())
    finally:
        await broker.close()


def resting(n: int) -> OrderRequest:
    """A buy far under the market, which only rests."""
    return OrderRequest(
        client_order_id=f"qd-test-{n}",
        account="main",
        symbol="NEM",
        side=Side.BUY,
        qty=Decimal(1),
        type=OrderType.LIMIT,
        limit_price=Decimal("1.00"),
    )


async def test_a_dead_desk_leaves_no_order_at_the_exchange(
    process, home: Home, exchange: dict
) -> None:
    assert len(await working_orders(exchange, resting(1), resting(2))) == 2
    done = process("kill", "--json")
    report = json.loads(done.out)
    assert done.code == 0, done
    assert report["complete"]
    assert {order["outcome"] for order in report["orders"]} == {"canceled"}
    assert await working_orders(exchange) == []
    assert latched(home)


async def test_a_hung_desk_is_not_waited_for(
    process, canned: CannedDesk, home: Home, exchange: dict
) -> None:
    canned.silent = True
    assert len(await working_orders(exchange, resting(1))) == 1
    done = process("kill")
    assert done.code == 0, done
    assert "canceled" in done.out
    assert await working_orders(exchange) == []


class SteppingClock(SystemClock):
    """Only sleeping makes time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds


def order(n: int, kind: str = "limit") -> BrokerOrder:
    return BrokerOrder(
        order_id=f"o{n}",
        client_order_id=f"c{n}",
        account="main",
        symbol="NEM",
        side=Side.SELL,
        type=kind,
        status="new",
        state=OrderState.ACKNOWLEDGED,
    )


class ScriptedBroker:
    """Reads fail as told; cancels are refused `stubborn` times. No broker can be made to do so."""

    def __init__(self, orders: list[BrokerOrder], failures: int = 0, stubborn: int = 0) -> None:
        self.orders, self.failures, self.stubborn = orders, failures, stubborn
        self.cancelled: list[str] = []

    async def open_orders(self) -> tuple[BrokerOrder, ...]:
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailableError("no answer.")
        return tuple(self.orders)

    async def cancel(self, order_id: str) -> CancelOutcome:
        self.cancelled.append(order_id)
        if self.stubborn:
            self.stubborn -= 1
            return CancelOutcome.UNRESOLVED
        self.orders = [o for o in self.orders if o.order_id != order_id]
        return CancelOutcome.ACCEPTED

    async def order(self, client_order_id: str) -> BrokerOrder | None:
        return None


async def test_protective_orders_stay(home: Home) -> None:
    broker = ScriptedBroker([order(1), order(2, "stop"), order(3, "stop_limit")])
    report = await cancel_at_broker(broker, SteppingClock(), "me", "news")
    assert broker.cancelled == ["o1"]
    assert report.complete
    assert [o.outcome for o in report.orders if o.order_id != "o1"] == ["protective, kept"] * 2


@pytest.mark.parametrize(("failures", "stubborn"), [(3, 0), (0, 5), (4, 4)])
async def test_it_is_tried_again_until_none_is_left(failures: int, stubborn: int) -> None:
    broker = ScriptedBroker([order(1), order(2)], failures, stubborn)
    report = await cancel_at_broker(broker, SteppingClock(), "me", "news")
    assert (report.complete, report.remaining, broker.orders) == (True, 0, [])


async def test_what_remains_at_the_end_is_told() -> None:
    broker = ScriptedBroker([order(1)], stubborn=10_000)
    report = await cancel_at_broker(broker, SteppingClock(), "me", "news")
    assert (report.complete, report.remaining) == (False, 1)


async def test_a_failed_read_never_means_none_is_left() -> None:
    broker = ScriptedBroker([], failures=10_000)
    with pytest.raises(BrokerUnavailableError):
        await cancel_at_broker(broker, SteppingClock(), "me", "news")


async def test_an_order_that_was_on_its_way_is_caught() -> None:
    class Late(ScriptedBroker):
        reads = 0

        async def open_orders(self) -> tuple[BrokerOrder, ...]:
            self.reads += 1
            if self.reads == 2:
                self.orders = [order(9)]
            return await super().open_orders()

    broker = Late([])
    report = await cancel_at_broker(broker, SteppingClock(), "me", "news")
    assert broker.cancelled == ["o9"]
    assert report.complete
