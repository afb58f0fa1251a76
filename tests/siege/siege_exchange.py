"""The real simulated exchange, without its process: its app, engine, market and faults on the loop of
the sequence. What it keeps and does is noted as it happens, by the exchange's own store."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import web
from siege_sockets import ClientSocket, Pipe, Request, ServerWeb
from virtual_time import VirtualLoop, within
from websockets.legacy.exceptions import InvalidStatusCode

from services.exchange import opening
from services.exchange.clock import OpenClock
from services.exchange.engine.accounts import Account
from services.exchange.engine.activities import Activity
from services.exchange.engine.orders import Order
from services.exchange.exchange import Exchange
from services.exchange.market.catalogue import catalogue
from services.exchange.opening import Opened, open_exchange
from services.exchange.request_log import RequestLog
from services.exchange.scenarios.faults import FAULTS
from services.exchange.scenarios.reading import Step
from services.exchange.scenarios.triggers import Trigger
from services.exchange.server import build_app
from services.exchange.sessions import session_of
from services.exchange.settings import Settings
from services.exchange.store import Store
from services.exchange.streams import data_stream, trade_stream

BOOK = Path(__file__).with_name("book.json")
DAY = date(2026, 1, 6)
TICK = 2.0


def start_time() -> datetime:
    session = session_of(DAY)
    assert session is not None
    return session.opens + timedelta(minutes=30)


class Audit(Store):
    """What the exchange changes, in order, told at the instant of the change."""

    def __init__(self) -> None:
        super().__init__(None)
        self.watchers: list[Any] = []

    def put_order(self, order: Order) -> None:
        super().put_order(order)
        for watcher in self.watchers:
            watcher.on_order(order)

    def put_account(self, account: Account) -> None:
        super().put_account(account)
        for watcher in self.watchers:
            watcher.on_account(account)

    def put_activity(self, activity: Activity) -> None:
        super().put_activity(activity)
        for watcher in self.watchers:
            watcher.on_activity(activity)


class Requests(RequestLog):
    """The exchange's request log, kept in memory."""

    is_kept = True

    def __init__(self) -> None:
        super().__init__(None)
        self.lines: list[Mapping[str, Any]] = []

    def answered(self, record: Mapping[str, Any]) -> None:
        self.lines.append(record)


@lru_cache(maxsize=1)
def _listed() -> tuple[Any, ...]:
    """The catalogue, cut down to the book: nine hundred quiet names would cost more than all else."""
    named = {row["symbol"] for row in json.loads(BOOK.read_text())["market"]}
    return tuple(listing for listing in catalogue() if listing.symbol in named)


@dataclass
class SiegeExchange:
    """One exchange with one account, for one sequence."""

    loop: VirtualLoop
    random: Random
    audit: Audit = field(default_factory=Audit)
    requests: Requests = field(default_factory=Requests)
    opened: Opened = field(init=False)
    app: web.Application = field(init=False)
    sockets: list[ClientSocket] = field(default_factory=list)
    down: bool = False
    """The network is away: nothing can be connected to."""
    turned: Callable[[], None] = lambda: None
    """Called when the market has moved."""

    async def start(self) -> None:
        opening.catalogue = _listed  # type: ignore[assignment]
        trade_stream.web = ServerWeb  # type: ignore[assignment]
        data_stream.web = ServerWeb  # type: ignore[assignment]
        settings = Settings(
            book=BOOK, volatility=Decimal(0), fill_delay=0.15, rate_limit=0, tick=TICK,
            seed=self.random.randrange(1000),
        )  # fmt: skip
        clock = OpenClock(start_time(), 1.0, self.loop.time)
        self.opened = open_exchange(settings, self.audit, self.requests, self.loop.time, clock)
        self.app = build_app(self.exchange, settings)
        self._work = [
            asyncio.create_task(self.audit.run()),
            asyncio.create_task(self._tick()),
        ]

    @property
    def exchange(self) -> Exchange:
        return self.opened.exchange

    @property
    def account(self) -> Account:
        return next(iter(self.exchange.venue.floor.ledger.accounts.values()))

    @property
    def now(self) -> datetime:
        return self.exchange.clock.now()

    @property
    def orders(self) -> list[Order]:
        return list(self.exchange.venue.floor.ledger.orders.values())

    @property
    def headers(self) -> dict[str, str]:
        return {
            "APCA-API-KEY-ID": self.account.key,
            "APCA-API-SECRET-KEY": self.account.secret,
        }

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.opened.turn()
            self.turned()

    def latency(self) -> float:
        """One way, in seconds."""
        return 0.001 + 0.02 * self.random.random()

    # -- the wire ------------------------------------------------------------------------------

    def arrive(self, request: Request) -> "asyncio.Task[web.Response]":
        """From here on nothing that happens to the sender can stop it."""
        return self.loop.create_task(self._handle(request), context=within(None))

    async def _handle(self, request: Request) -> web.Response:
        found = await self.app.router.resolve(request)  # type: ignore[arg-type]
        request.match_info = found
        return await found.handler(request)  # type: ignore[arg-type,return-value]

    async def connect(self, url: str, *, extra_headers: Mapping[str, str], **_: Any) -> Any:
        """`websockets.legacy.client.connect` for alpaca-py's streams."""
        await asyncio.sleep(self.latency())
        if self.down:
            raise OSError("the network is unreachable")
        request = Request("GET", "/" + url.split("/", 3)[3], extra_headers)
        request.pipe = Pipe(self.loop, self.latency)
        socket = ClientSocket(request.pipe)
        serving = self.arrive(request)
        await asyncio.sleep(self.latency())
        if serving.done() and serving.result().status != 101:
            raise InvalidStatusCode(serving.result().status, {})  # type: ignore[arg-type]
        self.sockets.append(socket)
        return socket

    # -- the day's course ----------------------------------------------------------------------

    def inject(self, name: str, when: Mapping[str, Any] | None = None, **parameters: Any) -> int:
        """A fault of the exchange's own table."""
        step = Step(FAULTS[name](**parameters), Trigger(**(when or {})))
        return self.exchange.director.inject(step)

    def lift(self) -> None:
        """No fault stands any more."""
        self.down = False
        for row in self.exchange.director.listing():
            self.exchange.director.stop(row["number"])

    def close(self) -> None:
        for task in self._work:
            task.cancel()
        with suppress(Exception):
            self.audit._db.close()
