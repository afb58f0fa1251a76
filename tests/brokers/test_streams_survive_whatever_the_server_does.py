"""Mute, refusing, closing and talking nonsense: every loss is told with its reason, every
connection anew, no order event is passed over, and stopping never hangs (alpaca.md §5, §6)."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgpack
import pytest
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from unruly_server import Handler, Unruly, answering, until
from wire_rows import order_row, update_message

from db.model.market import MarketClock, Quote, TradingStatus
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.port import BrokerMessage, OrderUpdate, StreamState

Socket = web.WebSocketResponse
Talk = Callable[[Socket], Awaitable[None]]


def talking(talk: Talk, *, path: str = "/stream") -> Handler:
    """A websocket at `path` that has `talk` after the upgrade; nothing elsewhere."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path != path:
            return web.Response(status=404)
        socket = Socket()
        await socket.prepare(request)
        await talk(socket)
        async for _ in socket:
            pass
        return socket

    return handle


async def say(socket: Socket, message: Any) -> None:
    await socket.send_bytes(json.dumps(message).encode())


async def let_in(socket: Socket, streams: tuple[str, ...] = ("trade_updates",)) -> None:
    assert json.loads((await socket.receive()).data)["action"] == "authenticate"
    await say(
        socket,
        {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}},
    )
    assert json.loads((await socket.receive()).data)["action"] == "listen"
    await say(socket, {"stream": "listening", "data": {"streams": streams}})


async def mute(socket: Socket) -> None:
    """Reads and never answers."""


async def refuse(socket: Socket) -> None:
    await socket.receive()
    await say(
        socket,
        {"stream": "authorization", "data": {"status": "unauthorized", "action": "authenticate"}},
    )


async def refuse_the_stream(socket: Socket) -> None:
    await let_in(socket, ())


async def never_acknowledge(socket: Socket) -> None:
    await socket.receive()
    await say(socket, {"stream": "authorization", "data": {"status": "authorized"}})


async def babble(socket: Socket) -> None:
    await socket.receive()
    await socket.send_bytes(b"\xff\x00 what?")


async def hang_up(socket: Socket) -> None:
    await socket.receive()
    await socket.close(code=WSCloseCode.GOING_AWAY)


def lost(message: BrokerMessage) -> bool:
    return isinstance(message, StreamState) and message.stream == "orders" and not message.connected


def found(message: BrokerMessage) -> bool:
    return isinstance(message, StreamState) and message.stream == "orders" and message.connected


TROUBLE: dict[str, tuple[Handler, str]] = {
    "mute after the upgrade": (talking(mute), "did not answer in time"),
    "keys refused": (talking(refuse), "refused the API keys"),
    "stream refused": (talking(refuse_the_stream), "does not stream orders"),
    "listen never acknowledged": (talking(never_acknowledge), "did not answer in time"),
    "nonsense": (talking(babble), "make no sense"),
    "hangs up at once": (talking(hang_up), "closed the connection (1001)"),
    "401 instead of a websocket": (answering(401), "refused the API keys"),
    "429 instead of a websocket": (answering(429), "refused the connection (429)"),
    "a page instead of a websocket": (answering(200, "<html>"), "refused the connection (200)"),
}


@pytest.mark.parametrize(("handler", "reason"), TROUBLE.values(), ids=TROUBLE.keys())
async def test_a_connection_that_fails_is_told_with_its_reason_and_tried_again(
    handler: Handler, reason: str, unruly: Unruly, hasty: AlpacaBroker
) -> None:
    unruly.handler = handler
    messages = hasty.messages()
    state = await until(messages, lost)
    assert isinstance(state, StreamState)
    assert reason in state.reason
    unruly.handler = talking(let_in)
    await until(messages, found)


async def test_the_same_trouble_is_told_once(unruly: Unruly, broker: AlpacaBroker) -> None:
    async def busy_at_first(request: web.Request) -> web.StreamResponse:
        handler = answering(429) if len(unruly.requests) < 6 else talking(let_in)
        return await handler(request)

    unruly.handler = busy_at_first
    told: list[BrokerMessage] = []
    await until(broker.messages(), lambda message: bool(told.append(message)) or found(message))
    assert [found(message) for message in told] == [False, True]
    assert len(unruly.requests) == 6


async def test_a_server_that_goes_away_is_found_again_and_each_connection_told(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    async def hang_up_later(socket: Socket) -> None:
        await let_in(socket)
        await socket.close(code=WSCloseCode.SERVICE_RESTART)

    unruly.handler = talking(hang_up_later)
    messages = broker.messages()
    for _ in range(3):
        await until(messages, found)


def updating(*updates: dict[str, Any]) -> Handler:
    async def talk(socket: Socket) -> None:
        await let_in(socket)
        for update in updates:
            await say(socket, update)

    return talking(talk)


async def test_an_unknown_status_or_event_never_loses_the_update(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    strange = update_message("from_the_future", order=order_row(status="beyond"))
    unruly.handler = updating(strange)
    update = await until(broker.messages(), lambda message: isinstance(message, OrderUpdate))
    assert isinstance(update, OrderUpdate)
    assert (update.event, update.order.status, update.order.state) == (
        "from_the_future",
        "beyond",
        None,
    )


async def test_an_update_that_cannot_be_read_ends_the_connection_so_that_snapshots_are_taken(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    unruly.handler = updating(update_message("fill", price="NaN", qty="5"))
    messages = broker.messages()
    await until(messages, found)
    state = await until(messages, lost)
    assert isinstance(state, StreamState)
    assert "could not be read" in state.reason
    await until(messages, found)


async def test_order_updates_are_never_coalesced_and_keep_their_order(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    sent = [update_message("new", position_qty=str(n)) for n in range(2000)]
    unruly.handler = updating(*sent)
    seen = []
    messages = broker.messages()
    while len(seen) < len(sent):
        update = await until(messages, lambda message: isinstance(message, OrderUpdate))
        assert isinstance(update, OrderUpdate)
        seen.append(update.position_qty)
    assert seen == list(range(2000))


@pytest.mark.parametrize("talk", [mute, let_in], ids=["mute", "listening"])
async def test_stopping_never_hangs(talk: Talk, unruly: Unruly, broker: AlpacaBroker) -> None:
    unruly.handler = talking(talk)
    messages = broker.messages()
    reader = asyncio.ensure_future(anext(messages, None))
    await unruly.arrived(1)
    async with asyncio.timeout(10):
        await broker.close()
        await reader


# Quotes


async def let_in_to_quotes(socket: Socket, *first: dict[str, Any]) -> list[str]:
    """The symbols subscribed to."""
    await pack(socket, {"T": "success", "msg": "connected"})
    assert msgpack.unpackb((await socket.receive()).data)["action"] == "auth"
    await pack(socket, {"T": "success", "msg": "authenticated"})
    wanted = msgpack.unpackb((await socket.receive()).data)
    for message in first or ({"T": "subscription", "quotes": wanted["quotes"]},):
        await pack(socket, message)
    symbols: list[str] = wanted["quotes"]
    return symbols


async def pack(socket: Socket, *messages: dict[str, Any]) -> None:
    await socket.send_bytes(msgpack.packb(list(messages)))


def quote_of(symbol: str, bid: float, second: int = 0) -> dict[str, Any]:
    at = msgpack.Timestamp(1772548262 + second, 118204311)
    return {"T": "q", "S": symbol, "bp": bid, "bs": 300, "ap": bid + 1, "as": 500, "t": at}


def quoting(talk: Talk) -> Handler:
    return talking(talk, path="/v2/iex")


def of_quotes(message: BrokerMessage) -> bool:
    return isinstance(message, StreamState) and message.stream == "quotes"


def a_quote(message: BrokerMessage) -> bool:
    return isinstance(message, Quote)


async def test_nothing_wanted_opens_no_quote_stream(unruly: Unruly, broker: AlpacaBroker) -> None:
    async def both(request: web.Request) -> web.StreamResponse:
        if request.path == "/v2/iex":
            return await quoting(talk)(request)
        return await talking(hang_up)(request)

    async def talk(socket: Socket) -> None:
        await let_in_to_quotes(socket)

    unruly.handler = both
    messages = broker.messages()
    reader = asyncio.ensure_future(until(messages, of_quotes))
    await unruly.arrived(5)
    assert {path for _, path, _, _ in unruly.requests} == {"/stream"}
    broker.watch(["XYZ"])
    state = await reader
    assert isinstance(state, StreamState)
    assert state.connected


async def test_a_burst_costs_the_desk_twenty_deliveries_a_second_and_ends_in_the_latest_price(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    async def burst(socket: Socket) -> None:
        await let_in_to_quotes(socket)
        for n in range(3000):
            await pack(socket, quote_of("XYZ", 100 + n))

    unruly.handler = quoting(burst)
    broker.watch(["XYZ"])
    seen = []
    messages = broker.messages()
    now = asyncio.get_running_loop().time
    start = now()
    while not seen or seen[-1] != 100 + 2999:
        quote = await until(messages, a_quote)
        assert isinstance(quote, Quote)
        seen.append(quote.bid)
    assert len(seen) <= 20 * (now() - start) + 2
    assert seen == sorted(seen)


async def test_a_quote_that_cannot_be_read_is_left_out_and_the_stream_goes_on(
    unruly: Unruly, broker: AlpacaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    async def mixed(socket: Socket) -> None:
        await let_in_to_quotes(socket)
        await pack(socket, {**quote_of("BAD", 1), "bp": "much"}, quote_of("XYZ", 45.47))

    unruly.handler = quoting(mixed)
    broker.watch(["XYZ", "BAD"])
    quote = await until(broker.messages(), a_quote)
    assert isinstance(quote, Quote)
    assert (quote.symbol, str(quote.bid), quote.at.microsecond) == ("XYZ", "45.47", 118204)
    assert "left out a quote" in caplog.text


QUOTE_ERRORS = {
    "keys refused": (402, "auth failed", "refused the API keys"),
    "held elsewhere": (406, "connection limit exceeded", "another program"),
    "plan too small": (409, "insufficient subscription", "data plan"),
    "unknown": (499, "what now", "what now (499)"),
}


@pytest.mark.parametrize("early", [True, False], ids=["at auth", "later"])
@pytest.mark.parametrize(("code", "said", "reason"), QUOTE_ERRORS.values(), ids=QUOTE_ERRORS.keys())
async def test_a_refusal_of_the_quote_stream_is_told_and_tried_again(
    code: int, said: str, reason: str, early: bool, unruly: Unruly, broker: AlpacaBroker
) -> None:
    error = {"T": "error", "code": code, "msg": said}

    async def refuse_quotes(socket: Socket) -> None:
        if early:
            await pack(socket, {"T": "success", "msg": "connected"})
            await socket.receive()
            await pack(socket, error)
        else:
            await let_in_to_quotes(socket)
            await pack(socket, error)

    async def welcome(socket: Socket) -> None:
        await let_in_to_quotes(socket)

    unruly.handler = quoting(refuse_quotes)
    broker.watch(["XYZ"])
    messages = broker.messages()
    state = await until(messages, lambda m: of_quotes(m) and bool(getattr(m, "reason", "")))
    assert isinstance(state, StreamState)
    assert not state.connected
    assert reason.removesuffix(" (499)") in state.reason
    unruly.handler = quoting(welcome)
    state = await until(messages, of_quotes)
    assert isinstance(state, StreamState)
    assert state.connected


async def test_too_many_symbols_for_the_plan_are_cut_and_that_is_said(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    asked: list[list[str]] = []

    async def limit(socket: Socket) -> None:
        error = {"T": "error", "code": 405, "msg": "symbol limit exceeded"}
        asked.append(await let_in_to_quotes(socket, error))
        asked.append(msgpack.unpackb((await socket.receive()).data)["quotes"])
        await pack(socket, {"T": "subscription", "quotes": asked[-1]})
        await pack(socket, quote_of(asked[-1][-1], 45))

    unruly.handler = quoting(limit)
    broker.watch([f"S{n:02d}" for n in range(40)])
    messages = broker.messages()
    state = await until(messages, of_quotes)
    assert isinstance(state, StreamState)
    assert state.connected
    assert "30 symbols" in state.reason
    quote = await until(messages, a_quote)
    assert getattr(quote, "symbol", None) == "S29"
    assert [len(symbols) for symbols in asked] == [40, 30]


async def say_nothing(socket: Socket) -> None:
    await let_in_to_quotes(socket)


async def test_a_stream_without_quotes_in_market_hours_is_lost(
    unruly: Unruly, hasty: AlpacaBroker
) -> None:
    unruly.handler = quoting(say_nothing)
    hasty.watch(["XYZ"])
    messages = hasty.messages()
    states = [await until(messages, of_quotes) for _ in range(3)]
    assert [getattr(state, "connected", None) for state in states] == [True, False, True]
    assert "no quotes" in getattr(states[1], "reason", "")


async def test_a_stream_without_quotes_while_the_market_is_closed_is_no_loss(
    unruly: Unruly, hasty: AlpacaBroker
) -> None:
    closed = {
        "timestamp": "2026-03-03T20:00:00-05:00",
        "is_open": False,
        "next_open": "2026-03-04T09:30:00-05:00",
        "next_close": "2026-03-04T16:00:00-05:00",
    }
    unruly.handler = answering(200, closed)
    assert isinstance(await hasty.clock(), MarketClock)
    unruly.handler = quoting(say_nothing)
    hasty.watch(["XYZ"])
    messages = hasty.messages()
    states = [await until(messages, of_quotes) for _ in range(3)]
    assert [getattr(state, "connected", None) for state in states] == [True, True, True]


def status_of(symbol: str, code: str, why: str) -> dict[str, Any]:
    at = msgpack.Timestamp(1772548262, 0)
    return {
        "T": "s",
        "S": symbol,
        "sc": code,
        "sm": "said",
        "rc": "T1",
        "rm": why,
        "z": "C",
        "t": at,
    }


def tells_halts(message: BrokerMessage) -> bool:
    return isinstance(message, StreamState) and message.tells_halts


async def test_halts_of_all_symbols_come_once_the_quotes_do(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    async def halting(socket: Socket) -> None:
        symbols = await let_in_to_quotes(socket)
        wanted = msgpack.unpackb((await socket.receive()).data)
        assert (wanted["statuses"], wanted["quotes"]) == (["*"], symbols)
        await pack(socket, {"T": "subscription", "quotes": symbols, "statuses": ["*"]})
        await pack(socket, status_of("OTHER", "H", "Halt News Pending"))
        await pack(socket, status_of("XYZ", "T", ""))

    unruly.handler = quoting(halting)
    broker.watch(["XYZ"])
    messages = broker.messages()
    assert not tells_halts(await until(messages, of_quotes))
    await until(messages, tells_halts)
    first, second = [
        await until(messages, lambda m: isinstance(m, TradingStatus)) for _ in range(2)
    ]
    assert isinstance(first, TradingStatus)
    assert (first.symbol, first.code, first.why) == ("OTHER", "H", "Halt News Pending")
    assert isinstance(second, TradingStatus)
    assert (second.symbol, second.code, second.why) == ("XYZ", "T", "said")


@pytest.mark.parametrize(
    "answer",
    [
        {"T": "error", "code": 410, "msg": "invalid subscribe action for this feed"},
        {"T": "error", "code": 405, "msg": "symbol limit exceeded"},
        {"T": "error", "code": 400, "msg": "invalid syntax"},
    ],
    ids=lambda answer: str(answer["code"]),
)
async def test_a_feed_that_tells_no_halts_still_brings_quotes(
    answer: dict[str, Any], unruly: Unruly, broker: AlpacaBroker
) -> None:
    async def quotes_only(socket: Socket) -> None:
        await let_in_to_quotes(socket)
        await socket.receive()
        await pack(socket, answer)
        await pack(socket, quote_of("XYZ", 45))

    unruly.handler = quoting(quotes_only)
    broker.watch(["XYZ"])
    told: list[BrokerMessage] = []
    messages = broker.messages()
    await until(messages, lambda message: bool(told.append(message)) or a_quote(message))
    assert not any(tells_halts(message) for message in told)
    assert not any(of_quotes(m) and not getattr(m, "connected", True) for m in told), "no loss"


async def test_the_answer_about_halts_is_not_taken_for_one_about_symbols(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    """Symbols change while it is awaited: the change is asked for, and followed to its end."""
    asked, streamed = asyncio.Event(), asyncio.Event()

    async def slow(socket: Socket) -> None:
        symbols = set(await let_in_to_quotes(socket))

        async def answer(frame: WSMessage) -> None:
            nonlocal symbols
            message = msgpack.unpackb(frame.data)
            change = set(message["quotes"])
            symbols = symbols | change if message["action"] == "subscribe" else symbols - change
            await pack(socket, {"T": "subscription", "quotes": sorted(symbols)})

        about_halts = await socket.receive()
        asked.set()
        next_frame = asyncio.ensure_future(socket.receive())
        await asyncio.wait({next_frame}, timeout=0.1)  # who does not wait asks again at once
        await answer(about_halts)
        while symbols != {"CCC"}:
            await answer(await next_frame)
            next_frame = asyncio.ensure_future(socket.receive())
        streamed.set()

    unruly.handler = quoting(slow)
    broker.watch(["AAA", "BBB"])
    messages = broker.messages()  # kept: closed, it ends the streams
    await until(messages, of_quotes)
    await asked.wait()
    broker.watch(["CCC"])
    async with asyncio.timeout(20):
        await streamed.wait()


async def test_a_status_that_cannot_be_read_ends_the_halts_and_not_the_quotes(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    async def garbled(socket: Socket) -> None:
        await let_in_to_quotes(socket)
        await socket.receive()
        await pack(socket, {"T": "subscription", "quotes": ["XYZ"], "statuses": ["*"]})
        await pack(socket, {"T": "s", "S": "XYZ", "t": msgpack.Timestamp(1772548262, 0)})
        await pack(socket, quote_of("XYZ", 45))

    unruly.handler = quoting(garbled)
    broker.watch(["XYZ"])
    messages = broker.messages()
    await until(messages, tells_halts)
    state = await until(messages, of_quotes)
    assert isinstance(state, StreamState)
    assert (state.connected, state.tells_halts) == (True, False)
    await until(messages, a_quote)


async def test_a_change_of_symbols_is_a_full_replacement(
    unruly: Unruly, broker: AlpacaBroker
) -> None:
    streamed: asyncio.Queue[set[str]] = asyncio.Queue()

    async def record(socket: Socket) -> None:
        symbols = set(await let_in_to_quotes(socket))
        async for frame in socket:
            if frame.type is WSMsgType.BINARY:
                message = msgpack.unpackb(frame.data)
                change = set(message["quotes"])
                adds = message["action"] == "subscribe"
                symbols = symbols | change if adds else symbols - change
                await pack(socket, {"T": "subscription", "quotes": sorted(symbols)})
                streamed.put_nowait(symbols)

    unruly.handler = quoting(record)
    broker.watch(["AAA", "BBB"])
    messages = broker.messages()
    await until(messages, of_quotes)
    for wanted in (["BBB", "CCC"], ["CCC"], ["AAA"], ["AAA", "BBB", "CCC"]):
        broker.watch(wanted)
        async with asyncio.timeout(20):
            while await streamed.get() != set(wanted):
                pass
    await broker.close()
    assert await anext(messages, None) is None
