"""The engine with its effects held in hand: a clock, a scheduler and records without I/O."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from services.exchange.book import Listing
from services.exchange.engine.accounts import Account, Position
from services.exchange.engine.activities import Activity, Fill
from services.exchange.engine.behaviour import Behaviour
from services.exchange.engine.booking import Costs, no_costs
from services.exchange.engine.day_end import FACT, Overnight, nothing_owed
from services.exchange.engine.fill_model import FillModel, TouchFills
from services.exchange.engine.floor import Floor
from services.exchange.engine.ledger import Ledger
from services.exchange.engine.orders import Order, Side, Status, Terms
from services.exchange.engine.rules import DEFAULT_RULES, Rules
from services.exchange.engine.trade_updates import TradeUpdate
from services.exchange.engine.venue import Venue
from services.exchange.ids import Ids
from services.exchange.market.boards import Market
from services.exchange.market.quotes import Quote, Trade

CENT = Decimal("0.01")
LISTINGS = tuple(
    Listing(symbol=symbol, price=Decimal(50), has_options=True) for symbol in ("XYZ", "ABC")
)
TUESDAY_NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)


@dataclass
class HandClock:
    """Stands where it is put."""

    at: datetime = TUESDAY_NOON

    def now(self) -> datetime:
        return self.at

    def pass_(self, **by: float) -> None:
        self.at += timedelta(**by)

    def forward(self, to: datetime) -> None:
        self.at = max(self.at, to)


@dataclass
class Kept:
    """Records as the store would get them."""

    facts: dict[str, str] = field(default_factory=dict)
    accounts: list[Account] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    updates: list[TradeUpdate] = field(default_factory=list)

    @property
    def fills(self) -> list[Fill]:
        return [activity for activity in self.activities if isinstance(activity, Fill)]

    def put_fact(self, name: str, value: str) -> None:
        self.facts[name] = value

    def put_account(self, account: Account) -> None:
        self.accounts.append(account)

    def put_position(self, position: Position) -> None:
        self.positions.append(position)

    def put_order(self, order: Order) -> None:
        self.orders.append(order)

    def put_activity(self, activity: Activity) -> None:
        self.activities.append(activity)

    def announce(self, update: TradeUpdate) -> None:
        self.updates.append(update)

    def ledger(self) -> Ledger:
        """What a store would give back: the last of each record."""
        orders = {order.id: order for order in self.orders}
        return Ledger(
            {account.name: account for account in self.accounts},
            {(p.account, p.symbol): p for p in self.positions},
            dict(sorted(orders.items(), key=lambda item: item[1].sequence)),
            list(self.activities),
        )


class World:
    """One account "main" with 10,000 in cash, 100 XYZ held at 40, and quotes set by hand."""

    def __init__(
        self,
        cash: str = "10000",
        held: str = "100",
        multiplier: str = "1",
        fill_model: FillModel | None = None,
        fill_delay: float = 0.0,
        rules: Rules = DEFAULT_RULES,
        behaviour: Behaviour | None = None,
        costs: Costs = no_costs,
        overnight: Overnight = nothing_owed,
        listings: Iterable[Listing] = LISTINGS,
    ) -> None:
        self.clock, self.kept = HandClock(), Kept()
        self.steps: list[Callable[[], None]] = []
        self.delays: list[float] = []
        self.market = Market(listings, [])
        self.rules, self.behaviour = rules, behaviour
        self._fill_model, self._fill_delay = fill_model or TouchFills(), fill_delay
        self._costs, self._overnight = costs, overnight
        qty = Decimal(held)
        self.kept.put_account(
            Account(
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
        )
        self.kept.put_position(Position(account="main", symbol="XYZ", qty=qty, cost=qty * 40))
        self._open()
        for listing in listings:
            self.quote(listing.symbol, str(listing.price - CENT), str(listing.price + CENT))

    def _open(self) -> None:
        """The engine over what was kept, as a start of the process finds it."""
        self.ledger, facts = self.kept.ledger(), self.kept.facts
        ids = Ids(seed=7, counter=int(facts.get("ids", 0)))
        self.venue = Venue(
            Floor(self.ledger, self.market, self.clock, self.rules, ids),
            self.kept,
            self._fill_model,
            lambda order: self._fill_delay,
            self._schedule,
            self._costs,
            self._overnight,
            date.fromisoformat(facts[FACT]) if FACT in facts else None,
        )
        if self.behaviour:
            self.venue.behave(self.behaviour)

    def restart(self) -> None:
        """The process ends with what it had scheduled, and another goes on."""
        self.steps.clear()
        self._open()
        self.venue.resume()

    def _schedule(self, delay: float, step: Callable[[], None]) -> None:
        self.delays.append(delay)
        self.steps.append(step)

    def quote(self, symbol: str, bid: str, ask: str) -> None:
        self.tick(Quote(symbol, Decimal(bid), 100, Decimal(ask), 100, self.clock.at))

    def trade(self, symbol: str, price: str, **quoted: str) -> None:
        """A print, with `bid` and `ask` around it in the same tick, else a cent off."""
        at, paid = Decimal(price), self.clock.at
        bid, ask = quoted.get("bid"), quoted.get("ask")
        self.tick(
            Quote(symbol, Decimal(bid or at - CENT), 100, Decimal(ask or at + CENT), 100, paid),
            Trade(symbol, len(self.kept.orders), at, 100, paid, at, at, at),
        )

    def tick(self, *ticks: Quote | Trade) -> None:
        self.venue.turn(self.market.take(list(ticks), self.clock.at))

    def submit(self, side: str, qty: str | None, limit: str | None = None, **more: Any) -> Order:
        terms = {
            "client_order_id": "",
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

    def events(self, order: Order | None = None) -> list[str]:
        return [u.event for u in self.kept.updates if order is None or u.order.id == order.id]

    def statuses(self, *orders: Order) -> list[Status]:
        return [self.order(order).status for order in orders]
