"""Answers that are lost, late, mute, cut or denied by mistake: the order is at the exchange once, and
nothing is guessed meanwhile (invariants 3, 8, 30)."""

import asyncio
import socket
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise

import pytest
from desk_here import WAITING, DeskHere, broker_at, desk_on
from running_exchange import RunningExchange

from db.model.order import OrderRequest, OrderState, Side
from db.model.reconciliation import MismatchKind
from db.model.run import Mode, PlanState
from services.brokers.port import BrokerUnavailableError, Confirmed, Denied

SENDING = {"method": "POST", "path": "/v2/orders", "nth": 1, "times": 1}
BY_NAME = {"method": "GET", "path": "/v2/orders:by_client_order_id"}
LISTING = {"method": "GET", "path": "/v2/orders"}
FAR = {"type": "limit", "limit_price": "83.00"}
"""A sell of NEM that rests above the market."""


@pytest.fixture
async def desk(bad_day: RunningExchange, quick_polls: None) -> AsyncIterator[DeskHere]:
    async with desk_on(bad_day) as made:
        yield made


async def test_an_order_accepted_behind_a_504_is_posted_once(desk: DeskHere) -> None:
    """Failure 1: libraries that try again after a 504 made four orders of one."""
    before = desk.held("NEM")
    no_poll_is_faster = desk.fault("truncated_list", LISTING, keep=0)
    with desk.deaf(), no_poll_is_faster, desk.fault("gateway_timeout", SENDING):
        plan_id = await desk.started(symbol="NEM", side="sell", qty="2")
        run = await desk.ended(plan_id)
    assert run.state is PlanState.DONE, run.reason
    name = desk.order(plan_id).client_order_id
    assert desk.posts(name) == 1
    assert desk.held("NEM") == before - 2
    kinds = await desk.kinds(name)
    assert kinds[:3] == ["OrderIntended", "OrderSent", "OrderUnknown"]
    assert kinds.count("FillReceived") == 1


async def test_an_order_that_is_denied_though_it_is_there_is_never_doubled(desk: DeskHere) -> None:
    """Failures 1 and 12: accepted behind a 504, then "not found" again and again. Sent once more
    it has the same id; the exchange says that this must be unique, which is no refusal."""
    before = desk.held("NEM")
    denied = desk.fault("refuse", BY_NAME, cause="order_not_found")
    with desk.deaf(), desk.fault("truncated_list", LISTING, keep=0):
        with denied, desk.fault("gateway_timeout", SENDING):
            plan_id = await desk.started(symbol="NEM", side="sell", qty="2")
            await desk.until(lambda: desk.run(plan_id).orders)
            name = desk.order(plan_id).client_order_id
            await desk.until(lambda: desk.posts(name) >= 2)
            assert not desk.run(plan_id).state.ended
        run = await desk.ended(plan_id)
    assert run.state is PlanState.DONE, run.reason
    assert len(run.orders) == 1
    assert "OrderRejected" not in await desk.kinds(name)
    assert desk.held("NEM") == before - 2


async def test_a_mute_server_is_unknown_by_its_deadline_and_everything_else_goes_on(
    bad_day: RunningExchange, quick_polls: None
) -> None:
    """Failure 2: a call without a time limit blocked for ever, and the screen with it."""
    loop, ticks = asyncio.get_running_loop(), list[float]()
    async with desk_on(bad_day, timeouts=WAITING) as desk:

        async def screen() -> None:
            while True:
                ticks.append(loop.time())
                desk.desk.snapshot()
                await asyncio.sleep(0.01)

        with desk.deaf(), desk.fault("truncated_list", LISTING, keep=0):
            denied = desk.fault("refuse", BY_NAME, cause="order_not_found")
            with denied, desk.fault("hang", SENDING):
                drawing = asyncio.create_task(screen())
                plan_id = await desk.started(Mode.PHASE, symbol="NEM", side="sell", qty="2")
                await desk.until(lambda: desk.run(plan_id).unknown_orders)
                drawing.cancel()
        assert max(b - a for a, b in pairwise(ticks)) < 1.2, "less than the server was mute"
        await desk.until(lambda: desk.order(plan_id).state is OrderState.FILLED)
        assert desk.posts(desk.order(plan_id).client_order_id) == 1


async def test_a_name_that_does_not_resolve_says_nothing_about_an_order(
    bad_day: RunningExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failure 27: twenty failed look-ups were taken for "no such order", and it was sent again."""
    resting = OrderRequest(
        client_order_id="qd-dns-s01-c1-a1", account="main", symbol="NEM", side=Side.SELL,
        qty=Decimal(1), type="limit", limit_price=Decimal(83),
    )  # fmt: skip
    first, second = broker_at(bad_day), broker_at(bad_day, host="localhost")
    assert isinstance(await first.submit(resting, permit=lambda: None), Confirmed)

    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with monkeypatch.context() as broken:
        broken.setattr(socket, "getaddrinfo", nowhere)
        for _ in range(20):
            with pytest.raises(BrokerUnavailableError):
                await second.order(resting.client_order_id)
        unsent = resting.model_copy(update={"client_order_id": "qd-dns-s02-c1-a1"})
        outcome = await second.submit(unsent, permit=lambda: None)
    assert isinstance(outcome, Denied), "it provably never left"
    found = await second.order(resting.client_order_id)
    assert found is not None
    assert found.state is OrderState.ACKNOWLEDGED
    await first.cancel(found.order_id)
    for broker in (first, second):
        await broker.close()


async def test_an_order_that_no_list_shows_is_asked_for_by_its_id(desk: DeskHere) -> None:
    """Failure 29: what the first page did not list was taken for cancelled."""
    plan_id = await desk.started(Mode.PHASE, symbol="NEM", side="sell", qty="2", **FAR)
    name = (await desk.resting(plan_id)).client_order_id
    with desk.deaf(), desk.fault("truncated_list", LISTING, keep=0):
        asked = desk.asked_by_name(name)
        await desk.until(lambda: desk.asked_by_name(name) >= asked + 3)
        assert desk.order(plan_id).state is OrderState.ACKNOWLEDGED
        found = (await desk.desk.reconciler.reconcile()).mismatches
        assert [m.kind for m in found] == [MismatchKind.LOST_ORDER], "said, and not acted upon"
        assert desk.order(plan_id).state is OrderState.ACKNOWLEDGED
    assert (await desk.desk.reconciler.reconcile()).clean
    assert desk.posts(name) == 1
    await desk.desk.engine.abort(plan_id, "a test")
    await desk.until(lambda: desk.order(plan_id).state is OrderState.CANCELED)
