"""A whole desk in this process, on an exchange whose day is made a bad one."""

import asyncio
import json
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from pydantic import SecretStr
from running_exchange import RunningExchange

from db.clock import SystemClock
from db.home import Home
from db.journal import Journal
from db.model.base import Environment
from db.model.order import OrderState
from db.model.run import ChildOrder, Mode, PlanRun
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.client import Timeouts
from services.brokers.alpaca.endpoints import Endpoints
from services.brokers.alpaca.supervision import Backoff
from services.desk.config import load
from services.desk.desk import Desk
from services.execution.book import NotPossibleError

Json = dict[str, Any]
DEADLINE = 40.0
PATIENT = Timeouts(pause=0.01)
WAITING = Timeouts(read=1.5, total=3.0, pause=0.01)
"""Long enough to see whether something else waits with it."""


def broker_at(
    exchange: RunningExchange, timeouts: Timeouts = PATIENT, host: str = "127.0.0.1"
) -> AlpacaBroker:
    return AlpacaBroker(
        "main",
        SecretStr(exchange.key),
        SecretStr(exchange.secret),
        Endpoints.among(
            {name: str(said).replace("127.0.0.1", host) for name, said in exchange.hello.items()}
        ),
        SystemClock(),
        timeouts,
        Backoff(first=0.01, longest=0.05, jitter=lambda: 1.0),
    )


class DeskHere:
    """One journal; the desk on it may be stopped and started again."""

    def __init__(self, exchange: RunningExchange) -> None:
        self.exchange = exchange
        self.home = Home(Path(tempfile.mkdtemp(prefix="qd-")), Environment.PAPER)
        self.home.create()
        known = (name for name in exchange.addresses if not name.startswith("control"))
        lines = ["[paper]", *(f'{name} = "{exchange.addresses[name]}"' for name in known)]
        self.home.config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.desk: Desk = cast(Desk, None)

    async def start(self, timeouts: Timeouts = PATIENT) -> None:
        clock = SystemClock()
        journal = await Journal.open(self.home.journal, clock.now)
        broker = broker_at(self.exchange, timeouts)
        self.desk = Desk(self.home, load(self.home, {}), journal, broker, clock)
        await self.desk.start()

    async def restarted(self) -> bool:
        """As `start`, where the one before did not come through. Raises BrokerUnavailableError."""
        await self.stop()
        await self.start()
        return True

    async def stop(self) -> None:
        if self.desk is not None:
            await self.desk.stop()
            self.desk = cast(Desk, None)

    # --- what is asked ------------------------------------------------------------------------

    async def started(self, mode: Mode = Mode.AUTO, **ticket: str) -> str:
        """A ticket of one order, approved and running."""
        engine = self.desk.engine
        plan_id = str((await self.desk.intake.ticket(ticket))["plan_id"])
        card = await engine.card(plan_id)
        await engine.approve(plan_id, card.token, card.hash, mode, "a test")
        await engine.start(plan_id)
        return plan_id

    async def started_when_possible(self, mode: Mode, **ticket: str) -> str:
        """Once the stream is back and the books were compared since."""
        async with asyncio.timeout(DEADLINE):
            while True:
                try:
                    return await self.started(mode, **ticket)
                except NotPossibleError:
                    await asyncio.sleep(0.05)

    async def ended(self, plan_id: str) -> PlanRun:
        await self.until(lambda: self.run(plan_id).state.ended)
        return self.run(plan_id)

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not true():
                await asyncio.sleep(0.005)

    def run(self, plan_id: str) -> PlanRun:
        return self.desk.engine.book.run(plan_id)

    def order(self, plan_id: str) -> ChildOrder:
        return self.run(plan_id).orders[-1]

    async def resting(self, plan_id: str) -> ChildOrder:
        """Its order, once the broker has it and works it."""
        await self.until(
            lambda: any(o.state is OrderState.ACKNOWLEDGED for o in self.run(plan_id).orders)
        )
        return self.order(plan_id)

    async def kinds(self, client_order_id: str) -> list[str]:
        """What the journal says of one order, in order."""
        events = await self.desk.journal.events()
        return [event.kind for event in events if event.client_order_id == client_order_id]

    # --- what the exchange itself says --------------------------------------------------------

    def posts(self, client_order_id: str) -> int:
        """How often such an order reached the exchange, whatever it answered."""
        return sum(
            entry["method"] == "POST"
            and entry["path"] == "/v2/orders"
            and entry["body"].get("client_order_id") == client_order_id
            for entry in self.exchange.requests_log()
        )

    def asked_by_name(self, client_order_id: str) -> int:
        """How often it was looked up at the exchange."""
        path = "/v2/orders:by_client_order_id"
        looked = (e for e in self.exchange.requests_log() if e["path"] == path)
        return sum(client_order_id in str(entry) for entry in looked)

    def held(self, symbol: str) -> int:
        positions = self._control("GET", "state")["accounts"]
        return int(float(next(iter(positions.values()))["positions"].get(symbol, 0)))

    def await_status(self, client_order_id: str, status: str) -> None:
        """Blocks until the exchange says so of an order."""
        url = f"{self.exchange.trading_url}/v2/orders:by_client_order_id"
        request = urllib.request.Request(
            f"{url}?client_order_id={client_order_id}", headers=self.exchange.headers
        )
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            with urllib.request.urlopen(request, timeout=10) as answer:
                if json.loads(answer.read())["status"] == status:
                    return
            time.sleep(0.01)
        raise AssertionError(f"{client_order_id} never became {status}")

    def all_orders(self) -> list[Json]:
        """Every order that it ever took, newest first, without what hangs below it."""
        url = f"{self.exchange.trading_url}/v2/orders?status=all&limit=500"
        request = urllib.request.Request(url, headers=self.exchange.headers)
        deadline = time.monotonic() + 2 * DEADLINE
        while True:
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return list(json.loads(answer.read()))
            except urllib.error.HTTPError as error:
                if error.code != 429 or time.monotonic() > deadline:
                    raise  # the desk and we share the minute's requests
                time.sleep(1)

    def state(self) -> Json:
        """Accounts, open orders, prices."""
        return dict(self._control("GET", "state"))

    # --- what goes wrong there ----------------------------------------------------------------

    @contextmanager
    def fault(self, do: str, when: Json | None = None, **parameters: object) -> Iterator[None]:
        """While in force. Needs `control=True`."""
        made = self._control("POST", "faults", {"do": do, "when": when or {}, **parameters})
        try:
            yield
        finally:
            self._control("DELETE", f"faults/{made['number']}")

    def forward(self, seconds: float) -> None:
        """Its clock goes on at once."""
        self._control("POST", "clock", {"forward": seconds})

    def play(self, scenario: str) -> None:
        """All of a shipped scenario, from now."""
        self._control("POST", "scenarios", {"name": scenario})

    def end_all_faults(self) -> None:
        for armed in self.state()["armed"]:
            with suppress(urllib.error.HTTPError):  # over by itself
                self._control("DELETE", f"faults/{armed['number']}")

    def deaf(self) -> AbstractContextManager[None]:
        """The order stream stays open and says nothing."""
        return self.fault("mute_stream", stream="trade_updates")

    @contextmanager
    def jump(self, symbol: str, percent: int) -> Iterator[None]:
        """Its price moves at once, and is back in the end."""
        before = self._price(symbol)
        with self.fault("jump", symbol=symbol, percent=percent):
            yield
        deadline = time.monotonic() + DEADLINE
        while abs(self._price(symbol) / before - 1) > 0.001:
            assert time.monotonic() < deadline, f"{symbol} did not come back"
            time.sleep(0.01)

    def _price(self, symbol: str) -> float:
        """What is bid for it."""
        url = f"{self.exchange.data_url}/v2/stocks/quotes/latest?symbols={symbol}"
        request = urllib.request.Request(url, headers=self.exchange.headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return float(json.loads(answer.read())["quotes"][symbol]["bp"])

    def _control(self, method: str, path: str, body: Json | None = None) -> Any:
        hello = self.exchange.hello
        request = urllib.request.Request(
            f"{hello['control_url']}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {hello['control_token']}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())


@asynccontextmanager
async def desk_on(
    exchange: RunningExchange, timeouts: Timeouts = PATIENT, *, started: bool = True
) -> AsyncIterator[DeskHere]:
    """A desk with a new journal, until its context ends."""
    made = DeskHere(exchange)
    try:
        if started:
            await made.start(timeouts)
        yield made
    finally:
        await made.stop()
        shutil.rmtree(made.home.root, ignore_errors=True)
