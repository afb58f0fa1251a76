"""The seam for faults: what a tap does with frames is what a client sees."""

import json
from collections.abc import Sequence

import pytest
from aiohttp import WSServerHandshakeError
from stream_talk import (
    SALE,
    auth,
    authenticated,
    closed,
    error,
    heard,
    listening,
    open_feed,
    say,
    subscribed,
)

from services.exchange.streams.tap import Close, Frame, Send, Step, Tap

SENT = ["pending_new", "new", "fill"]


class Recorder(Tap):
    """Lets all pass, and remembers it."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def passes(self, frame: Frame) -> Sequence[Step]:
        self.frames.append(frame)
        return super().passes(frame)


class Spoiler(Tap):
    """Does to trade updates what the test says: event → steps of its payload."""

    def __init__(self, spoil) -> None:
        self._spoil, self.kept = spoil, []

    def passes(self, frame: Frame) -> Sequence[Step]:
        return self._spoil(self, frame) if frame.update else super().passes(frame)


def drop(tap: Spoiler, frame: Frame) -> Sequence[Step]:
    return () if frame.event == "new" else (Send(frame.payload),)


def duplicate(tap: Spoiler, frame: Frame) -> Sequence[Step]:
    return (Send(frame.payload),) * (2 if frame.event == "new" else 1)


def swap(tap: Spoiler, frame: Frame) -> Sequence[Step]:
    if frame.event == "new":
        tap.kept = [Send(frame.payload)]
        return ()
    steps = [Send(frame.payload), *tap.kept]
    tap.kept = []
    return steps


def delay(tap: Spoiler, frame: Frame) -> Sequence[Step]:
    return (Send(frame.payload, after=0.05 if frame.event == "new" else 0),)


def delay_all(tap: Spoiler, frame: Frame) -> Sequence[Step]:
    return (Send(frame.payload, after=0.02),)


def alter(tap: Spoiler, frame: Frame) -> Sequence[Step]:
    message = json.loads(frame.payload)
    message["data"]["event"] = message["data"]["event"].upper()
    return (Send(json.dumps(message).encode()),)


@pytest.mark.parametrize(
    ("spoil", "heard_events"),
    [
        (drop, ["pending_new", "fill"]),
        (duplicate, ["pending_new", "new", "new", "fill"]),
        (swap, ["pending_new", "fill", "new"]),
        (delay, ["pending_new", "fill", "new"]),
        (delay_all, SENT),
        (alter, ["PENDING_NEW", "NEW", "FILL"]),
    ],
)
async def test_what_a_tap_makes_of_events_is_what_arrives(served, spoil, heard_events):
    socket = await listening(served)
    served.opened.exchange.connections.tap = Spoiler(spoil)
    await served.call("POST", "/v2/orders", SALE)
    assert [(await heard(socket))["data"]["event"] for _ in heard_events] == heard_events


async def test_a_tap_closes_with_a_code_after_what_it_sends(served):
    def last(tap: Spoiler, frame: Frame) -> Sequence[Step]:
        return (Send(frame.payload), Close(1011, "going"))

    socket = await listening(served)
    served.opened.exchange.connections.tap = Spoiler(last)
    await served.call("POST", "/v2/orders", SALE)
    assert (await heard(socket))["data"]["event"] == "pending_new"
    assert await closed(socket) == 1011


async def test_open_connections_are_found_and_closed(served):
    trades, data = await listening(served), await authenticated(served)
    connections = served.opened.exchange.connections
    assert {(c.stream, c.account) for c in connections} == {
        ("/stream", "main"),
        ("/v2/iex", "main"),
    }
    for connection in connections:
        connection.close(1012, "restart")
    assert [await closed(trades), await closed(data)] == [1012, 1012]


async def test_a_tap_sees_every_frame_with_what_it_is(served):
    tap = served.opened.exchange.connections.tap = Recorder()
    trades = await listening(served)
    socket = await subscribed(served, quotes=["NEM"])
    await served.call("POST", "/v2/orders", SALE)
    assert [(await heard(trades))["data"]["event"] for _ in SENT] == SENT
    served.opened.turn()
    await heard(socket)
    assert [(f.stream, f.account, f.event) for f in tap.frames] == [
        ("/stream", "main", "authorization"),
        ("/stream", "main", "listening"),
        ("/v2/iex", None, "success"),
        ("/v2/iex", "main", "success"),
        ("/v2/iex", "main", "subscription"),
        *(("/stream", "main", event) for event in SENT),
        ("/v2/iex", "main", "data"),
    ]
    assert [f.update.event for f in tap.frames if f.update] == SENT


class Mute(Tap):
    def passes(self, frame: Frame) -> Sequence[Step]:
        return ()


async def test_a_mute_socket_stays_open(served):
    served.opened.exchange.connections.tap = Mute()
    socket = await served.client.ws_connect("/v2/iex")
    await say(socket, auth(served))
    with pytest.raises(TimeoutError):
        await socket.receive(timeout=0.05)
    assert not socket.closed


class Door(Tap):
    def refuses_upgrade(self, stream: str, account: str | None) -> int | None:
        return 429 if stream == "/stream" else None

    def refuses_session(self, stream: str, account: str) -> bool:
        return stream == "/v2/iex"


async def test_a_tap_keeps_the_door(served):
    """As behind a half-dead session: 429 to the upgrade, or 406 to the keys."""
    served.opened.exchange.connections.tap = Door()
    with pytest.raises(WSServerHandshakeError) as refused:
        await served.client.ws_connect("/stream")
    assert refused.value.status == 429
    socket = await open_feed(served)
    await say(socket, auth(served))
    assert await heard(socket) == error(406, "connection limit exceeded")
    assert await authenticated(served, "/v2/sip")
