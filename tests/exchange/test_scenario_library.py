"""Each shipped scenario does what its sentence says, over real HTTP and websockets.

The exchange's time is moved by hand; only what waits true seconds takes them.
"""

import asyncio
import json
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
import requests

from services.exchange.scenarios.reading import read_scenario, shipped

SELL = {"symbol": "NEM", "qty": "10", "side": "sell", "type": "market", "time_in_force": "day"}
REST = {**SELL, "type": "limit", "limit_price": "99"}
BUY = {**SELL, "side": "buy"}


class Day:
    """An exchange on which a shipped scenario plays."""

    def __init__(self, served: Any) -> None:
        self.served = served

    async def get(self, path: str) -> Any:
        status, body, _ = await self.served.call("GET", path)
        assert status == 200, body
        return body

    async def send(self, order: dict[str, Any]) -> Any:
        status, body, _ = await self.served.call("POST", "/v2/orders", order)
        assert status == 200, body
        return body

    def pass_(self, seconds: float) -> None:
        self.served.clock.pass_(seconds=seconds)
        self.served.opened.turn()

    async def becomes(self, order: dict[str, Any], status: str) -> Any:
        """The order once it has that status; ticks meanwhile."""
        for _ in range(500):
            found = self.served.opened.exchange.venue.floor.ledger.orders[order["id"]]
            if found.status == status:
                return found
            self.served.opened.turn()
            await asyncio.sleep(0)
        raise AssertionError(f"{found.status} and never {status}")

    async def price(self, symbol: str = "NEM") -> Decimal:
        quotes = (await self.get(f"/v2/stocks/quotes/latest?symbols={symbol}"))["quotes"]
        return (Decimal(str(quotes[symbol]["bp"])) + Decimal(str(quotes[symbol]["ap"]))) / 2

    async def listen(self) -> aiohttp.ClientWebSocketResponse:
        socket = await self.served.client.ws_connect("/stream")
        data = {"key_id": self.served.key, "secret_key": self.served.secret}
        await socket.send_json({"action": "authenticate", "data": data})
        await socket.send_json({"action": "listen", "data": {"streams": ["trade_updates"]}})
        await socket.receive(5)
        await socket.receive(5)
        return socket


async def events(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[str]:
    return [json.loads((await socket.receive(5)).data)["data"]["event"] for _ in range(count)]


async def quiet(socket: aiohttp.ClientWebSocketResponse) -> bool:
    try:
        await socket.receive(0.1)
    except TimeoutError:
        return not socket.closed
    return False


@pytest.fixture
def day(serve):
    async def begin(name: str, **options: Any) -> Day:
        return Day(await serve(scenarios=(read_scenario(name),), **options))

    return begin


async def test_flash_crash(day):
    today = await day("flash-crash")
    before = await today.price()
    today.pass_(59)
    assert await today.price() == before
    for seconds, left in ((1, "0.97"), (2, "0.9215"), (2, "0.856995")):
        today.pass_(seconds)
        assert abs(await today.price() / before - Decimal(left)) < Decimal("0.001")
    today.pass_(119)
    assert await today.price() < before * Decimal("0.87")
    today.pass_(1)
    today.pass_(1)
    assert abs(await today.price() / before - 1) < Decimal("0.001")


async def test_broker_down(day):
    today = await day("broker-down")
    socket = await today.listen()
    today.pass_(30)
    assert (await socket.receive(5)).type is aiohttp.WSMsgType.CLOSE
    with pytest.raises(aiohttp.ClientConnectionError):
        await today.send(REST)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await today.listen()
    today.pass_(30)
    async with today.served.client.get("/v2/account", headers=today.served.keys) as answer:
        assert answer.status == 503
    today.pass_(30)
    assert await today.get("/v2/orders?status=all") == []
    await today.listen()


async def test_slow_broker(day):
    today = await day("slow-broker")
    loop = asyncio.get_running_loop()
    socket = await today.listen()
    begun = loop.time()
    _, answered = await asyncio.gather(events(socket, 1), today.send(REST))
    assert loop.time() - begun >= 3
    assert answered["status"] == "pending_new"


async def test_silent_broker(day):
    today = await day("silent-broker")
    await today.send(REST)
    unheard = asyncio.create_task(today.send({**REST, "client_order_id": "unheard"}))
    while len(today.served.opened.exchange.venue.floor.ledger.orders) < 2:
        await asyncio.sleep(0)
    found = await today.get("/v2/orders:by_client_order_id?client_order_id=unheard")
    assert found["qty"] == "10"
    assert not unheard.done()
    unheard.cancel()


async def test_deaf_stream(day):
    today = await day("deaf-stream")
    socket = await today.listen()
    today.pass_(20)
    await today.send(REST)
    assert await quiet(socket)
    again = await today.listen()
    await today.send(REST)
    assert await events(again, 2) == ["pending_new", "new"]


async def test_partial_fills(day):
    today = await day("partial-fills")
    socket = await today.listen()
    order = await today.becomes(await today.send({**SELL, "qty": "100"}), "filled")
    assert order.filled_qty == 100
    heard = []
    while "fill" not in heard:
        heard += await events(socket, 1)
    assert heard[:2] == ["pending_new", "new"]
    assert heard.count("partial_fill") > 3
    parts = await today.get("/v2/account/activities/FILL?direction=asc")
    assert [part["qty"] for part in parts][:2] == ["40", "24"]


async def test_rejects(day):
    today = await day("rejects")
    await today.becomes(await today.send(SELL), "filled")
    rejected = await today.becomes(await today.send(SELL), "rejected")
    assert rejected.failed_at is not None
    await today.becomes(await today.send(SELL), "filled")


async def test_504_after_accept(day):
    today = await day("504-after-accept")
    order = {**REST, "client_order_id": "mine"}
    async with today.served.client.post(
        "/v2/orders", data=json.dumps(order), headers=today.served.keys
    ) as answer:
        assert answer.status == 504
    status, body, _ = await today.served.call("POST", "/v2/orders", order)
    assert (status, body["code"]) == (422, 40010001)
    assert (await today.get("/v2/orders"))[0]["client_order_id"] == "mine"


async def test_halted_symbol(day):
    today = await day("halted-symbol")
    await today.becomes(await today.send(SELL), "filled")
    board = today.served.opened.exchange.market.boards["NEM"]
    order = await today.send({**REST, "limit_price": "1"})
    assert board.halted
    assert not today.served.opened.exchange.market.boards["AA"].halted
    today.pass_(119)
    assert (await today.becomes(order, "new")).filled_qty == 0
    today.pass_(1)
    assert not board.halted
    await today.becomes(order, "filled")


async def test_outside_trade(day):
    today = await day("outside-trade")
    assert (await today.get("/v2/positions/NEM"))["qty"] == "150"
    today.pass_(30)
    assert (await today.get("/v2/positions/NEM"))["qty"] == "140"


async def test_half_day(start_exchange):
    exchange = start_exchange(scenario="half-day")

    def clock() -> Any:
        url = f"{exchange.trading_url}/v2/clock"
        return requests.get(url, headers=exchange.headers).json()

    assert clock()["timestamp"].startswith("2026-11-27T12:50:")
    assert clock()["next_close"] == "2026-11-27T13:00:00-05:00"
    exchange = start_exchange(scenario="half-day", clock="2026-03-03T12:00")
    assert clock()["next_close"] == "2026-03-03T16:00:00-05:00"


async def test_gap_through_stop(day):
    today = await day("gap-through-stop")
    stop = await today.send({**SELL, "type": "stop", "stop_price": "78", "time_in_force": "gtc"})
    late = {**SELL, "type": "stop_limit", "stop_price": "78", "limit_price": "77"}
    limited = await today.send({**late, "time_in_force": "gtc"})
    await today.becomes(limited, "new")
    today.pass_(60)
    filled = await today.becomes(stop, "filled")
    assert abs(filled.filled_avg_price - 72) < 1
    assert (await today.becomes(limited, "new")).filled_qty == 0


async def test_cancel_race(day):
    today = await day("cancel-race")
    socket = await today.listen()
    placed = [await today.send({**REST, "client_order_id": str(n)}) for n in range(4)]
    assert await events(socket, 8) == ["pending_new", "new"] * 4

    async def cancel(order: dict[str, Any]) -> None:
        status, _, _ = await today.served.call("DELETE", f"/v2/orders/{order['id']}")
        assert status == 204

    await cancel(placed[0])
    assert (await today.becomes(placed[0], "filled")).filled_qty == 10
    await cancel(placed[1])
    assert (await today.get(f"/v2/orders/{placed[1]['id']}"))["status"] == "pending_cancel"
    await cancel(placed[2])
    await today.becomes(placed[2], "new")
    await cancel(placed[2])
    await today.becomes(placed[2], "canceled")
    status, new, _ = await today.served.call(
        "PATCH", f"/v2/orders/{placed[3]['id']}", {"limit_price": "98"}
    )
    assert status == 200
    await today.becomes(new, "rejected")
    await today.becomes(placed[3], "new")
    heard = await events(socket, 7)
    assert {"fill", "order_cancel_rejected", "order_replace_rejected", "rejected"} <= set(heard)


async def test_rate_limited(day):
    today = await day("rate-limited")
    for _ in range(9):
        await today.get("/v2/clock")
    for seconds in (0, 10, 9):
        today.pass_(seconds)
        assert (await today.served.call("GET", "/v2/clock"))[0] == 429
    today.pass_(1)
    await today.get("/v2/clock")


async def test_duplicate_events(day):
    today = await day("duplicate-events")
    socket = await today.listen()
    for _ in range(3):
        await today.send(REST)
    heard = await events(socket, 11)
    assert heard[:6] == ["pending_new"] * 2 + ["new"] * 2 + ["pending_new"] * 2
    assert heard[6:] == ["pending_new", "pending_new", "new", "new", "new"]


async def test_lost_events(day):
    today = await day("lost-events")
    socket = await today.listen()
    for _ in range(3):
        await today.send(REST)
    assert await events(socket, 4) == ["pending_new", "new", "new", "pending_new"]
    assert await quiet(socket)


async def test_split(day):
    today = await day("split")
    order = await today.becomes(await today.send(REST), "new")
    before, cost = await today.price(), (await today.get("/v2/positions/NEM"))["cost_basis"]
    today.pass_(30)
    today.pass_(1)
    held = await today.get("/v2/positions/NEM")
    assert (held["qty"], held["cost_basis"]) == ("300", cost)
    assert abs(await today.price() / before - Decimal("0.5")) < Decimal("0.001")
    restated = await today.get(f"/v2/orders/{order.id}")
    assert (restated["qty"], restated["limit_price"]) == ("20", "49.5")


async def test_account_restricted(day):
    today = await day("account-restricted")
    today.pass_(30)
    assert (await today.served.call("POST", "/v2/orders", BUY))[0] == 403
    await today.becomes(await today.send(SELL), "filled")
    today.pass_(120)
    await today.send(BUY)


async def test_half_dead_session(day):
    today = await day("half-dead-session")
    socket = await today.listen()
    today.pass_(20)
    assert (await socket.receive(5)).type is aiohttp.WSMsgType.CLOSE
    today.pass_(89)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await today.listen()
    today.pass_(1)
    await today.listen()


async def test_stale_positions(day):
    today = await day("stale-positions")
    await today.becomes(await today.send(SELL), "filled")
    assert (await today.get("/v2/positions/NEM"))["qty"] == "150"
    today.pass_(31)
    assert (await today.get("/v2/positions/NEM"))["qty"] == "140"


async def test_garbled_answers(day):
    today = await day("garbled-answers")
    said = []
    for _ in range(14):
        async with today.served.client.get("/v2/account", headers=today.served.keys) as answer:
            said.append(await answer.text())

    def broken(text: str) -> bool:
        try:
            return not json.loads(text)
        except ValueError:
            return True

    assert [n for n, text in enumerate(said, 1) if broken(text)] == [5, 10]
    assert [n for n, text in enumerate(said, 1) if "under_enquiry" in text] == [7, 14]


async def test_short_lists(day):
    today = await day("short-lists")
    for _ in range(3):
        await today.send(REST)
    assert len(await today.get("/v2/orders")) == 1
    assert len(await today.get("/v2/positions")) == 1


def test_every_shipped_scenario_is_proven_here():
    proven = {name.removeprefix("test_").replace("_", "-") for name in globals()}
    assert set(shipped()) <= proven
