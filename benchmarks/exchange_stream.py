"""How many quotes a second the exchange makes and streams to one client, against a bare aiohttp
websocket server that sends one constant frame of the same size again and again."""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
from aiohttp import ClientSession, ClientWebSocketResponse, web

from benchmarks.result import Result, Row
from benchmarks.servers import Served, exchange, process

SYMBOLS = 100
STEADY, FLAT_OUT = 5, 1
"""Milliseconds between two quotes of a symbol: 20,000 a second are asked for, and 100,000; the
catalogue's quiet symbols add some 900."""
WARM_UP, SECONDS = 1.0, 4.0
TARGET = 20_000
MSGPACK = {"Content-Type": "application/msgpack"}


@dataclass(frozen=True)
class Heard:
    """What a client counted, and the processor time that the server took meanwhile."""

    quotes: int
    seconds: float
    server: float
    frame: int
    """Bytes of a frame with a quote of every symbol, on average."""

    @property
    def rate(self) -> float:
        return self.quotes / self.seconds

    @property
    def busy(self) -> float:
        """Percent of a core."""
        return 100 * self.server / self.seconds


def measure() -> Result:
    steady = _from_exchange(STEADY, MSGPACK)
    packed, plain = _from_exchange(FLAT_OUT, MSGPACK), _from_exchange(FLAT_OUT, {})
    rows = [
        Row(
            f"exchange at a tick of {STEADY} ms, msgpack",
            steady.rate,
            "quotes/s",
            target="all that is asked for; a late timer loses a tick",
            expected="20,000",
        ),
        Row("its processor", steady.busy, "% of a core", expected="50"),
    ]
    for name, heard, expected in (("msgpack", packed, "40,000"), ("JSON", plain, "30,000")):
        bare = _from_bare(heard.frame)
        rows.append(Row(f"bare aiohttp, constant frames, {name}", bare.rate, "quotes/s", 1.0))
        rows.append(
            Row(
                f"exchange flat out, {name}",
                heard.rate,
                "quotes/s",
                heard.rate / bare.rate,
                target=f"≥ {TARGET:,}",
                met=heard.rate >= TARGET,
                expected=expected,
            )
        )
        cost = 1e6 * heard.server / heard.quotes
        rows.append(Row(f"processor a quote, {name}", cost, "µs", expected="25"))
    return Result(
        "exchange stream",
        f"A book of {SYMBOLS} symbols; the exchange draws, matches, encodes and sends, one other "
        f"process takes and counts for {SECONDS:.0f} s. The bare server sends one frame of as many "
        "bytes and as many quotes, encoded beforehand, as fast as it can.",
        tuple(rows),
    )


def _from_exchange(tick: int, headers: dict[str, str]) -> Heard:
    with tempfile.TemporaryDirectory() as folder:
        book = Path(folder) / "book.json"
        book.write_text(json.dumps(_book()), encoding="utf-8")
        with exchange("--book", str(book), "--tick", str(tick)) as server:
            return asyncio.run(_listen(server, headers))


def _from_bare(frame: int) -> Heard:
    with process("-m", "benchmarks.exchange_stream", str(frame)) as server:
        return asyncio.run(_listen(server, MSGPACK))


async def _listen(server: Served, headers: dict[str, str]) -> Heard:
    hello = server.hello
    keys = {
        "APCA-API-KEY-ID": hello.get("key", ""),
        "APCA-API-SECRET-KEY": hello.get("secret", ""),
    }
    count = _packed_quotes if headers else _plain_quotes
    async with (
        ClientSession() as session,
        session.ws_connect(
            hello["data_stream_url"], headers=headers | keys, max_msg_size=0
        ) as feed,
    ):
        ask = {"action": "subscribe", "quotes": ["*"]}
        await feed.send_str(json.dumps(ask))
        await _count(feed, count, WARM_UP)
        before, start = server.processor, time.perf_counter()
        quotes, size = await _count(feed, count, SECONDS)
        seconds = time.perf_counter() - start
        taken = server.processor - before
    return Heard(quotes, seconds, taken, round(size / quotes * SYMBOLS))


async def _count(
    feed: ClientWebSocketResponse, count: Callable[[bytes], int], seconds: float
) -> tuple[int, int]:
    """Quotes and their bytes until the time is over."""
    quotes, size, until = 0, 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        data = (await feed.receive(timeout=10)).data
        data = data.encode() if isinstance(data, str) else data
        found = count(data)
        quotes, size = quotes + found, size + (len(data) if found else 0)
    return quotes, size


def _packed_quotes(frame: bytes) -> int:
    """The length of the array; control messages are arrays of one."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(frame[:5])
    items: int = unpacker.read_array_header()
    return items if items > 1 else 0


def _plain_quotes(frame: bytes) -> int:
    return frame.count(b'"T":"q"')


def _book() -> dict[str, Any]:
    letters = "ABCDEFGHIJ"
    return {
        "accounts": {"main": {"cash": "1000.00"}},
        "market": [
            {"symbol": f"QQ{tens}{ones}", "price": "80.00", "sector": "Materials", "adv": 9_000_000}
            for tens in letters
            for ones in letters
        ],
    }


async def _goodbye(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass


async def _bare(frame: bytes) -> None:
    """Send the same frame to whoever connects, for as long as they listen."""

    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        goodbye = asyncio.create_task(_goodbye(socket))
        while not goodbye.done():
            await socket.send_bytes(frame)
            await asyncio.sleep(0)
        return socket

    app = web.Application()
    app.router.add_get("/", stream)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"data_stream_url": f"ws://127.0.0.1:{runner.addresses[0][1]}/"}), flush=True)
    await asyncio.Event().wait()


def _constant(size: int) -> bytes:
    """An array of as many items as a tick has quotes, of `size` bytes in all."""
    return bytes(msgpack.packb([b"q" * (size // SYMBOLS - 2)] * SYMBOLS))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(_bare(_constant(int(sys.argv[1]))))
    else:
        from benchmarks.__main__ import show

        show(measure())
