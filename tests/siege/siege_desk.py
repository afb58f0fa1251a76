"""The real desk, without its process: `Desk` with everything in it on the loop of the sequence.

Real: Desk and all its parts, its journal in a SQLite file, AlpacaBroker with its courier, limiter,
outcomes and parsing, alpaca-py's two stream classes. In the place of threads: the journal's writer
and the streams run on the loop, and `Wire` stands for alpaca-py's REST client and aiohttp's, whose
faults tests/brokers covers with real sockets."""

import asyncio
import atexit
import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import websockets.legacy.client
from pydantic import SecretStr
from siege_exchange import SiegeExchange, start_time
from siege_sockets import Request
from virtual_time import Life, LoopClock, VirtualLoop, within

from db import journal as journal_module
from db.home import Home
from db.journal import Journal
from db.model.base import Environment
from db.writer import Append, Writer
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.answer import Answer, NoAnswerError
from services.brokers.alpaca.client import Permit, Timeouts, WithdrawnError
from services.brokers.alpaca.endpoints import Endpoints
from services.brokers.alpaca.supervision import StreamThread
from services.desk.desk import Desk
from services.desk.settings import DeskSettings
from services.exchange import opening
from services.exchange.streams import data_stream, trade_stream

ENDPOINTS = Endpoints(
    trading_url="http://127.0.0.1:1",
    trading_stream_url="ws://127.0.0.1:1/stream",
    data_url="http://127.0.0.1:1",
    data_stream_url="ws://127.0.0.1:1/v2/iex",
)

Boundary = Callable[[str], None]
"""Told of every step over which a kill may fall; it may end the life it is called in."""


Leaving = Callable[[str, str, Any], None]
"""Told of method, path and data of every request in the last instant before it leaves."""


class LoopWriter(Writer):
    """The journal's writer on the loop: what was handed over in one turn is one commit."""

    life: Life
    boundary: Boundary

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._thread.join()
        self._group: list[Append] = []
        self._loop = asyncio.get_running_loop()

    def _run(self) -> None:
        """No thread."""

    def put(self, append: Append) -> None:
        if self.life.dead:
            return
        if not self._group:
            self._loop.call_soon(self._flush)
        self._group.append(append)

    def _flush(self) -> None:
        self.boundary("before a commit")
        group, self._group = self._group, []
        if not group or self.life.dead:
            return
        outcomes = self._outcomes(group)
        self.boundary("after a commit")
        if not self.life.dead:
            self._finished(outcomes)

    def stop(self) -> None:
        self._flush()


class Wire:
    """Between the courier's lanes and the exchange."""

    def __init__(
        self,
        exchange: SiegeExchange,
        life: Life,
        timeouts: Timeouts,
        boundary: Boundary,
        on_leave: Leaving,
    ) -> None:
        self._exchange, self._life, self._timeouts = exchange, life, timeouts
        self._boundary = boundary
        self.on_leave = on_leave

    async def close(self) -> None:
        pass

    async def call(self, host: str, method: str, path: str, data: Any, permit: Permit) -> Answer:
        exchange = self._exchange
        if (why := permit()) is not None:
            raise WithdrawnError(why)
        self._boundary(f"before {method}")
        if self._life.dead:
            raise NoAnswerError("dead", never_left=True)
        if exchange.down:
            raise NoAnswerError("the broker refused the connection", never_left=True)
        self.on_leave(method, path, data)
        query = (
            {name: str(value) for name, value in (data or {}).items()} if method == "GET" else {}
        )
        body = json.dumps(data).encode() if method != "GET" and data else b""
        request = Request(method, f"/v2{path}", exchange.headers, query, body)
        arriving = asyncio.get_running_loop().create_task(
            _after(exchange.latency(), partial(exchange.arrive, request)), context=within(None)
        )
        self._boundary(f"after {method}")
        try:
            async with asyncio.timeout(self._timeouts.read):
                response = await (await asyncio.shield(arriving))
        except TimeoutError:
            raise NoAnswerError("the broker did not answer in time", timed_out=True) from None
        if request.transport.cut:
            raise NoAnswerError("the connection to the broker broke before its answer")
        await asyncio.sleep(exchange.latency())
        text = response.text or ""
        return Answer(response.status, text, 0.01)


async def _after(seconds: float, act: Callable[[], Any]) -> Any:
    await asyncio.sleep(seconds)
    return _Shielded(act())


class _Shielded:
    """Awaiting it never cancels what is awaited."""

    def __init__(self, task: "asyncio.Task[Any]") -> None:
        self._task = task

    def __await__(self) -> Any:
        return asyncio.shield(self._task).__await__()


def _on_the_loop(thread: StreamThread) -> None:
    asyncio.get_running_loop().create_task(_supervised(thread))


async def _supervised(thread: StreamThread) -> None:
    with suppress(asyncio.CancelledError):
        await thread._supervise()


async def _no_paper(_: str) -> None:
    """Reports are another room's."""


REPLACED: tuple[tuple[Any, str], ...] = (
    (journal_module, "Writer"), (StreamThread, "start"), (websockets.legacy.client, "connect"),
    (opening, "catalogue"), (trade_stream, "web"), (data_stream, "web"),
)  # fmt: skip
"""What a sequence replaces in its whole process: who shares one with others puts it back."""
_EMPTY: list[Path] = []


async def _empty_journal() -> Path:
    """A new journal, made once a process: its tables cost more than all that a sequence writes."""
    if not _EMPTY:
        path = Path(tempfile.mkdtemp(prefix="qd-siege-empty-")) / "journal.db"
        journal_module.Writer = Writer  # type: ignore[misc]
        await (await Journal.open(path, lambda: start_time())).close()
        _EMPTY.append(path)
        atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    return _EMPTY[0]


class SiegeDesk:
    """One life of a desk over one home."""

    def __init__(self, loop: VirtualLoop, exchange: SiegeExchange, root: Path) -> None:
        self.loop, self.exchange = loop, exchange
        self.home = Home(root, Environment.PAPER)
        self.home.create()
        self.life = Life()
        self.boundary: Boundary = lambda name: None
        self.on_leave: Leaving = lambda method, path, data: None
        self.desk: Desk | None = None
        self._journal: Journal | None = None

    async def start(self) -> None:
        """Raises what a desk raises that can't start."""
        life = self.life

        def boundary(name: str) -> None:
            if not life.dead:
                self.boundary(name)

        class Own(LoopWriter):
            pass

        empty = await _empty_journal()
        Own.life, Own.boundary = life, staticmethod(boundary)  # type: ignore[assignment]
        journal_module.Writer = Own  # type: ignore[misc]
        StreamThread.start = _on_the_loop  # type: ignore[method-assign]
        websockets.legacy.client.connect = self.exchange.connect  # type: ignore[misc,assignment]
        clock = LoopClock(start_time(), self.loop)
        settings = DeskSettings(environment=Environment.PAPER)
        if not self.home.journal.exists():
            shutil.copyfile(empty, self.home.journal)
        journal = self._journal = await Journal.open(self.home.journal, clock.now)
        timeouts = Timeouts()
        account = self.exchange.account
        broker = AlpacaBroker(
            settings.account_name, SecretStr(account.key), SecretStr(account.secret), ENDPOINTS,
            clock, timeouts,
        )  # fmt: skip
        broker._courier._rest = Wire(self.exchange, life, timeouts, boundary, self.on_leave)  # type: ignore[assignment]
        self.desk = Desk(self.home, settings, journal, broker, clock)
        self.desk.paper.plan_ended = _no_paper  # type: ignore[method-assign]
        await self.desk.start()

    def kill(self) -> None:
        """As SIGKILL: nothing of it takes another step; the system lets go of what it held."""
        self.loop.end(self.life)
        for socket in self.exchange.sockets:
            socket.abandon()
        self.exchange.sockets.clear()
        if self._journal is not None and not self._journal._closed:
            self._journal._closed = True
            self._journal._lock.release()
            self._journal._reader.close()
            self._journal._db.close()
