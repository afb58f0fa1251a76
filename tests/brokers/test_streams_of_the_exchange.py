"""The two streams against the simulated exchange as a process, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from pydantic import SecretStr
from unruly_server import until

from db.clock import SystemClock
from db.model.market import Quote, TradingStatus
from db.model.order import OrderRequest, OrderState, OrderType, Side
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.endpoints import Endpoints
from services.brokers.alpaca.supervision import Backoff
from services.brokers.port import (
    BrokerMessage,
    CancelOutcome,
    Confirmed,
    OrderUpdate,
    Rejected,
    RejectionClass,
    StreamState,
)
from services.market.halts import HALTS, RESUMES

NOW = Backoff(first=0.01, longest=0.05, jitter=lambda: 1.0)


def facing(exchange: Any, key: str | None = None) -> AlpacaBroker:
    return AlpacaBroker(
        "main",
        SecretStr(key or exchange.key),
        SecretStr(exchange.secret),
        Endpoints.among(exchange.hello),
        SystemClock(),
        backoff=NOW,
    )


@pytest.fixture
async def broker(exchange: Any) -> AsyncIterator[AlpacaBroker]:
    made = facing(exchange)
    yield made
    await made.close()


def sell(client_order_id: str, **changes: Any) -> OrderRequest:
    known = {
        "client_order_id": client_order_id,
        "account": "main",
        "symbol": "NEM",
        "side": Side.SELL,
        "qty": Decimal(10),
    }
    return OrderRequest.model_validate({**known, **changes})


def permitted() -> None:
    return None


def inject(exchange: Any, fault: dict[str, str]) -> None:
    token = {"Authorization": f"Bearer {exchange.hello['control_token']}"}
    url = f"{exchange.hello['control_url']}faults"
    requests.post(url, json=fault, headers=token, timeout=20).raise_for_status()


def update_of(client_order_id: str, event: str) -> Callable[[BrokerMessage], bool]:
    return lambda message: (
        isinstance(message, OrderUpdate)
        and message.event == event
        and message.order.client_order_id == client_order_id
    )


def connected(stream: str) -> Callable[[BrokerMessage], bool]:
    return lambda message: (
        isinstance(message, StreamState) and message.stream == stream and message.connected
    )


async def test_a_fill_arrives_on_the_stream_and_in_the_activities_as_one_execution(
    broker: AlpacaBroker,
) -> None:
    messages = broker.messages()
    await until(messages, connected("orders"))
    before = (await broker.clock()).at - timedelta(seconds=5)
    outcome = await broker.submit(sell("qd-1"), permit=permitted)
    assert isinstance(outcome, Confirmed)
    seen = await until(messages, update_of("qd-1", "fill"))
    assert isinstance(seen, OrderUpdate)
    assert seen.order.state is OrderState.FILLED
    assert seen.fill is not None
    assert (seen.fill.qty, seen.fill.side) == (Decimal(10), Side.SELL)
    fills = await broker.fills_since(before)
    assert [fill.execution_id for fill in fills] == [seen.fill.execution_id]
    assert fills[0].price == seen.fill.price == seen.order.filled_avg_price


async def test_quotes_come_for_the_symbols_watched_follow_a_change_and_halts_come_of_all(
    start_exchange: Any,
) -> None:
    exchange = start_exchange(volatility="1", tick=20, control=True)
    broker = facing(exchange)
    try:
        broker.watch(["AA"])
        messages = broker.messages()
        first = await until(messages, lambda message: isinstance(message, Quote))
        assert isinstance(first, Quote)
        assert (first.symbol, first.source) == ("AA", "stream")
        assert first.bid is not None and first.ask is not None and first.bid < first.ask
        broker.watch(["NEM", "MSFT"])
        symbols = set()
        while symbols != {"NEM", "MSFT"}:
            quote = await until(messages, lambda message: isinstance(message, Quote))
            assert isinstance(quote, Quote)
            symbols |= {quote.symbol} - {"AA"}
        for do, codes in (("halt", HALTS), ("resume", RESUMES)):
            await asyncio.to_thread(inject, exchange, {"do": do, "symbol": "NVDA"})
            status = await until(messages, lambda message: isinstance(message, TradingStatus))
            assert isinstance(status, TradingStatus)
            assert status.symbol == "NVDA"
            assert status.code in codes
    finally:
        await broker.close()


async def test_an_exchange_that_is_killed_is_told_as_lost_with_a_reason(
    exchange: Any, broker: AlpacaBroker
) -> None:
    messages = broker.messages()
    await until(messages, connected("orders"))
    exchange.kill()
    lost = await until(messages, lambda m: isinstance(m, StreamState) and not m.connected)
    assert isinstance(lost, StreamState)
    assert (lost.stream, bool(lost.reason)) == ("orders", True)


async def test_wrong_keys_are_told_on_the_stream(exchange: Any) -> None:
    broker = facing(exchange, key="WRONGWRONGWRONG")
    try:
        lost = await until(broker.messages(), lambda m: isinstance(m, StreamState))
    finally:
        await broker.close()
    assert isinstance(lost, StreamState)
    assert not lost.connected
    assert "refused the API keys" in lost.reason


async def test_the_end_of_the_consumer_ends_the_messages(broker: AlpacaBroker) -> None:
    messages = broker.messages()
    await until(messages, connected("orders"))
    reader = asyncio.ensure_future(anext(messages, None))
    await asyncio.sleep(0)
    await broker.close()
    assert await reader is None


async def test_there_is_one_consumer(broker: AlpacaBroker) -> None:
    messages = broker.messages()
    await until(messages, connected("orders"))
    with pytest.raises(RuntimeError, match="one consumer"):
        await anext(broker.messages())


async def test_reads_side_by_side_agree(broker: AlpacaBroker) -> None:
    account, positions, orders, clock = await asyncio.gather(
        broker.account(), broker.positions(), broker.open_orders(), broker.clock()
    )
    held = sum((position.market_value or 0 for position in positions), Decimal(0))
    assert account.cash + held == account.equity
    assert orders == ()
    assert clock.is_open
    known = {instrument.symbol for instrument in await broker.instruments()}
    assert {position.symbol for position in positions} <= known
    quotes = await broker.quotes([*known, "NOSUCH"])
    assert set(quotes) == known


async def test_the_same_id_twice_is_a_duplicate_not_a_second_order(broker: AlpacaBroker) -> None:
    first = await broker.submit(sell("qd-1"), permit=permitted)
    again = await broker.submit(sell("qd-1"), permit=permitted)
    assert isinstance(first, Confirmed)
    assert isinstance(again, Rejected)
    assert again.category is RejectionClass.DUPLICATE_ID
    found = await broker.order("qd-1")
    assert found is not None
    assert found.order_id == first.order.order_id
    assert await broker.order("qd-never") is None


async def test_cancels_one_and_all(broker: AlpacaBroker) -> None:
    resting = {"type": OrderType.LIMIT, "limit_price": Decimal(9999), "qty": Decimal(1)}
    outcomes = [await broker.submit(sell(f"qd-{n}", **resting), permit=permitted) for n in range(3)]
    ids = [outcome.order.order_id for outcome in outcomes if isinstance(outcome, Confirmed)]
    assert len(ids) == 3
    assert await broker.cancel(ids[0]) is CancelOutcome.ACCEPTED
    assert await broker.cancel_all() == dict.fromkeys(ids[1:], CancelOutcome.ACCEPTED)
    assert await broker.open_orders() == ()
    # A repeated cancel is a success at some brokers and refused by others (alpaca.md §8.9).
    again = await broker.cancel(ids[0])
    assert again in (CancelOutcome.ACCEPTED, CancelOutcome.ALREADY_CLOSED)
    assert await broker.cancel("3f0c7c6e-52b1-4c0e-9d1b-0a6f4a5c7712") is CancelOutcome.NOT_FOUND
    since = (await broker.clock()).at - timedelta(hours=1)
    assert {order.state for order in await broker.orders_since(since)} == {OrderState.CANCELED}


async def test_exact_decimals_arrive_as_they_were_meant(
    exchange: Any, broker: AlpacaBroker
) -> None:
    qty = Decimal("0.1") + Decimal("0.2")
    await broker.submit(sell("qd-1", qty=qty, symbol="NVDA", side=Side.BUY), permit=permitted)
    posted = [entry for entry in exchange.requests_log() if entry["method"] == "POST"]
    assert len(posted) == 1
    assert '"0.3"' in str(posted[0]).replace("'", '"')
