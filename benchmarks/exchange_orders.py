"""What an accepted order costs: POST /v2/orders at the simulated exchange, with and without a state
file, against a bare aiohttp server that reads the body and answers a constant."""

import asyncio
import json
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.result import Result, Row
from benchmarks.servers import exchange, process

ROUNDS, ORDERS, WARM_UP = 3, 1_000, 200
"""Each round asks each server by turns; what warms up is not measured."""
CONNECTIONS = 8
"""Orders under way at the same time; 1 for the latencies."""
CASH = "1000000000000"
TARGET = 3.0
"""× the bare server, without durability."""
BARE = """
import asyncio, json, sys
from aiohttp import web
ANSWER = json.dumps({"id": "0" * 36, "rest": "x" * 1100})
async def answer(request):
    await request.read()
    return web.Response(text=ANSWER, content_type="application/json")
async def main():
    app = web.Application()
    app.router.add_post("/v2/orders", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    print(json.dumps({"trading_url": url, "key": "k", "secret": "s"}), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass
class Server:
    """One that is asked; `rates` are orders a second of its rounds, `times` seconds of each order."""

    name: str
    hello: dict[str, str]
    rates: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    def percentile(self, part: int) -> float:
        """Milliseconds."""
        return statistics.quantiles(self.times, n=100)[part - 1] * 1000


def measure() -> Result:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        fixed = ("--volatility", "0", "--account", f"main:{CASH}")
        durable = ("--state", str(Path(folder) / "state.db"))
        servers = [
            Server("bare aiohttp", stack.enter_context(process("-c", BARE)).hello),
            Server("exchange, in memory", stack.enter_context(exchange(*fixed)).hello),
            Server("exchange, durable", stack.enter_context(exchange(*fixed, *durable)).hello),
        ]
        for server in servers:
            asyncio.run(ask(server.hello, WARM_UP, CONNECTIONS))
        for _ in range(ROUNDS):
            for server in servers:
                began = time.perf_counter()
                asyncio.run(ask(server.hello, ORDERS, CONNECTIONS))
                server.rates.append(ORDERS / (time.perf_counter() - began))
                server.times += asyncio.run(ask(server.hello, ORDERS // 4, 1))
    return Result(
        "exchange_orders",
        f"{ROUNDS} rounds of {ORDERS} resting limit orders over {CONNECTIONS} connections (the rates), then of"
        f" {ORDERS // 4} one after the other (the latencies), each server by turns; no order ends, so that in"
        f" the last round each is checked against {(ROUNDS - 1) * ORDERS} others and more.",
        tuple(rows(servers)),
    )


def rows(servers: list[Server]) -> Iterator[Row]:
    bare = servers[0]
    for server in servers:
        promised = server.name == "exchange, in memory"
        ratio = bare.rate / server.rate
        yield Row(
            f"{server.name}, accepted",
            server.rate,
            "orders/s",
            ratio,
            target=f"≤ {TARGET:g}× (time an order)" if promised else "",
            met=ratio <= TARGET if promised else None,
        )
    for part in (50, 99):
        for server in servers:
            value = server.percentile(part)
            yield Row(f"{server.name}, p{part}", value, "ms", value / bare.percentile(part))


async def ask(hello: dict[str, str], orders: int, connections: int) -> list[float]:
    """Send orders over some connections, one under way on each; seconds of each."""
    port = int(hello["trading_url"].rpartition(":")[2])
    body = json.dumps(
        {"symbol": "NEM", "qty": "1", "side": "buy", "type": "limit", "time_in_force": "day",
         "limit_price": "1.23"}
    )  # fmt: skip
    request = (
        f"POST /v2/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nAPCA-API-KEY-ID: {hello['key']}\r\n"
        f"APCA-API-SECRET-KEY: {hello['secret']}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
    each = orders // connections
    found = await asyncio.gather(*(_converse(port, request, each) for _ in range(connections)))
    return [seconds for times in found for seconds in times]


async def _converse(port: int, request: bytes, count: int) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times = []
    for _ in range(count):
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        assert length is not None and head.startswith(b"HTTP/1.1 200"), head
        await reader.readexactly(int(length[1]))
        times.append(time.perf_counter() - began)
    writer.close()
    await writer.wait_closed()
    return times


if __name__ == "__main__":
    from benchmarks.__main__ import show

    show(measure())
