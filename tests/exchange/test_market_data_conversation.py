"""Market data streams: keys, subscriptions, limits and error codes (alpaca.md §6.1, §6.3)."""

import msgpack
import pytest
from running_exchange import finished_lines
from stream_talk import (
    AUTHENTICATED,
    CONNECTED,
    MSGPACK,
    auth,
    authenticated,
    closed,
    error,
    heard,
    open_feed,
    say,
    subscribed,
)
from websockets.asyncio.client import connect

from services.exchange.streams.data_client import ERRORS
from services.exchange.streams.feeds import FEEDS
from services.exchange.streams.limits import DataLimits

NOTHING = {
    "trades": [],
    "quotes": [],
    "bars": [],
    "updatedBars": [],
    "dailyBars": [],
    "statuses": [],
    "lulds": [],
    "imbalances": [],
    "corrections": [],
    "cancelErrors": [],
}


async def test_subscriptions_add_up_and_the_answer_lists_everything(served):
    socket = await authenticated(served)
    await say(socket, {"action": "subscribe", "trades": ["NEM"], "bars": ["NEM", "AA"]})
    known = {
        **NOTHING,
        "trades": ["NEM"],
        "bars": ["AA", "NEM"],
        "corrections": ["NEM"],
        "cancelErrors": ["NEM"],
    }
    assert await heard(socket) == [{"T": "subscription", **known}]
    await say(socket, {"action": "subscribe", "quotes": ["*"], "lulds": ["NEM"]})
    known |= {"quotes": ["*"], "lulds": ["NEM"]}
    assert await heard(socket) == [{"T": "subscription", **known}]
    await say(socket, {"action": "unsubscribe", "bars": ["AA"], "trades": ["NEM"]})
    known |= {"bars": ["NEM"], "trades": [], "corrections": [], "cancelErrors": []}
    assert await heard(socket) == [{"T": "subscription", **known}]


async def test_unsubscribed_channels_fall_silent(served):
    socket = await subscribed(served, quotes=["NEM"], trades=["NEM"])
    await say(socket, {"action": "unsubscribe", "quotes": ["NEM"], "trades": ["NEM"]})
    assert await heard(socket) == [{"T": "subscription", **NOTHING}]
    served.opened.turn()
    await say(socket, {"action": "subscribe"})
    assert await heard(socket) == [{"T": "subscription", **NOTHING}]


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
async def test_every_feed_takes_keys_and_lists_its_own_channels(served, feed):
    socket = await authenticated(served, feed.path, MSGPACK)
    await say(socket, {"action": "subscribe", feed.channels[0]: ["A"]}, packed=True)
    (answer,) = await heard(socket)
    assert next(iter(answer)) == "T"
    assert set(answer) == {"T", *feed.channels, *feed.following}
    assert answer[feed.channels[0]] == ["A"]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", 400),
        ("[1]", 400),
        ('{"action": "dance"}', 400),
        ('{"action": ["auth"]}', 400),
        ('{"action": "subscribe", "quotes": ["NEM"]}', 401),
        ('{"action": "auth", "key": "a", "secret": "b"}', 402),
        ('{"action": "auth", "key": 1}', 402),
    ],
)
async def test_what_a_stranger_says_gets_its_error_code(served, sent, code):
    socket = await open_feed(served)
    await socket.send_str(sent)
    assert await heard(socket) == error(code, ERRORS[code])


@pytest.mark.parametrize(
    ("path", "sent", "code"),
    [
        ("/v2/iex", {"action": "auth", "key": "a", "secret": "b"}, 403),
        ("/v2/iex", {"action": "subscribe", "quotes": "NEM"}, 400),
        ("/v2/iex", {"action": "subscribe", "quotes": [1]}, 400),
        ("/v2/iex", {"action": "subscribe", "news": ["*"]}, 410),
        ("/v2/iex", {"action": "unsubscribe", "orderbooks": ["*"]}, 410),
        ("/v1beta1/news", {"action": "subscribe", "trades": ["NEM"]}, 410),
        ("/v1beta1/opra", {"action": "subscribe", "bars": ["NEM"]}, 410),
        ("/v1beta1/indicative", {"action": "subscribe", "quotes": ["*"]}, 413),
        ("/v1beta1/opra", {"action": "subscribe", "quotes": ["NEM260320C00080000", "*"]}, 413),
    ],
)
async def test_what_a_client_asks_wrongly_gets_its_error_code(served, path, sent, code):
    socket = await authenticated(served, path, MSGPACK)
    await say(socket, sent, packed=True)
    assert await heard(socket) == error(code, ERRORS[code])


@pytest.mark.parametrize(
    ("limits", "path", "headers", "code"),
    [
        (DataLimits(not_subscribed=frozenset({"sip"})), "/v2/sip", {}, 409),
        (DataLimits(unscoped=frozenset({"main"})), "/v2/iex", {}, 411),
        (DataLimits(), "/v1beta1/indicative", {}, 412),
        (DataLimits(), "/v1beta1/opra", {}, 412),
    ],
)
async def test_valid_keys_that_may_not_are_told_why_and_sent_away(
    serve, limits, path, headers, code
):
    served = await serve(data_limits=limits)
    socket = await open_feed(served, path, headers)
    await say(socket, auth(served))
    assert await heard(socket) == error(code, ERRORS[code])
    assert await closed(socket) == 1000


async def test_a_refused_feed_leaves_the_others(serve):
    served = await serve(data_limits=DataLimits(not_subscribed=frozenset({"sip"})))
    assert await authenticated(served, "/v2/iex")


async def test_one_symbol_too_many_leaves_the_subscription_as_it_was(serve):
    served = await serve(data_limits=DataLimits(symbols=3))
    socket = await subscribed(served, quotes=["A", "B"], trades=["A"])
    await say(socket, {"action": "subscribe", "bars": ["C"], "quotes": ["C"]})
    assert await heard(socket) == error(405, "symbol limit exceeded")
    await say(socket, {"action": "subscribe", "bars": ["A", "B", "C", "D"], "quotes": ["A"]})
    (answer,) = await heard(socket)
    assert (answer["quotes"], answer["bars"]) == (["A", "B"], ["A", "B", "C", "D"])


@pytest.mark.parametrize("other", ["/v2/iex", "/v2/sip"])
async def test_one_connection_too_many_is_sent_away(serve, other):
    served = await serve(data_limits=DataLimits(connections=1))
    first = await authenticated(served)
    second = await open_feed(served, other)
    await say(second, auth(served))
    assert await heard(second) == error(406, "connection limit exceeded")
    assert await closed(second) == 1000
    await first.close()
    assert await authenticated(served, other)


async def test_who_does_not_show_keys_in_time_is_sent_away(serve):
    served = await serve(data_limits=DataLimits(auth_timeout=0.05))
    known = await authenticated(served)
    mute = await open_feed(served)
    assert await heard(mute) == error(404, "auth timeout")
    assert await closed(mute) == 1000
    await say(known, {"action": "subscribe"})
    assert await heard(known) == [{"T": "subscription", **NOTHING}]


async def test_keys_in_the_upgrade_authenticate_at_once(served):
    socket = await open_feed(served, headers=served.keys)
    assert await heard(socket) == AUTHENTICATED


async def test_a_defect_is_an_internal_error_and_ends_the_exchange(served, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("services.exchange.streams.data_client.account_with", broken)
    socket = await open_feed(served)
    await say(socket, auth(served))
    assert await heard(socket) == error(500, "internal error")
    assert isinstance(served.opened.exchange.failure.exception(), RuntimeError)


async def test_fragments_are_joined(served):
    """As alpaca-py sends it: a frame without FIN, then an empty continuation."""
    url = str(served.client.make_url("/v2/sip")).replace("http", "ws")
    async with connect(url, additional_headers=MSGPACK) as socket:
        assert msgpack.unpackb(await socket.recv()) == CONNECTED
        keys = msgpack.packb(auth(served))
        await socket.send([keys[:7], keys[7:], b""])
        assert msgpack.unpackb(await socket.recv()) == AUTHENTICATED
        many = [f"S{number}" for number in range(20_000)]
        ask = msgpack.packb({"action": "subscribe", "quotes": many})
        pieces = [ask[start : start + (32 << 10)] for start in range(0, len(ask), 32 << 10)]
        assert len(pieces) > 2
        await socket.send([*pieces, b""])
        assert msgpack.unpackb(await socket.recv())[0]["quotes"] == sorted(many)


async def test_connects_are_in_the_requests_file_without_secrets(serve, tmp_path):
    log = tmp_path / "requests.jsonl"
    served = await serve(requests=log)
    await authenticated(served)
    await served.call("GET", "/v2/account")
    lines = finished_lines(log)
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("WS", "/v2/iex", 101),
        ("GET", "/v2/account", 200),
    ]
    assert served.secret not in log.read_text()
