"""/stream, frame by frame (alpaca.md §5.1 to §5.3)."""

import json

import msgpack
import pytest
from aiohttp import WSMsgType, WSServerHandshakeError
from stream_talk import (
    LISTEN,
    LISTENING,
    MSGPACK,
    SALE,
    auth,
    authorized,
    closed,
    heard,
    listening,
    say,
)

from services.exchange.streams.limits import TradeLimits


def documented(served):
    data = {"key_id": served.key, "secret_key": served.secret}
    return {"action": "authenticate", "data": data}


@pytest.mark.parametrize("form", [documented, auth], ids=["documented", "newer"])
async def test_order_updates_follow_authorization_and_listen(served, form):
    asked = form(served)
    async with served.client.ws_connect("/stream") as socket:
        await socket.send_json(asked)
        assert await heard(socket) == {
            "stream": "authorization",
            "data": {"status": "authorized", "action": asked["action"]},
        }
        streams = {"streams": ["trade_updates", "account_updates"]}
        await socket.send_json({"action": "listen", "data": streams})
        assert await heard(socket) == LISTENING
        _, order, _ = await served.call("POST", "/v2/orders", SALE)
        updates = [await heard(socket) for _ in range(3)]
        assert {update["stream"] for update in updates} == {"trade_updates"}
        data = [update["data"] for update in updates]
        assert [d["event"] for d in data] == ["pending_new", "new", "fill"]
        assert [d["order"]["status"] for d in data] == ["pending_new", "new", "filled"]
        assert len({d["execution_id"] for d in data}) == 3
        assert all(d["timestamp"].endswith("Z") and d["order"]["id"] == order["id"] for d in data)
        fill = data[-1]
        assert (fill["price"], fill["qty"], fill["position_qty"]) == ("79.99", "1", "149")


async def test_listen_replaces_what_was_listened_to_and_nothing_is_replayed(served):
    socket, witness = await listening(served), await listening(served)
    await socket.send_json({"action": "listen", "data": {"streams": []}})
    assert (await heard(socket))["data"] == {"streams": []}
    await served.call("POST", "/v2/orders", SALE)
    assert [(await heard(witness))["data"]["event"] for _ in range(3)][-1] == "fill"
    await socket.send_json(LISTEN)
    assert await heard(socket) == LISTENING
    _, order, _ = await served.call("POST", "/v2/orders", SALE)
    assert (await heard(socket))["data"]["order"]["id"] == order["id"]


async def test_before_authorization_only_its_answers_come(served):
    async with served.client.ws_connect("/stream") as socket:
        await served.call("POST", "/v2/orders", SALE)
        await socket.send_json(LISTEN)
        refused = {"status": "unauthorized", "action": "listen"}
        assert await heard(socket) == {"stream": "authorization", "data": refused}
        wrong = {"key_id": served.key, "secret_key": "no"}
        await socket.send_json({"action": "authenticate", "data": wrong})
        refused = {"status": "unauthorized", "action": "authenticate"}
        assert await heard(socket) == {"stream": "authorization", "data": refused}


@pytest.mark.parametrize(
    ("sent", "said"),
    [("{", "invalid syntax"), ("[1]", "invalid syntax"), ('{"action": 1}', "unknown action")],
)
async def test_what_cannot_be_understood_is_answered(served, sent, said):
    socket = await authorized(served)
    await socket.send_str(sent)
    assert await heard(socket) == {"stream": "error", "data": {"error": said}}


@pytest.mark.parametrize(
    ("text", "kind"), [(False, WSMsgType.BINARY), (True, WSMsgType.TEXT)], ids=["usual", "chosen"]
)
async def test_json_comes_in_binary_frames_unless_text_is_chosen(serve, text, kind):
    served = await serve(trade_limits=TradeLimits(text=text))
    async with served.client.ws_connect("/stream") as socket:
        await socket.send_json(LISTEN)
        message = await socket.receive(timeout=5)
        assert message.type is kind
        assert json.loads(message.data)["stream"] == "authorization"


@pytest.mark.parametrize("text", [False, True])
async def test_who_asks_for_messagepack_gets_the_same_in_it(serve, text):
    served = await serve(trade_limits=TradeLimits(text=text))
    plain, packed = await listening(served), await listening(served, MSGPACK)
    await served.call("POST", "/v2/orders", SALE)
    message = await packed.receive(timeout=5)
    assert message.type is WSMsgType.BINARY
    assert msgpack.unpackb(message.data) == await heard(plain)


async def test_keys_in_the_upgrade_authorize(served):
    async with served.client.ws_connect("/stream", headers=served.keys) as socket:
        await socket.send_json(LISTEN)
        assert await heard(socket) == LISTENING


async def test_one_connection_an_account_when_that_is_the_limit(serve):
    served = await serve(trade_limits=TradeLimits(connections=1))
    first = await listening(served)
    await say(first, auth(served))  # again on the same one is no second one
    assert (await heard(first))["data"]["status"] == "authorized"
    second = await served.client.ws_connect("/stream")
    await say(second, auth(served))
    assert (await heard(second))["data"]["status"] == "unauthorized"
    assert await closed(second) == 1008
    with pytest.raises(WSServerHandshakeError) as refused:
        await served.client.ws_connect("/stream", headers=served.keys)
    assert refused.value.status == 429
    await first.close()
    assert await listening(served)


async def test_every_listener_of_the_account_hears_and_nobody_else(served):
    mine, also_mine = await listening(served), await listening(served)
    quiet = await authorized(served)
    await served.call("POST", "/v2/orders", SALE)
    assert (await heard(mine)) == (await heard(also_mine))
    await say(quiet, LISTEN)
    assert await heard(quiet) == LISTENING
