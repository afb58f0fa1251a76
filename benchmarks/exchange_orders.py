"""What an accepted order costs: POST /v2/orders at the simulated exchange, with and without a state
file, against a bare aiohttp server that reads the body and answers a constant of the same size."""

import asyncio
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.result import Result, Row
from benchmarks.servers import Served, exchange, process

ROUNDS, ORDERS, SINGLE, WARM_UP = 200, 24, 8, 400
"""Each round asks each server by turns, for some milliseconds, so that whatever else the machine does
befalls few of them; what warms up is not measured."""
CONNECTIONS = 8
"""Orders under way at the same time; 1 for the latencies, of SINGLE orders a round."""
CASH = "1000000000000"
TARGET = 3.0
"""× the bare server, without durability."""
BARE = """
import asyncio, json, sys
from aiohttp import web
async def answer(request):
    await request.read()
    return web.Response(text=sys.argv[1], content_type="application/json")
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
END = b"\r\n\r\n"
BODY = (
    '{"symbol": "NEM", "qty": "1", "side": "buy", "type": "limit", "time_in_force": "day",'
    ' "limit_price": "1.23"}'
)


@dataclass
class Server:
    """One that is asked, by round: seconds and processor seconds of an order on average; and the
    seconds of each order that was alone."""

    name: str
    served: Served
    clients: "list[Client]" = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    async def warm_up(self) -> None:
        self.clients = [await Client.connected(self.served) for _ in range(CONNECTIONS)]
        await self._side_by_side(WARM_UP)

    async def round(self) -> None:
        began, before = time.perf_counter(), self.served.processor
        await self._side_by_side(ORDERS)
        self.costs.append((time.perf_counter() - began) / ORDERS)
        self.processor.append((self.served.processor - before) / ORDERS)
        self.times += await self.clients[0].ask(SINGLE)

    async def _side_by_side(self, orders: int) -> None:
        await asyncio.gather(*(client.ask(orders // CONNECTIONS) for client in self.clients))

    def percentile(self, part: int) -> float:
        """Milliseconds."""
        return statistics.quantiles(self.times, n=100)[part - 1] * 1000


def measure() -> Result:
    return asyncio.run(_measure())


async def _measure() -> Result:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        # Without a delay an order meets the market in its own round, and is not paid for later.
        fixed = ("--volatility", "0", "--fill-delay", "0", "--account", f"main:{CASH}")
        durable = ("--state", str(Path(folder) / "state.db"))
        memory = stack.enter_context(exchange(*fixed))
        bare = stack.enter_context(process("-c", BARE, await _answer(memory)))
        servers = [
            Server("bare aiohttp", bare),
            Server("exchange, in memory", memory),
            Server("exchange, durable", stack.enter_context(exchange(*fixed, *durable))),
        ]
        for server in servers:
            await server.warm_up()
        for _ in range(ROUNDS):
            for server in servers:
                await server.round()
    return Result(
        "exchange_orders",
        f"{ROUNDS} rounds of {ORDERS} resting limit orders over {CONNECTIONS} connections (the rates), then of"
        f" {SINGLE} one after the other (the latencies), each server by turns; ratios are medians of the"
        f" rounds' own, so that the market's tick once a second is in few of them. No order ends, so that in the last round each is checked against"
        f" {WARM_UP + (ROUNDS - 1) * (ORDERS + SINGLE):,} others and more.",
        tuple(rows(servers)),
    )


def rows(servers: Sequence[Server]) -> Iterator[Row]:
    bare = servers[0]
    for server in servers:
        promised = server.name == "exchange, in memory"
        low, ratio, high = quartiles(server.costs, bare.costs)
        yield Row(
            f"{server.name}, accepted{spread(low, high)}",
            1 / statistics.median(server.costs),
            "orders/s",
            ratio,
            target=f"≤ {TARGET:g}× (time an order)" if promised else "",
            met=ratio <= TARGET if promised else None,
        )
    for server in servers:
        used = statistics.mean(server.processor)  # a round is short enough to be booked as nothing
        ratio = used / statistics.mean(bare.processor)
        yield Row(f"{server.name}, its processor", used * 1e6, "µs/order", ratio)
    for part in (50, 99):
        for server in servers:
            value = server.percentile(part)
            yield Row(f"{server.name}, p{part}", value, "ms", value / bare.percentile(part))


def spread(low: float, high: float) -> str:
    return "" if low == high else f" ({low:.2f}× to {high:.2f}× in half of the rounds)"


def quartiles(ours: Sequence[float], bare: Sequence[float]) -> list[float]:
    """The three of the rounds' ratios."""
    return statistics.quantiles((a / b for a, b in zip(ours, bare, strict=True)), n=4)


async def _answer(served: Served) -> str:
    """What an exchange answers to an order."""
    client = await Client.connected(served)
    await client.ask(1)
    return client.answer.decode()


class Client(asyncio.Protocol):
    """One connection that sends an order when the one before is answered. It reads next to nothing,
    so that what is measured is the server."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._left, self._began = 0, 0.0
        self._times: list[float] = []
        self._heard = self.answer = b""

    @classmethod
    async def connected(cls, served: Served) -> "Client":
        request = (
            f"POST /v2/orders HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"APCA-API-KEY-ID: {served.hello['key']}\r\n"
            f"APCA-API-SECRET-KEY: {served.hello['secret']}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"
        )
        port = int(served.hello["trading_url"].rpartition(":")[2])
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: cls(request.encode()), "127.0.0.1", port)
        return client

    async def ask(self, count: int) -> list[float]:
        """Send orders, one after the other; seconds of each."""
        self._left, self._times = count, []
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._send()
        await self._done
        return self._times

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, _, body = self._heard.partition(END)
        length = LENGTH.search(head)
        if length is None or len(body) < int(length[1]):
            return
        assert head.startswith(b"HTTP/1.1 200"), head
        self._times.append(time.perf_counter() - self._began)
        self._heard, self.answer = b"", body
        self._left -= 1
        if self._left:
            self._send()
        else:
            self._done.set_result(None)

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._request)


if __name__ == "__main__":
    from benchmarks.__main__ import show

    show(measure())
