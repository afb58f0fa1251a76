"""`python -m tests.exchange.fuzz --requests N --seed S`: random requests at a real exchange process.

What must hold: no answer of 500 or more, every answer within a deadline, memory that grows with
accepted orders only and by little for each, and books that are consistent in the end.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

sys.path.insert(0, str(Path(__file__).parent))  # as pytest does

from fuzz_requests import Asker

ROOT = Path(__file__).parents[2]
CONNECTIONS = 8
DEPTH = 16  # requests under way on a connection
DEADLINE = 30.0  # seconds for one answer, with all that was asked before it
RESTART = 2000  # requests on a connection before it is opened anew
WARM_UP = 0.3  # of all requests; memory is compared from there on
PER_ORDER = 6_000  # bytes an accepted order may keep
SLACK = 48 << 20  # bytes that caches may take later than the warm-up
ACCOUNTS = ("second", "third", "fourth")
OCC = re.compile(r"[A-Z.]+\d{6}[CP]\d{8}")
ORDER_ID = re.compile(rb'"id": ?"([0-9a-f-]{36})"')


class FuzzError(Exception):
    """Something that must hold does not; the message says with which request."""


@dataclass
class Seen:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    accepted: int = 0
    websockets: int = 0

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())


@dataclass(frozen=True)
class Report:
    """`grown` is memory since the warm-up, `orders` what was accepted in it."""

    seen: Seen
    seconds: float
    grown: int
    orders: int
    fills: int

    def __str__(self) -> str:
        each = self.grown / self.orders if self.orders else 0.0
        return (
            f"{self.seen.requests:,} requests in {self.seconds:.0f} s"
            f" ({self.seen.requests / self.seconds:,.0f}/s), {self.seen.accepted:,} orders and"
            f" {self.fills:,} fills, {self.seen.websockets:,} websockets; since the warm-up"
            f" {self.grown / 2**20:.1f} MiB more memory for {self.orders:,} orders ({each:,.0f} bytes"
            f" each); statuses {dict(sorted(self.seen.statuses.items()))}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args(arguments)
    try:
        report = fuzz(asked.requests, asked.seed)
    except FuzzError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{report}\n")
    return 0


def fuzz(requests: int, seed: int) -> Report:
    """Raises FuzzError for the first thing that does not hold."""
    with exchange() as (hello, process):
        try:
            report = asyncio.run(_fuzzed(hello, process, requests, seed))
        except* FuzzError as found:
            raise first(found) from None
    if report.grown > SLACK + PER_ORDER * report.orders:
        raise FuzzError(f"too much memory is kept: {report}")
    return report


def first(found: BaseException) -> BaseException:
    """What was found first, out of its groups."""
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


async def _fuzzed(
    hello: dict[str, str], process: "subprocess.Popen[bytes]", requests: int, seed: int
) -> Report:
    url, keys = hello["trading_url"], account_keys(hello)
    begun = [await books(url, key) for key in keys]
    began = time.monotonic()
    seen, grown, orders = await _ask(url, process.pid, keys, requests, seed)
    seconds = time.monotonic() - began
    if process.poll() is not None:
        raise FuzzError(f"the exchange ended with {process.returncode}")
    fills = sum([await audit(url, *one) for one in zip(keys, begun, strict=True)])
    return Report(seen, seconds, grown, orders, fills)


@contextmanager
def exchange() -> Iterator[tuple[dict[str, str], "subprocess.Popen[bytes]"]]:
    """A fresh exchange with all in memory; its first line, and its process."""
    accounts = [f"--account={name}:100000000" for name in ("main", *ACCOUNTS)]
    options = ("--rate-limit", "0", "--fill-delay", "0", "--partials", *accounts)
    process = subprocess.Popen(
        [sys.executable, "-m", "services.exchange", *options], stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline()), process
    finally:
        process.terminate()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


def account_keys(hello: dict[str, str]) -> list[tuple[str, str]]:
    from services.exchange.engine.accounts import credentials

    return [(hello["key"], hello["secret"]), *(credentials(name) for name in ACCOUNTS)]


# -- asking -----------------------------------------------------------------------------------


async def _ask(
    url: str, pid: int, keys: list[tuple[str, str]], requests: int, seed: int
) -> tuple[Seen, int, int]:
    """All requests, over several connections; what was seen, and memory and orders since warm."""
    seen, port = Seen(), int(url.rpartition(":")[2])
    early = int(requests * WARM_UP)
    await _asked(port, keys, early, f"{seed}:early", seen)
    warm, before = resident(pid), seen.accepted
    await _asked(port, keys, requests - early, f"{seed}:late", seen)
    return seen, resident(pid) - warm, seen.accepted - before


async def _asked(
    port: int, keys: list[tuple[str, str]], requests: int, seed: str, seen: Seen
) -> None:
    share = requests // CONNECTIONS
    async with asyncio.TaskGroup() as group:
        for number in range(CONNECTIONS):
            asker = Asker(Random(f"{seed}:{number}"), keys)
            group.create_task(_converse(port, asker, share, seen))
        asker = Asker(Random(f"{seed}:sockets"), keys)
        group.create_task(_chat(port, asker, max(requests // 500, 5), seen))


async def _converse(port: int, asker: Asker, share: int, seen: Seen) -> None:
    """One connection's share of requests, DEPTH of them under way; opened anew now and then."""
    while asker.sent < share:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        upto = min(asker.sent + RESTART, share)
        try:
            while asker.sent < upto:
                batch = [asker.request() for _ in range(min(DEPTH, upto - asker.sent))]
                writer.write(b"".join(request for _, request in batch))
                if not await _answers(reader, batch, asker, seen):
                    break
        finally:
            writer.close()


async def _answers(
    reader: asyncio.StreamReader, batch: list[tuple[str, bytes]], asker: Asker, seen: Seen
) -> bool:
    """Whether all were answered; the server may close instead of going on after a bad one."""
    before = b""
    for method, request in batch:
        try:
            async with asyncio.timeout(DEADLINE):
                status, body, closing = await _answer(reader, method)
        except TimeoutError:
            raise FuzzError(f"no answer within {DEADLINE} s to {request!r}") from None
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            if b"Content-Encoding" in before:
                return False  # where it ended, the server could not tell
            raise FuzzError(f"hung up ({error!r}) on {request!r}") from None
        if status >= 500:
            raise FuzzError(f"{status} {body!r} to {request!r}")
        seen.statuses[status] += 1
        if status == 200 and request.startswith((b"POST /v2/orders ", b"PATCH /v2/orders")):
            found = ORDER_ID.search(body)
            if found:
                asker.ids.append(found[1].decode())
                seen.accepted += 1
        if closing:
            return False
        before = request
    return True


async def _answer(reader: asyncio.StreamReader, method: str) -> tuple[int, bytes, bool]:
    """Status, body, and whether the server closes after it."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lowered = head.lower()
    closing = b"connection: close" in lowered
    length = re.search(rb"content-length: (\d+)", lowered)
    if method == "HEAD" or status in (204, 304) or length is None:
        return status, b"", closing
    return status, await reader.readexactly(int(length[1])), closing


async def _chat(port: int, asker: Asker, times: int, seen: Seen) -> None:
    """Websockets, one after the other: some words, then a goodbye that must be answered."""
    async with aiohttp.ClientSession() as session:
        for _ in range(times):
            path = asker.dice.choice(("/stream", "/v2/iex", "/v2/test", "/v2/sip", "/stream/"))
            packed = {"Content-Type": "application/msgpack"} if asker.dice.random() < 0.3 else {}
            url = f"http://127.0.0.1:{port}{path}"
            async with session.ws_connect(url, headers=packed, max_msg_size=0) as socket:
                for _ in range(asker.dice.randrange(1, 8)):
                    await _say(socket, asker)
                try:
                    async with asyncio.timeout(DEADLINE):
                        await socket.close()
                except TimeoutError:
                    raise FuzzError(f"no goodbye within {DEADLINE} s on {path}") from None
            seen.websockets += 1


async def _say(socket: aiohttp.ClientWebSocketResponse, asker: Asker) -> None:
    try:
        if asker.dice.random() < 0.3:
            await socket.send_bytes(asker.dice.randbytes(asker.dice.randrange(40)))
        else:
            await socket.send_str(asker.hello())
    except ConnectionError:
        return  # sent away for what it said before


# -- judging ----------------------------------------------------------------------------------


def resident(pid: int) -> int:
    """Bytes of memory a process has."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


@dataclass(frozen=True)
class Books:
    """What an account has, by what REST says."""

    cash: Decimal
    held: dict[str, Decimal]


async def books(url: str, key: tuple[str, str]) -> Books:
    account = await _get(url, key, "/v2/account")
    positions = await _get(url, key, "/v2/positions")
    for position in positions:
        if abs(Decimal(position["qty_available"])) > abs(Decimal(position["qty"])):
            raise FuzzError(f"more available than held: {position}")
    return Books(Decimal(account["cash"]), {p["symbol"]: Decimal(p["qty"]) for p in positions})


async def audit(url: str, key: tuple[str, str], begun: Books) -> int:
    """Cash and holdings are what they were and what was filled, exactly; the number of fills."""
    cash, held, ids, count = begun.cash, dict(begun.held), set(), 0
    async for fill in _fills(url, key):
        qty = Decimal(fill["qty"]) * (1 if fill["side"] == "buy" else -1)
        held[fill["symbol"]] = held.get(fill["symbol"], Decimal(0)) + qty
        cash -= qty * Decimal(fill["price"]) * (100 if OCC.fullmatch(fill["symbol"]) else 1)
        if Decimal(fill["leaves_qty"]) < 0:
            raise FuzzError(f"filled more than ordered: {fill}")
        ids.add(fill["id"])
        count += 1
    if len(ids) != count:
        raise FuzzError("an id of a fill came twice")
    ended, now = Books(cash, {s: qty for s, qty in held.items() if qty}), await books(url, key)
    if ended != now:
        raise FuzzError(f"by their fills the books should be {ended}, and are {now}")
    return count


async def _fills(url: str, key: tuple[str, str]) -> AsyncIterator[dict[str, Any]]:
    """All of them, page by page."""
    path = "/v2/account/activities/FILL?direction=asc&page_size=100"
    page = await _get(url, key, path)
    while page:
        for fill in page:
            yield fill
        page = await _get(url, key, f"{path}&page_token={page[-1]['id']}")


async def _get(url: str, key: tuple[str, str], path: str) -> Any:
    headers = {"APCA-API-KEY-ID": key[0], "APCA-API-SECRET-KEY": key[1]}
    async with (
        aiohttp.ClientSession() as session,
        session.get(url + path, headers=headers) as answer,
    ):
        if answer.status != 200:
            raise FuzzError(f"{answer.status} to {path}")
        return await answer.json()


if __name__ == "__main__":
    sys.exit(main())
