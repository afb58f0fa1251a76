"""What is written down: orders, executions, cash, holdings, entries. The only writer of a ledger.

Whatever changes is changed in memory, handed to the records and told of in one step. Always, for
every account and exactly: cash + Σ cost of holdings − realised + fees − income stays as it began.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from services.exchange.engine.accounts import Account, Position
from services.exchange.engine.activities import FEE, Activity, Entry, activity_id, fill_of
from services.exchange.engine.floor import Floor
from services.exchange.engine.ledger import Records
from services.exchange.engine.orders import ZERO, Order, Side, Status, units
from services.exchange.engine.trade_updates import TradeUpdate
from services.exchange.sessions import NEW_YORK

PENDING = frozenset({Status.PENDING_CANCEL, Status.PENDING_REPLACE})
# The field of an order that says when it came to its end.
_WHEN = {
    Status.FILLED: "filled_at",
    Status.CANCELED: "canceled_at",
    Status.EXPIRED: "expired_at",
    Status.REJECTED: "failed_at",
    Status.REPLACED: "replaced_at",
}


class Cost(NamedTuple):
    """What an account is charged, in dollars."""

    kind: str
    amount: Decimal


Costs = Callable[[Order, Order], Iterable[Cost]]
Follower = Callable[[Order | None, Order], None]


def no_costs(before: Order, after: Order) -> Iterable[Cost]:
    return ()


class Booking:
    def __init__(self, floor: Floor, records: Records, costs: Costs = no_costs) -> None:
        """`costs` says what a fill costs, from its order before and after it."""
        self._floor, self._records, self._costs = floor, records, costs
        self._ledger = floor.ledger
        self.followers: list[Follower] = []  # told of each new state of an order, in turn

    # -- orders -------------------------------------------------------------------------------

    def record(self, order: Order, event: str | None = None, reason: str | None = None) -> Order:
        """Keep an order's new state, tell of it once it is durable, then let others follow."""
        before = self._ledger.orders.get(order.id)
        self._keep(order)
        if event:
            update = TradeUpdate(event, order, order.updated_at, self._new_id(), reason=reason)
            self._records.announce(update)
        for follow in self.followers:
            follow(before, order)
        return self._ledger.orders[order.id]

    def move(
        self,
        order: Order,
        status: Status,
        event: str | None = None,
        reason: str | None = None,
        **changes: Any,
    ) -> Order:
        """An order in its next status, stamped, kept and told."""
        at = self._floor.stamp()
        if status in _WHEN:
            changes[_WHEN[status]] = at
        return self.record(order.moved(status, updated_at=at, **changes), event, reason)

    def change(
        self, order: Order, event: str | None = None, reason: str | None = None, **changes: Any
    ) -> Order:
        """Another value of an order in the same status."""
        at = self._floor.stamp()
        changed = order.model_copy(update={"updated_at": at, **changes})
        return self.record(changed, event, reason)

    def tell(self, event: str, order: Order, reason: str | None = None) -> None:
        """An event that changes nothing: a request refused because the order has ended."""
        at = self._floor.stamp()
        self._records.announce(TradeUpdate(event, order, at, self._new_id(), reason=reason))

    # -- money --------------------------------------------------------------------------------

    def fill(self, order: Order, qty: Decimal, price: Decimal) -> Order:
        """Book an execution: order, cash, holding, activities and fees change in this step."""
        at, execution_id = self._floor.stamp(), self._new_id()
        filled = self._after_fill(order, qty, price, at)
        position = self._booked(filled, qty, price)
        self._note(fill_of(filled, len(self._ledger.journal) + 1, qty, price, at, execution_id))
        self._keep(filled)
        event = "fill" if filled.status is Status.FILLED else "partial_fill"
        self._records.announce(
            TradeUpdate(event, filled, at, execution_id, price, qty, position.qty)
        )
        for cost in self._costs(order, filled):
            self.charge(order.account, cost.kind, cost.amount, symbol=order.symbol)
        for follow in self.followers:
            follow(order, filled)
        return self._ledger.orders[order.id]

    def fill_group(self, order: Order, price: Decimal) -> Order:
        """The parent of a multi-leg order, whose legs are booked: at the net price of one."""
        at, execution_id = self._floor.stamp(), self._new_id()
        qty = order.reserved_qty - order.filled_qty
        filled = self._after_fill(order, qty, price, at)
        self._keep(filled)
        self._records.announce(TradeUpdate("fill", filled, at, execution_id, price, qty, ZERO))
        for follow in self.followers:
            follow(order, filled)
        return filled

    def charge(
        self, account: str, kind: str, amount: Decimal, *, symbol: str | None = None
    ) -> None:
        """Take a fee (dollars, positive) from an account's cash; `kind` describes it."""
        who = self._ledger.accounts[account]
        self.keep_account(
            who.model_copy(update={"cash": who.cash - amount, "fees": who.fees + amount})
        )
        self._enter(account, FEE, -amount, symbol=symbol, description=kind)

    def receive(self, account: str, kind: str, amount: Decimal, **more: Any) -> None:
        """Cash that comes (negative: goes) without a trade: dividends, interest, deposits."""
        who = self._ledger.accounts[account]
        self.keep_account(
            who.model_copy(update={"cash": who.cash + amount, "income": who.income + amount})
        )
        self._enter(account, kind, amount, **more)

    def exchange_shares(
        self, account: str, symbol: str, side: Side, qty: Decimal, price: Decimal
    ) -> Position:
        """Move shares and cash as a trade at a price would, whoever was behind it."""
        key = (account, symbol)
        held = self._ledger.positions.get(key) or Position(
            account=account, symbol=symbol, qty=ZERO, cost=ZERO
        )
        signed = qty if side is Side.BUY else -qty
        position = held.after(side, qty, price)
        paid = signed * price * units(symbol)
        realised = position.cost - held.cost - paid
        who = self._ledger.accounts[account]
        self.keep_account(
            who.model_copy(update={"cash": who.cash - paid, "realised": who.realised + realised})
        )
        self.keep_position(position)
        return position

    def enter(self, account: str, kind: str, net_amount: Decimal = ZERO, **more: Any) -> None:
        """An entry that only tells: of a split, of what an exercise moved."""
        self._enter(account, kind, net_amount, **more)

    def keep_account(self, account: Account) -> None:
        self._ledger.accounts[account.name] = account
        self._records.put_account(account)

    def keep_position(self, position: Position) -> None:
        self._ledger.positions[position.account, position.symbol] = position
        self._records.put_position(position)

    def put_fact(self, name: str, value: str) -> None:
        self._records.put_fact(name, value)

    # -- how ----------------------------------------------------------------------------------

    def _after_fill(self, order: Order, qty: Decimal, price: Decimal, at: datetime) -> Order:
        """A part filled while a request is under way stays under way."""
        filled = order.model_copy(
            update={
                "filled_qty": order.filled_qty + qty,
                "filled_cost": order.filled_cost + qty * price,
                "updated_at": at,
            }
        )
        if filled.is_complete_at(price):
            return filled.moved(Status.FILLED, filled_at=at, before=None)
        if filled.status in PENDING:
            return filled.model_copy(update={"before": Status.PARTIALLY_FILLED})
        return filled.moved(Status.PARTIALLY_FILLED)

    def _booked(self, order: Order, qty: Decimal, price: Decimal) -> Position:
        held = self._ledger.positions.get((order.account, order.symbol))
        signed = held.qty if held else ZERO
        closable = {"sell_to_close": signed, "buy_to_close": -signed}.get(order.intent)
        if closable is not None and qty > closable:
            raise ValueError(f"order {order.id} would close more {order.symbol} than is held")
        return self.exchange_shares(order.account, order.symbol, order.side, qty, price)

    def _enter(
        self,
        account: str,
        kind: str,
        net_amount: Decimal,
        *,
        day: date | None = None,
        **more: Any,
    ) -> None:
        at = self._floor.stamp()
        entry = Entry(
            sequence=len(self._ledger.journal) + 1,
            id=activity_id(at, self._new_id()),
            account=account,
            kind=kind,
            at=at,
            date=day or at.astimezone(NEW_YORK).date(),
            net_amount=net_amount,
            **more,
        )
        self._note(entry)

    def _note(self, activity: Activity) -> None:
        self._ledger.add(activity)
        self._records.put_activity(activity)

    def _keep(self, order: Order) -> None:
        self._floor.keep(order)
        self._records.put_order(order)
        self._records.put_fact("ids", str(self._floor.ids.counter))

    def _new_id(self) -> str:
        made = self._floor.ids()
        self._records.put_fact("ids", str(self._floor.ids.counter))
        return made
