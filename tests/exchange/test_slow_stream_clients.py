"""A client that does not read holds nobody up and is sent away (alpaca.md §6.3, 407)."""

import asyncio
from contextlib import suppress

import msgpack
from stream_talk import MSGPACK, SALE, auth, heard, listening, subscribed
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from services.exchange.streams.limits import DataLimits

TICKS = 20_000  # at most; far more than the sockets' own buffers take
BACKLOG = 64 << 10


async def test_a_slow_client_hears_407_last_and_is_closed(serve):
    served = await serve(data_limits=DataLimits(backlog=BACKLOG))
    quick = await listening(served)
    url = str(served.client.make_url("/v2/iex")).replace("http", "ws")
    async with connect(url, additional_headers=MSGPACK, max_queue=1) as slow:
        await slow.send(msgpack.packb(auth(served)))
        await slow.send(msgpack.packb({"action": "subscribe", "quotes": ["*"]}))
        for _ in range(3):
            await slow.recv()
        for _ in range(TICKS):
            served.opened.turn()
            await asyncio.sleep(0)
            if not any(c.stream == "/v2/iex" for c in served.opened.exchange.connections):
                break
        else:
            raise AssertionError("it was never sent away")
        await served.call("POST", "/v2/orders", SALE)
        assert (await heard(quick))["data"]["event"] == "pending_new"
        last = b""
        with suppress(ConnectionClosed):
            while True:
                last = await slow.recv()
        assert msgpack.unpackb(last) == [{"T": "error", "code": 407, "msg": "slow client"}]
        assert slow.close_code == 1008


async def test_a_client_that_reads_is_never_too_slow(serve):
    served = await serve(data_limits=DataLimits(backlog=BACKLOG))
    socket = await subscribed(served, headers=MSGPACK, quotes=["*"])
    for _ in range(300):
        served.opened.turn()
        assert (await heard(socket))[0]["T"] == "q"
