"""The engine with its effects held in hand: a clock, a scheduler and records without I/O."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from services.exchange.book import Listing
from services.exchange.engine.accounts import Account, Position
from services.exchange.engine.activities import Fill
from services.exchange.engine.fill_model import FillModel, TouchFills
from services.exchange.engine.floor import Floor
from services.exchange.engine.ledger import Ledger
from services.exchange.engine.orders import Order, Side, Terms, new_id
from services.exchange.engine.rules import DEFAULT_RULES
from services.exchange.engine.trade_updates import TradeUpdate
from services.exchange.engine.venue import Venue
from services.exchange.market.boards import Market
from services.exchange.market.quotes import Quote, Trade

TUESDAY_NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)


@dataclass
class HandClock:
    """Stands where it is put."""

    at: datetime = TUESDAY_NOON

    def now(self) -> datetime:
        return self.at

    def pass_(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class Kept:
    """Records as the store would get them."""

    orders: list[Order] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    updates: list[TradeUpdate] = field(default_factory=list)

    def put_account(self, account: Account) -> None: ...
    def put_position(self, position: Position) -> None: ...

    def put_order(self, order: Order) -> None:
        self.orders.append(order)

    def put_fill(self, fill: Fill) -> None:
        self.fills.append(fill)

    def announce(self, update: TradeUpdate) -> None:
        self.updates.append(update)


class World:
    """One account "main" with 10,000 in cash, 100 XYZ held, and quotes set by hand."""

    def __init__(
        self,
        cash: str = "10000",
        held: str = "100",
        multiplier: str = "1",
        fill_model: FillModel | None = None,
        fill_delay: float = 0.0,
    ) -> None:
        self.clock, self.kept = HandClock(), Kept()
        self.steps: list[Callable[[], None]] = []
        self.delays: list[float] = []
        listings = [Listing(symbol=s, price=Decimal(50)) for s in ("XYZ", "ABC")]
        self.market = Market(listings, [])
        account = Account(
            name="main",
            id="1",
            account_number="SIM000001",
            key="k",
            secret="s",
            cash=Decimal(cash),
            multiplier=Decimal(multiplier),
            last_equity=Decimal(cash),
            created_at=self.clock.at,
        )
        qty = Decimal(held)
        position = Position(account="main", symbol="XYZ", qty=qty, cost=qty * 40)
        self.ledger = Ledger({"main": account}, {("main", "XYZ"): position})
        self.venue = Venue(
            Floor(self.ledger, self.market, self.clock, DEFAULT_RULES),
            self.kept,
            fill_model or TouchFills(),
            fill_delay,
            self._schedule,
        )
        for symbol in ("XYZ", "ABC"):
            self.quote(symbol, "49.99", "50.01")

    def _schedule(self, delay: float, step: Callable[[], None]) -> None:
        self.delays.append(delay)
        self.steps.append(step)

    def quote(self, symbol: str, bid: str, ask: str) -> None:
        tick: list[Quote | Trade] = [
            Quote(symbol, Decimal(bid), 100, Decimal(ask), 100, self.clock.at)
        ]
        self.venue.turn(self.market.take(tick, self.clock.at).quoted)

    def submit(self, side: str, qty: str | None, limit: str | None = None, **more: Any) -> Order:
        terms = {
            "client_order_id": new_id(),
            "symbol": "XYZ",
            "side": Side(side),
            "type": "limit" if limit else "market",
            "time_in_force": "day",
            "qty": Decimal(qty) if qty else None,
            "limit_price": Decimal(limit) if limit else None,
            **more,
        }
        return self.venue.submit("main", Terms.model_validate(terms))

    def settle(self) -> None:
        """Run what was scheduled, and what that schedules."""
        while self.steps:
            self.steps.pop(0)()

    def order(self, order: Order) -> Order:
        return self.ledger.orders[order.id]

    @property
    def cash(self) -> Decimal:
        return self.ledger.accounts["main"].cash

    def held(self, symbol: str = "XYZ") -> Decimal:
        position = self.ledger.positions.get(("main", symbol))
        return position.qty if position else Decimal(0)

    def events(self) -> list[str]:
        return [update.event for update in self.kept.updates]
