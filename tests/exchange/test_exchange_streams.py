"""Both websockets, frame by frame."""

import json
from datetime import UTC, datetime

import msgpack
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType
from exchange_world import TUESDAY_NOON
from websockets.asyncio.client import connect

from services.exchange.streams.data_stream import DataLimits

MARKET = {"symbol": "NEM", "qty": "1", "side": "sell", "type": "market", "time_in_force": "day"}
MSGPACK = {"Content-Type": "application/msgpack"}


async def heard(socket: ClientWebSocketResponse) -> object:
    """The next message, whatever its codec."""
    message = await socket.receive(timeout=5)
    if message.type is WSMsgType.TEXT:
        return json.loads(message.data)
    assert message.type is WSMsgType.BINARY, message
    try:
        return json.loads(message.data)
    except ValueError:
        return msgpack.unpackb(message.data)


@pytest.mark.parametrize("form", ["documented", "newer"])
async def test_order_updates_follow_authorization_and_listen(served, form):
    auth = (
        {"action": "authenticate", "data": {"key_id": served.key, "secret_key": served.secret}}
        if form == "documented"
        else {"action": "auth", "key": served.key, "secret": served.secret}
    )
    async with served.client.ws_connect("/stream") as socket:
        await socket.send_json(auth)
        assert await heard(socket) == {
            "stream": "authorization",
            "data": {"status": "authorized", "action": auth["action"]},
        }
        streams = {"streams": ["trade_updates", "account_updates"]}
        await socket.send_json({"action": "listen", "data": streams})
        listening = {"stream": "listening", "data": {"streams": ["trade_updates"]}}
        assert await heard(socket) == listening
        _, order, _ = await served.call("POST", "/v2/orders", MARKET)
        updates = [await heard(socket) for _ in range(3)]
        assert {update["stream"] for update in updates} == {"trade_updates"}
        data = [update["data"] for update in updates]
        assert [d["event"] for d in data] == ["pending_new", "new", "fill"]
        assert [d["order"]["status"] for d in data] == ["pending_new", "new", "filled"]
        assert len({d["execution_id"] for d in data}) == 3
        assert all(d["timestamp"].endswith("Z") and d["order"]["id"] == order["id"] for d in data)
        fill = data[-1]
        assert (fill["price"], fill["qty"], fill["position_qty"]) == ("79.99", "1", "149")
        account = (await served.call("GET", "/v2/account"))[1]
        assert account["cash"] == "2579.99"
        await socket.send_json({"action": "listen", "data": {"streams": []}})
        assert (await heard(socket))["data"] == {"streams": []}
        await served.call("POST", "/v2/orders", MARKET)
        await socket.send_json({"action": "listen", "data": streams})
        assert await heard(socket) == listening


async def test_order_updates_are_binary_frames(served):
    async with served.client.ws_connect("/stream") as socket:
        await socket.send_str('{"action": "listen", "data": {"streams": ["trade_updates"]}}')
        message = await socket.receive(timeout=5)
        assert message.type is WSMsgType.BINARY
        assert json.loads(message.data) == {
            "stream": "authorization",
            "data": {"status": "unauthorized", "action": "listen"},
        }
        wrong = {"key_id": served.key, "secret_key": "no"}
        await socket.send_json({"action": "authenticate", "data": wrong})
        assert (await heard(socket))["data"]["status"] == "unauthorized"


async def open_feed(served, path: str = "/v2/iex", headers: dict | None = None):
    socket = await served.client.ws_connect(path, headers=headers or {})
    assert await heard(socket) == [{"T": "success", "msg": "connected"}]
    return socket


async def authenticated(served, path: str = "/v2/iex", headers: dict | None = None):
    socket = await open_feed(served, path, headers)
    auth = {"action": "auth", "key": served.key, "secret": served.secret}
    if headers:
        await socket.send_bytes(msgpack.packb(auth))
    else:
        await socket.send_json(auth)
    assert await heard(socket) == [{"T": "success", "msg": "authenticated"}]
    return socket


async def test_subscriptions_add_up_and_the_answer_lists_everything(served):
    socket = await authenticated(served)
    ask = {"trades": ["NEM"], "quotes": ["*"], "bars": ["NEM", "AA"], "action": "subscribe"}
    await socket.send_json(ask)
    assert await heard(socket) == [
        {
            "T": "subscription",
            "trades": ["NEM"],
            "quotes": ["*"],
            "bars": ["AA", "NEM"],
            "dailyBars": [],
            "updatedBars": [],
            "statuses": [],
            "lulds": [],
            "corrections": ["NEM"],
            "cancelErrors": ["NEM"],
        }
    ]
    await socket.send_json({"action": "unsubscribe", "bars": ["AA"], "trades": ["NEM"]})
    (answer,) = await heard(socket)
    assert (answer["bars"], answer["trades"], answer["corrections"]) == (["NEM"], [], [])


@pytest.mark.parametrize(
    ("sent", "code", "text"),
    [
        ("{", 400, "invalid syntax"),
        ("[1]", 400, "invalid syntax"),
        ('{"action": "dance"}', 400, "invalid syntax"),
        ('{"action": "subscribe", "quotes": ["NEM"]}', 401, "not authenticated"),
        ('{"action": "auth", "key": "a", "secret": "b"}', 402, "auth failed"),
        ('{"action": "auth", "key": 1}', 402, "auth failed"),
    ],
)
async def test_what_a_stranger_says_gets_its_error_code(served, sent, code, text):
    socket = await open_feed(served)
    await socket.send_str(sent)
    assert await heard(socket) == [{"T": "error", "code": code, "msg": text}]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"action": "auth", "key": "a", "secret": "b"}, 403),
        ({"action": "subscribe", "quotes": "NEM"}, 400),
        ({"action": "subscribe", "quotes": [1]}, 400),
    ],
)
async def test_what_a_client_says_wrongly_gets_its_error_code(served, sent, code):
    socket = await authenticated(served)
    await socket.send_json(sent)
    (error,) = await heard(socket)
    assert (error["T"], error["code"]) == ("error", code)


async def test_limits_of_symbols_connections_and_patience(serve):
    limits = DataLimits(connections=1, symbols=3, auth_timeout=0.05)
    served = await serve(data_limits=limits)
    socket = await authenticated(served)
    await socket.send_json({"action": "subscribe", "quotes": ["A", "B"], "trades": ["A"]})
    assert (await heard(socket))[0]["T"] == "subscription"
    await socket.send_json({"action": "subscribe", "bars": ["A", "B", "C"], "quotes": ["C"]})
    assert (await heard(socket))[0]["code"] == 405
    second = await open_feed(served)
    await second.send_json({"action": "auth", "key": served.key, "secret": served.secret})
    assert (await heard(second))[0]["code"] == 406
    assert (await second.receive(timeout=5)).type is WSMsgType.CLOSE
    mute = await open_feed(served)
    assert (await heard(mute))[0]["code"] == 404
    await socket.close()
    assert await authenticated(served)


async def test_keys_in_the_upgrade_authenticate_at_once(served):
    socket = await open_feed(served, headers=served.keys)
    assert await heard(socket) == [{"T": "success", "msg": "authenticated"}]


async def test_fragments_are_joined_and_msgpack_times_are_extensions(served):
    """As alpaca-py sends it: a frame without FIN, then an empty continuation."""
    url = str(served.client.make_url("/v2/sip")).replace("http", "ws")
    async with connect(url, additional_headers=MSGPACK) as socket:
        assert msgpack.unpackb(await socket.recv()) == [{"T": "success", "msg": "connected"}]
        auth = msgpack.packb({"action": "auth", "key": served.key, "secret": served.secret})
        await socket.send([auth[:7], auth[7:], b""])
        assert msgpack.unpackb(await socket.recv())[0]["msg"] == "authenticated"
        ask = msgpack.packb({"action": "subscribe", "quotes": ["NEM"], "bars": ["*"]})
        await socket.send([ask, b""])
        assert msgpack.unpackb(await socket.recv())[0]["quotes"] == ["NEM"]
        served.opened.turn()
        (quote,) = msgpack.unpackb(await socket.recv())
        assert list(quote)[:2] == ["T", "S"]
        assert (quote["T"], quote["S"], quote["bp"], quote["ap"]) == ("q", "NEM", 79.99, 80.01)
        assert quote["t"] == msgpack.Timestamp.from_datetime(served.clock.at)
        served.clock.pass_(minutes=1)
        served.opened.turn()
        items = msgpack.unpackb(await socket.recv())
        bars = {item["S"]: item for item in items if item["T"] == "b"}
        assert set(bars) == set(served.opened.exchange.market.boards)
        nem = bars["NEM"]
        assert (nem["o"], nem["h"], nem["l"], nem["c"], nem["vw"]) == (80.0,) * 5
        assert nem["t"] == msgpack.Timestamp.from_datetime(TUESDAY_NOON)


async def test_json_clients_get_text_and_rfc_3339_times(served):
    socket = await authenticated(served)
    await socket.send_json({"action": "subscribe", "quotes": ["NEM"]})
    await heard(socket)
    served.opened.turn()
    message = await socket.receive(timeout=5)
    assert message.type is WSMsgType.TEXT
    assert json.loads(message.data)[0]["t"] == "2026-03-03T17:00:00Z"


async def test_the_test_stream_has_its_one_symbol_at_all_hours(served):
    served.clock.at = datetime(2026, 3, 7, 3, 0, tzinfo=UTC)
    socket = await authenticated(served, "/v2/test")
    await socket.send_json({"action": "subscribe", "quotes": ["*"]})
    await heard(socket)
    served.opened.turn()
    (quote,) = await heard(socket)
    assert quote["S"] == "FAKEPACA"


async def test_connects_are_in_the_requests_file_without_secrets(serve, tmp_path):
    log = tmp_path / "requests.jsonl"
    served = await serve(requests=log)
    await authenticated(served)
    await served.call("GET", "/v2/account")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("WS", "/v2/iex", 101),
        ("GET", "/v2/account", 200),
    ]
    assert served.secret not in log.read_text()
