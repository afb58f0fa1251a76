"""Faults of the websockets over real sockets: lost, doubled, swapped, late, mute, closed, kept out."""

import asyncio
import json
from typing import Any

import aiohttp
import msgpack
import pytest
from running_exchange import finished_lines

from services.exchange.scenarios.reading import Scenario, step_of

BUY = {"symbol": "NEM", "qty": "1", "side": "buy", "type": "limit", "time_in_force": "day"}


class Listener:
    """A client of /stream that has authenticated and listens."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def hear(self) -> dict[str, Any]:
        message = await asyncio.wait_for(self._socket.receive(), 5)
        if message.type is not aiohttp.WSMsgType.BINARY:
            return {"closed": message.data}
        return dict(json.loads(message.data))

    async def events(self, count: int) -> list[tuple[str, str]]:
        """(event, symbol) of the next trade updates."""
        heard = []
        while len(heard) < count:
            data = (await self.hear())["data"]
            heard.append((data["event"], data["order"]["limit_price"]))
        return heard

    async def says_nothing(self) -> bool:
        """Pings are answered, so the socket lives; nothing else comes before the pong."""
        try:
            await asyncio.wait_for(self._socket.receive(), 0.1)
        except TimeoutError:
            return not self._socket.closed
        return False


@pytest.fixture
def troubled(serve):
    async def start(*tables: dict[str, Any], **options: Any) -> Any:
        steps = tuple(step_of(table) for table in tables)
        return await serve(scenarios=(Scenario("mine", "x.", steps),), **options)

    return start


async def listening(served: Any) -> Listener:
    socket = await served.client.ws_connect("/stream")
    data = {"key_id": served.key, "secret_key": served.secret}
    await socket.send_json({"action": "authenticate", "data": data})
    listener = Listener(socket)
    assert (await listener.hear())["data"]["status"] == "authorized"
    await socket.send_json({"action": "listen", "data": {"streams": ["trade_updates"]}})
    assert (await listener.hear())["stream"] == "listening"
    return listener


async def send_order(served: Any, limit: str) -> str:
    status, order, _ = await served.call("POST", "/v2/orders", {**BUY, "limit_price": limit})
    assert status == 200
    return str(order["id"])


async def events_of(served: Any, listener: Listener, count: int) -> list[tuple[str, str]]:
    """Two resting orders make four events: pending_new and new of 10, then those of 11."""
    await send_order(served, "10")
    await send_order(served, "11")
    return await listener.events(count)


P10, N10, P11, N11 = ("pending_new", "10"), ("new", "10"), ("pending_new", "11"), ("new", "11")


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        ({"do": "lose_event", "when": {"event": "new"}}, [P10, P11]),
        ({"do": "lose_event", "when": {"nth": 2}}, [P10, P11, N11]),
        ({"do": "lose_event", "when": {"order": 1}}, [P11, N11]),
        ({"do": "duplicate_event", "when": {"event": "new"}}, [P10, N10, N10, P11, N11, N11]),
        (
            {"do": "duplicate_event", "copies": 3, "when": {"nth": 1}},
            [P10, P10, P10, N10, P11, N11],
        ),
        ({"do": "swap_events", "when": {"nth": 1}}, [N10, P10, P11, N11]),
        ({"do": "swap_events", "when": {"nth": 2}}, [P10, P11, N10, N11]),
        ({"do": "replay_events", "count": 2, "when": {"nth": 2}}, [P10, N10, P10, N10, P11, N11]),
        ({"do": "delay_event", "seconds": 1.5, "when": {"nth": 2}}, [P10, P11, N11, N10]),
    ],
)
async def test_events_are_spoilt(troubled, fault, heard):
    served = await troubled(fault)
    listener = await listening(served)
    assert await events_of(served, listener, len(heard)) == heard
    assert await listener.says_nothing()


async def test_an_events_status_is_one_nobody_knows(troubled):
    served = await troubled({"do": "unknown_event_value", "value": "odd", "when": {"event": "new"}})
    listener = await listening(served)
    await send_order(served, "10")
    assert (await listener.hear())["data"]["order"]["status"] == "pending_new"
    assert (await listener.hear())["data"]["order"]["status"] == "odd"


async def test_a_field_of_an_event_is_missing(troubled):
    served = await troubled({"do": "missing_event_field", "field": "filled_qty"})
    listener = await listening(served)
    await send_order(served, "10")
    order = (await listener.hear())["data"]["order"]
    assert "filled_qty" not in order
    assert order["qty"] == "1"


async def test_a_mute_socket_stays_open_and_a_new_one_hears(troubled):
    served = await troubled({"do": "mute_stream", "stream": "trade_updates", "when": {"after": 20}})
    listener = await listening(served)
    await send_order(served, "10")
    assert await listener.events(2) == [P10, N10]
    served.clock.pass_(seconds=20)
    served.opened.turn()
    await send_order(served, "11")
    assert await listener.says_nothing()
    again = await listening(served)
    await send_order(served, "12")
    assert await again.events(2) == [("pending_new", "12"), ("new", "12")]
    assert await listener.says_nothing()


async def test_a_stream_is_closed_with_a_code_as_an_order_comes(troubled):
    served = await troubled({"do": "close_stream", "code": 1012, "when": {"order": 1}})
    listener = await listening(served)
    await send_order(served, "10")
    while "closed" not in (heard := await listener.hear()):
        assert heard["data"]["event"] in ("pending_new", "new")
    assert heard == {"closed": 1012}
    await listening(served)


async def test_a_stream_is_closed_on_an_event(troubled):
    served = await troubled({"do": "close_stream", "when": {"event": "new"}})
    listener = await listening(served)
    await send_order(served, "10")
    assert await listener.events(1) == [P10]
    while "closed" not in (heard := await listener.hear()):
        assert heard["data"]["event"] == "new"
    assert heard == {"closed": 1011}


async def test_authentication_is_never_answered(troubled):
    served = await troubled({"do": "no_auth_answer", "when": {"times": 1}})
    socket = await served.client.ws_connect("/stream")
    data = {"key_id": served.key, "secret_key": served.secret}
    await socket.send_json({"action": "authenticate", "data": data})
    await socket.send_json({"action": "listen", "data": {"streams": ["trade_updates"]}})
    await send_order(served, "10")
    assert await Listener(socket).says_nothing()
    await listening(served)


async def data_socket(served: Any) -> tuple[aiohttp.ClientWebSocketResponse, list[Any]]:
    socket = await served.client.ws_connect(
        "/v2/iex", headers={"Content-Type": "application/msgpack"}
    )
    await socket.send_bytes(
        msgpack.packb({"action": "auth", "key": served.key, "secret": served.secret})
    )
    heard = [msgpack.unpackb((await socket.receive(5)).data)[0] for _ in range(2)]
    return socket, heard


async def test_a_half_dead_session_keeps_others_out_for_its_time(troubled):
    served = await troubled({"do": "half_dead", "seconds": 90, "when": {"after": 20}})
    listener = await listening(served)
    data, heard = await data_socket(served)
    assert heard[1]["msg"] == "authenticated"
    served.clock.pass_(seconds=20)
    served.opened.turn()
    assert (await listener.hear())["closed"] == 1011
    assert (await data.receive(5)).type is aiohttp.WSMsgType.CLOSE
    for _ in range(2):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await served.client.ws_connect("/stream")
        assert refused.value.status == 429
        _, heard = await data_socket(served)
        assert (heard[1]["T"], heard[1]["code"]) == ("error", 406)
        served.clock.pass_(seconds=44)
    served.clock.pass_(seconds=2)
    await listening(served)
    _, heard = await data_socket(served)
    assert heard[1]["msg"] == "authenticated"


async def test_an_upgrade_that_is_refused_is_in_the_requests_file(troubled, tmp_path):
    log = tmp_path / "requests.jsonl"
    served = await troubled({"do": "half_dead", "when": {"after": 20}}, requests=log)
    await listening(served)
    served.clock.pass_(seconds=20)
    served.opened.turn()
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await served.client.ws_connect("/stream")
    lines = finished_lines(log)
    assert [(line["method"], line["status"]) for line in lines] == [("WS", 101), ("WS", 429)]


async def test_only_the_stream_that_is_meant_is_half_dead(troubled):
    served = await troubled({"do": "half_dead", "stream": "data"})
    served.opened.turn()
    await listening(served)
    _, heard = await data_socket(served)
    assert heard[1]["code"] == 406


async def test_a_slow_client_hears_407_and_is_sent_away(troubled):
    served = await troubled({"do": "slow_client", "stream": "data", "when": {"after": 20}})
    listener = await listening(served)
    data, _ = await data_socket(served)
    served.clock.pass_(seconds=20)
    served.opened.turn()
    heard = msgpack.unpackb((await data.receive(5)).data)[0]
    assert (heard["T"], heard["code"]) == ("error", 407)
    assert (await data.receive(5)).type is aiohttp.WSMsgType.CLOSE
    assert await listener.says_nothing()


async def test_market_data_can_be_lost_too(troubled):
    served = await troubled({"do": "lose_event", "when": {"stream": "data", "nth": 2}})
    socket, _ = await data_socket(served)
    await socket.send_bytes(msgpack.packb({"action": "subscribe", "quotes": ["NEM"]}))
    await socket.receive(5)
    times = []
    for _ in range(3):
        served.clock.pass_(seconds=1)
        served.opened.turn()
        times.append(served.clock.at)
    heard = []
    for _ in range(2):
        (quote,) = msgpack.unpackb((await socket.receive(5)).data, timestamp=3)
        heard.append(quote["t"])
    assert heard == [times[0], times[2]]


@pytest.mark.parametrize(
    ("fault", "first"),
    [
        ({"do": "delay", "seconds": 1.5, "when": {"order": 1}}, "event"),
        ({"do": "delay_event", "seconds": 1.5}, "answer"),
    ],
)
async def test_an_answer_comes_before_or_after_the_first_event(troubled, fault, first):
    served = await troubled(fault)
    listener = await listening(served)
    answer = asyncio.create_task(send_order(served, "10"), name="answer")
    event = asyncio.create_task(listener.hear(), name="event")
    done, _ = await asyncio.wait({answer, event}, return_when=asyncio.FIRST_COMPLETED)
    assert {task.get_name() for task in done} == {first}
    await asyncio.gather(answer, event)
