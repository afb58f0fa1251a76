"""A desk's books against a broker that is a few dictionaries: trades behind our back, reads that
fail, time that is moved by sleeping."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from engine_parts import MemoryJournal, NothingForbidden

from db.model.activity import Activity
from db.model.market import MarketClock
from db.model.order import BrokerOrder, Fill, OrderState, OrderType, Side
from db.model.plan import Plan
from db.model.portfolio import Account, Position
from db.model.run import ChildOrder, PlanRun, PlanState
from services.brokers.port import Broker, BrokerUnavailableError, CancelOutcome
from services.desk.facts import FactsSource
from services.desk.reconcile import Reconciler
from services.execution.engine import Engine
from services.execution.safety import Safety
from services.market.board import PriceBoard
from services.risk.policy import load_policy

NOON = datetime(2026, 1, 5, 17, 0, tzinfo=UTC)
PRICE = Decimal(50)
ZERO = Decimal(0)


class SleepingClock:
    """Time passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.on_sleep: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.on_sleep()


class LooseBroker:
    """Account, positions, orders, executions, activities; every read can be made to fail."""

    def __init__(self, clock: SleepingClock) -> None:
        self._clock = clock
        self.cash = Decimal(10_000)
        self.held: dict[str, tuple[Decimal, Decimal]] = {}
        """Symbol → quantity and average entry price."""
        self.orders: dict[str, BrokerOrder] = {}
        """By broker order id."""
        self.fills: list[Fill] = []
        self.entries: list[Activity] = []
        self.fail: str = ""
        """Name of the read that fails, from the `fail_after`-th on."""
        self.fail_after = 0
        self.reads: list[str] = []
        self.cancelled: list[str] = []

    def _read(self, name: str) -> None:
        self.reads.append(name)
        if name == self.fail and self.reads.count(name) > self.fail_after:
            raise BrokerUnavailableError(f"{name} can't be read")

    # What happens there

    def list_order(self, order_id: str, symbol: str, side: Side, qty: int, **more: Any) -> None:
        told: dict[str, Any] = {
            "order_id": order_id, "client_order_id": f"web-{order_id}", "account": "main",
            "symbol": symbol, "side": side, "qty": Decimal(qty), "type": "limit", "status": "new",
            "state": OrderState.ACKNOWLEDGED, "submitted_at": self._clock.now(),
            "updated_at": self._clock.now(),
        }  # fmt: skip
        self.orders[order_id] = BrokerOrder.model_validate({**told, **more})

    def trade(
        self, order_id: str, symbol: str, side: Side, qty: int, price: Decimal = PRICE
    ) -> None:
        """An execution: order, position and cash move with it."""
        if order_id not in self.orders:
            self.list_order(order_id, symbol, side, qty)
        order, amount = self.orders[order_id], Decimal(qty)
        total = order.filled_qty + amount
        paid = order.filled_qty * (order.filled_avg_price or ZERO) + amount * price
        state = OrderState.FILLED if total == order.qty else OrderState.PARTIALLY_FILLED
        self.orders[order_id] = order.model_copy(
            update={
                "filled_qty": total, "filled_avg_price": paid / total, "state": state,
                "status": state.value, "updated_at": self._clock.now(),
            }
        )  # fmt: skip
        self.fills.append(
            Fill(
                execution_id=f"x{len(self.fills)}", account="main", order_id=order_id,
                symbol=symbol, side=side, qty=amount, price=price, at=self._clock.now(),
            )
        )  # fmt: skip
        before, average = self.held.get(symbol, (ZERO, ZERO))
        change = amount if side is Side.BUY else -amount
        self.hold(symbol, before + change, _average(before, average, change, price))
        self.cash -= change * price

    def hold(self, symbol: str, qty: Decimal | int, average: Decimal = PRICE) -> None:
        self.held[symbol] = (Decimal(qty), average)
        if not qty:
            del self.held[symbol]

    def book(self, name: str, amount: str, kind: str = "FEE", **more: Any) -> None:
        """A fee, a dividend, a deposit."""
        self.cash += Decimal(amount)
        told = {"activity_id": name, "account": "main", "kind": kind, "net_amount": amount,
                "date": "2026-01-05"}  # fmt: skip
        self.entries.append(Activity.model_validate({**told, **more}))

    # What the port asks

    async def account(self) -> Account:
        self._read("account")
        worth = sum((qty * PRICE for qty, _ in self.held.values()), ZERO)
        return Account(name="main", number="1", cash=self.cash, equity=self.cash + worth,
                       buying_power=self.cash)  # fmt: skip

    async def positions(self) -> tuple[Position, ...]:
        self._read("positions")
        return tuple(
            Position(account="main", symbol=symbol, qty=qty, qty_available=qty,
                     avg_entry_price=average, current_price=PRICE)
            for symbol, (qty, average) in self.held.items()
        )  # fmt: skip

    async def open_orders(self) -> tuple[BrokerOrder, ...]:
        self._read("open_orders")
        return tuple(o for o in self.orders.values() if o.state and not o.state.terminal)

    async def orders_since(self, after: datetime) -> tuple[BrokerOrder, ...]:
        self._read("orders_since")
        return tuple(o for o in self.orders.values() if o.submitted_at and o.submitted_at > after)

    async def fills_since(self, after: datetime) -> tuple[Fill, ...]:
        self._read("fills_since")
        return tuple(fill for fill in self.fills if fill.at > after)

    async def activities_since(self, _: datetime) -> tuple[Activity, ...]:
        self._read("activities_since")
        return tuple(self.entries)

    async def order(self, client_order_id: str) -> BrokerOrder | None:
        self._read("order")
        found = (o for o in self.orders.values() if o.client_order_id == client_order_id)
        return next(found, None)

    async def order_by_id(self, order_id: str) -> BrokerOrder | None:
        self._read("order_by_id")
        return self.orders.get(order_id)

    async def clock(self) -> MarketClock:
        now = self._clock.now()
        later = now + timedelta(hours=4)
        return MarketClock(at=now, is_open=True, next_open=later, next_close=later)

    async def cancel(self, order_id: str) -> CancelOutcome:
        self.cancelled.append(order_id)
        done = {"state": OrderState.CANCELED, "status": "canceled"}
        self.orders[order_id] = self.orders[order_id].model_copy(update=done)
        return CancelOutcome.ACCEPTED


def _average(before: Decimal, average: Decimal, change: Decimal, price: Decimal) -> Decimal:
    now = before + change
    if not before or before * now < 0:
        return price
    if before * change < 0:
        return average
    return (abs(before) * average + abs(change) * price) / abs(now)


class Books:
    """A reconciler as in a desk. `again` is the same journal after a restart."""

    def __init__(self, broker: LooseBroker, clock: SleepingClock, journal: MemoryJournal) -> None:
        self.broker, self.clock, self.journal = broker, clock, journal
        policy = load_policy("standard")
        facts = FactsSource(cast(Broker, broker), PriceBoard(clock.monotonic), clock, policy)
        self.facts = facts
        self.engine = Engine(
            journal,
            cast(Broker, broker),
            cast(Safety, NothingForbidden()),
            clock,
            cast(Any, None),
            cast(Any, None),
            lambda: "1",
            lambda: self.reconciler.locked_symbols,
        )
        self.reconciler = Reconciler(self.engine, facts, cast(Broker, broker), clock, self._rows)
        self.reconciler.apply(journal.events)
        journal.on_append(self.reconciler.apply)

    async def _rows(self, _: str) -> tuple[dict[str, Any], ...]:
        await asyncio.sleep(0)
        return ()

    def again(self) -> "Books":
        return Books(self.broker, self.clock, MemoryJournal(self.clock, self.journal.events))

    def own(self, *orders: ChildOrder) -> None:
        """Orders of ours, as if sent by plans, five hundred of them a plan."""
        for start in range(0, len(orders), 500):
            batch = orders[start : start + 500]
            name = batch[0].plan_id
            plan = Plan.model_construct(plan_id=name, steps=())
            run = PlanRun.model_construct(plan=plan, state=PlanState.SELLING, orders=batch)
            book = self.engine.book
            book._runs[name] = run
            book._plan_of |= dict.fromkeys((order.client_order_id for order in batch), name)


def books() -> Books:
    clock = SleepingClock()
    return Books(LooseBroker(clock), clock, MemoryJournal(clock))


def child(name: str, symbol: str = "NEM", qty: int = 10, **given: Any) -> ChildOrder:
    told: dict[str, Any] = {
        "client_order_id": name, "plan_id": "p1", "step": 1, "account": "main", "symbol": symbol,
        "side": Side.BUY, "qty": Decimal(qty), "type": OrderType.LIMIT,
        "state": OrderState.ACKNOWLEDGED, "order_id": f"b-{name}", "sent_at": NOON,
    }  # fmt: skip
    return ChildOrder.model_validate({**told, **given})
