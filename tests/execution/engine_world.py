"""The engine against a scripted broker and a clock that is moved by hand: no process, no waiting."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, cast

from engine_parts import MemoryJournal, NothingForbidden
from plan_makers import make_plan
from risk_world import NOW, STANDARD, order, with_limits, world

from db.model.order import BrokerOrder, Fill, OrderRequest, OrderState, Side
from db.model.plan import Plan, Step
from db.model.policy import Policy
from db.model.run import Mode, PlanRun
from services.brokers.port import (
    Broker,
    BrokerUnavailableError,
    CancelOutcome,
    Confirmed,
    Denied,
    Rejected,
    RejectionClass,
    SubmitOutcome,
    Unresolved,
)
from services.execution.engine import Engine
from services.execution.safety import Safety
from services.risk.facts import Facts
from services.risk.policy import policy_hash
from services.risk.run import repriced
from services.risk.standing import standing

S = OrderState


class HandClock:
    """Stands still until it is moved; whoever sleeps is woken on the way."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._n = count()

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.seconds + seconds, next(self._n), future))
        await future

    async def move(self, seconds: float) -> None:
        """On by so many seconds, each sleeper at its own time, everything else settled between."""
        await settle()
        end = self.seconds + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            self.seconds, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
            await settle()
        self.seconds = end
        await settle()


async def settle() -> None:
    """Let every task go as far as it can without time passing."""
    for _ in range(60):
        await asyncio.sleep(0)


async def nothing() -> None:
    """Happens."""


class ScriptedBroker:
    """Fills at $100 what it is sent, unless `script` says otherwise for the symbol: `rest`
    (acknowledged), `lost` (never arrives), `silent` (arrives, no answer), `part:N`, a class."""

    def __init__(self) -> None:
        self.orders: dict[str, BrokerOrder] = {}
        self.script: dict[str, list[str]] = {}
        self.posts: list[OrderRequest] = []
        self.fills: list[Fill] = []
        self.reachable = True
        self.listed = True
        self._n = count(1)

    async def submit(
        self, request: OrderRequest, *, permit: Callable[[], str | None]
    ) -> SubmitOutcome:
        await asyncio.sleep(0)
        if (why := permit()) is not None:
            return Denied(reason=why)
        self.posts.append(request)
        script = self.script.get(request.symbol, [])
        how = script.pop(0) if script else "fill"
        if how == "lost":
            return Unresolved(reason="no answer in time")
        if how in list(RejectionClass):
            said = f"the broker says {how}"
            return Rejected(category=RejectionClass(how), status=403, code=None, message=said)
        report = self._take(request)
        if how == "fill":
            report = self.fill(request.client_order_id, request.qty or Decimal(0))
        elif how.startswith("part:"):
            report = self.fill(request.client_order_id, Decimal(how[5:]))
        return (
            Unresolved(reason="no answer in time") if how == "silent" else Confirmed(order=report)
        )

    def _take(self, request: OrderRequest) -> BrokerOrder:
        report = BrokerOrder(
            order_id=f"b-{next(self._n)}",
            client_order_id=request.client_order_id,
            account=request.account,
            symbol=request.symbol,
            side=request.side,
            type=request.type.value,
            qty=request.qty,
            limit_price=request.limit_price,
            status="new",
            state=S.ACKNOWLEDGED,
            submitted_at=NOW,
            updated_at=NOW,
        )
        self.orders[request.client_order_id] = report
        return report

    def fill(self, name: str, qty: Decimal) -> BrokerOrder:
        known = self.orders[name]
        assert known.side is not None
        self.fills.append(
            Fill(
                execution_id=f"x-{len(self.fills)}",
                account=known.account,
                order_id=known.order_id,
                client_order_id=name,
                symbol=known.symbol,
                side=known.side,
                qty=qty,
                price=Decimal(100),
                at=NOW,
            )
        )
        total = known.filled_qty + qty
        state = S.FILLED if total == known.qty else S.PARTIALLY_FILLED
        return self.change(
            name, state=state, status=state.value, filled_qty=total, filled_avg_price=Decimal(100)
        )

    def change(self, name: str, **changed: object) -> BrokerOrder:
        self.orders[name] = self.orders[name].model_copy(update=changed)
        return self.orders[name]

    def replace_at_the_broker(self, name: str, qty: int, carried: bool) -> str:
        """Somebody edits the order on the broker's page. The tail's name."""
        old = self.orders[name]
        tail = f"broker-{next(self._n)}"
        new_id = f"b-{next(self._n)}"
        self.change(name, state=S.REPLACED, status="replaced", replaced_by=new_id)
        self.orders[tail] = old.model_copy(
            update={
                "order_id": new_id,
                "client_order_id": tail,
                "qty": Decimal(qty),
                "filled_qty": old.filled_qty if carried else Decimal(0),
                "filled_avg_price": old.filled_avg_price if carried else None,
                "state": S.ACKNOWLEDGED,
                "status": "new",
                "replaces": old.order_id,
            }
        )
        return tail

    async def cancel(self, order_id: str) -> CancelOutcome:
        known = next(o for o in self.orders.values() if o.order_id == order_id)
        if known.state is not None and known.state.terminal:
            return CancelOutcome.ALREADY_CLOSED
        self.change(known.client_order_id, state=S.CANCELED, status="canceled")
        return CancelOutcome.ACCEPTED

    async def order(self, client_order_id: str) -> BrokerOrder | None:
        self._ask()
        return self.orders.get(client_order_id)

    async def order_by_id(self, order_id: str) -> BrokerOrder | None:
        self._ask()
        return next((o for o in self.orders.values() if o.order_id == order_id), None)

    async def open_orders(self) -> tuple[BrokerOrder, ...]:
        self._ask()
        return tuple(o for o in self.orders.values() if o.state and not o.state.terminal)

    async def fills_since(self, _: datetime) -> tuple[Fill, ...]:
        self._ask()
        return tuple(self.fills)

    def _ask(self) -> None:
        if not self.reachable:
            raise BrokerUnavailableError("nobody answers")


class World:
    """One plan on one engine. Steps are `sell 10 AAA`, or `sell 10 AAA @ 100` with a limit."""

    def __init__(self, *steps: str, cash: str = "20000", **policy: object) -> None:
        self.clock = HandClock()
        self.journal = MemoryJournal(self.clock)
        self.broker = ScriptedBroker()
        self.policy: Policy = with_limits(STANDARD, **policy) if policy else STANDARD
        self.cash = Decimal(cash)
        self.held = {"AAA": Decimal(100), "BBB": Decimal(100)}
        self.prices: dict[str, str] = {}
        self.quote_age = 0
        self.change: Callable[[Facts], Facts] = lambda facts: facts
        self.meanwhile: Callable[[], Awaitable[None]] = nothing
        """What happens between the broker's answer and the engine's reading of it."""
        self.plan = self._plan(steps)
        self.engine = Engine(
            self.journal,
            cast(Broker, self.broker),
            cast(Safety, NothingForbidden()),
            self.clock,
            self._facts,
            lambda plan: self.now(),
            lambda: "1",
            frozenset,
        )

    def _plan(self, texts: tuple[str, ...]) -> Plan:
        facts = self.now()
        steps: list[Step] = []
        for n, text in enumerate(texts, 1):
            words, _, limit = text.partition(" @ ")
            steps.append(order(words, n, limit or None))
        priced = tuple(
            s.model_copy(update={"sector": facts.sector(s.symbol)}) for s in repriced(facts, steps)
        )
        return make_plan(*priced).model_copy(
            update={"policy_hash": policy_hash(self.policy), "before": standing(facts)}
        )

    def another(self, plan_id: str, *steps: str) -> Plan:
        """A second plan for the same engine."""
        return self._plan(steps).model_copy(update={"plan_id": plan_id})

    def now(self) -> Facts:
        """Cash and holdings are the broker's: what it filled has changed them."""
        cash, held = self.cash, dict(self.held)
        for fill in self.broker.fills:
            sign = 1 if fill.side is Side.SELL else -1
            cash += sign * fill.qty * fill.price
            held[fill.symbol] = held.get(fill.symbol, Decimal(0)) - sign * fill.qty
        facts = world(
            cash=str(cash),
            held={symbol: str(qty) for symbol, qty in held.items() if qty},
            prices=self.prices,
            policy=self.policy,
            quote_age=self.quote_age,
        )
        moved = facts.now + timedelta(seconds=self.clock.seconds)
        quotes = {
            s: q.model_copy(update={"at": q.at + timedelta(seconds=self.clock.seconds)})
            for s, q in facts.quotes.items()
        }
        return self.change(replace(facts, now=moved, quotes=quotes))

    async def _facts(self, _: Plan) -> Facts:
        await asyncio.sleep(0)
        found = self.now()
        await self.meanwhile()
        return found

    async def add(self) -> None:
        await self.engine.add(self.plan)

    async def approve(self, mode: Mode) -> None:
        card = await self.engine.card(self.plan.plan_id)
        await self.engine.approve(self.plan.plan_id, card.token, card.hash, mode, "a test")

    async def start(self, mode: Mode) -> None:
        await self.add()
        await self.approve(mode)
        await self.engine.start(self.plan.plan_id)
        await settle()

    async def polled(self) -> None:
        """What the broker says of everything that works is heard."""
        await self.engine.tracker.poll()
        await settle()

    @property
    def run(self) -> PlanRun:
        return self.engine.book.run(self.plan.plan_id)

    @property
    def sent(self) -> list[tuple[str, Decimal | None, str]]:
        """(symbol, quantity, attempt) of every POST."""
        return [(p.symbol, p.qty, p.client_order_id[-2:]) for p in self.broker.posts]

    async def close(self) -> None:
        await self.engine.close()


MakeWorld = Callable[..., World]


@asynccontextmanager
async def worlds() -> AsyncIterator[MakeWorld]:
    """What makes worlds, all of which end with it."""
    async with AsyncExitStack() as ends:

        def make(*steps: str, **options: Any) -> World:
            made = World(*steps, **options)
            ends.push_async_callback(made.close)
            return made

        yield make


def payloads(world: World, kind: str) -> list[dict[str, Any]]:
    return [event.payload for event in world.journal.of(kind)]
