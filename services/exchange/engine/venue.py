"""The matching engine: accepts, acknowledges, fills, cancels, replaces and expires orders.

Every method is one synchronous step; what it changes (order, cash, position, activity) is handed
to the store in that same step and so becomes durable together. Time, delays and the fill model
are passed in.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from services.exchange import sessions
from services.exchange.engine.acceptance import accepted
from services.exchange.engine.accounts import Position
from services.exchange.engine.activities import fill_of
from services.exchange.engine.errors import Cause, RefusedError, invalid, unprocessable
from services.exchange.engine.fill_model import Execution, FillModel
from services.exchange.engine.floor import Floor
from services.exchange.engine.ledger import Records
from services.exchange.engine.order_entry import changed_terms
from services.exchange.engine.order_types import TIMES_IN_FORCE
from services.exchange.engine.orders import (
    UNACKNOWLEDGED,
    WORKING,
    ZERO,
    Order,
    Side,
    Status,
    Terms,
    new_id,
)
from services.exchange.engine.trade_updates import TradeUpdate
from services.exchange.wire import truncated_qty

Schedule = Callable[[float, Callable[[], None]], object]


class Venue:
    """One market place for all accounts of the book."""

    def __init__(
        self,
        floor: Floor,
        records: Records,
        fill_model: FillModel,
        fill_delay: float,
        schedule: Schedule,
    ) -> None:
        """`fill_delay` in seconds between acceptance and matching, so that a human sees orders
        work; `schedule(seconds, step)` runs a step later."""
        self.floor = floor
        self._records, self._clock, self._schedule = records, floor.clock, schedule
        self._fill_model, self._fill_delay = fill_model, fill_delay
        self._matching: dict[str, None] = {}  # in order of acceptance

    # -- asking -------------------------------------------------------------------------------

    def submit(self, account: str, terms: Terms, *, tell_related: bool = True) -> Order:
        """Accept an order or raise its RefusedError; an accepted one is working a step later."""
        order, legs = accepted(self.floor, account, terms, tell_related=tell_related)
        self._record(order, order.status.value)
        for leg in legs:
            self._record(leg, leg.status.value)
        self._schedule(0, lambda: self._acknowledge(order.id))
        return order

    def request_cancel(self, account: str, order_id: str) -> None:
        """A cancel is a request: the order is `canceled` a step later. Asking twice is harmless."""
        order = self.floor.order(account, order_id)
        if order.status is Status.PENDING_CANCEL:
            return
        if not order.is_open or order.status is Status.PENDING_REPLACE:
            raise RefusedError(Cause.NOT_CANCELABLE, {"status": order.status.value})
        at = self.floor.stamp()
        self._record(order.moved(Status.PENDING_CANCEL, cancel_requested_at=at, updated_at=at))
        self._schedule(0, lambda: self._confirm_cancel(order_id))

    def cancel_now(self, account: str, order_id: str) -> None:
        """Request and confirmation in one step, for what must follow a cancel at once."""
        self.request_cancel(account, order_id)
        self._confirm_cancel(order_id)

    def replace(self, account: str, order_id: str, changes: Mapping[str, Any]) -> Order:
        """A new order in an old one's place, a step later (alpaca.md §8.9)."""
        old = self.floor.order(account, order_id)
        if old.status is Status.REPLACED:
            raise RefusedError(Cause.REPLACED)
        if not old.is_open:
            raise RefusedError(Cause.NOT_OPEN)
        if old.status not in WORKING:
            raise RefusedError(Cause.NOT_REPLACEABLE, {"status": old.status.value})
        if old.notional is not None:
            raise unprocessable("notional orders cannot be replaced")
        terms = changed_terms(old, changes)
        new = accepted(self.floor, account, terms, instead_of=old).order  # its legs stay
        self._matching.pop(old.id, None)
        self._record(old.moved(Status.PENDING_REPLACE, updated_at=self.floor.stamp()))
        self._record(new)
        self._schedule(0, lambda: self._confirm_replace(old.id, new.id))
        return new

    def close_position(
        self, account: str, symbol_or_id: str, *, qty: Decimal | None, percentage: Decimal | None
    ) -> Order:
        """Sell a holding, or part of it, at the market. Open orders are left alone."""
        position, _ = self.floor.position(account, symbol_or_id)
        if percentage is not None:
            qty = truncated_qty(position.qty * percentage / 100)
        if qty is not None and qty <= 0:
            raise invalid("qty must be > 0")
        terms = Terms(
            client_order_id=new_id(),
            symbol=position.symbol,
            side=Side.SELL,
            type="market",
            time_in_force="day",
            qty=position.qty if qty is None else qty,
        )
        return self.submit(account, terms, tell_related=False)

    # -- time passing -------------------------------------------------------------------------

    def resume(self) -> None:
        """After a restart: finish what was under way, then match what is working."""
        for order in list(self.floor.open.values()):
            if order.status is Status.PENDING_CANCEL:
                self._confirm_cancel(order.id)
            elif order.status is Status.PENDING_REPLACE:
                new = next(o for o in self.floor.ledger.orders.values() if o.replaces == order.id)
                self._confirm_replace(order.id, new.id)
            elif order.status in WORKING:
                self._match_from_now(order.id)
        for order in list(self.floor.open.values()):
            self._acknowledge(order.id)

    def turn(self, quoted: Iterable[str]) -> None:
        """One tick: expire what is over, release what waited for the open, match the rest."""
        now = self._clock.now()
        for order in list(self.floor.open.values()):
            if order.expires_at <= now and order.status in WORKING | UNACKNOWLEDGED:
                self._expire(order)
            elif order.status is Status.ACCEPTED:
                self._acknowledge(order.id)
        if self._matching:
            symbols = set(quoted)
            for order_id in list(self._matching):
                if self.floor.ledger.orders[order_id].symbol in symbols:
                    self._match(order_id)

    def _acknowledge(self, order_id: str) -> None:
        order = self.floor.ledger.orders[order_id]
        if order.status not in UNACKNOWLEDGED or not sessions.is_open(self._clock.now()):
            return
        self._record(order.moved(Status.NEW, updated_at=self.floor.stamp()), "new")
        if self._fill_delay:
            self._schedule(self._fill_delay, lambda: self._match_from_now(order_id))
        else:
            self._match_from_now(order_id)

    def _match_from_now(self, order_id: str) -> None:
        if self.floor.ledger.orders[order_id].status in WORKING:
            self._matching[order_id] = None
            self._match(order_id)

    def _match(self, order_id: str) -> None:
        order = self.floor.ledger.orders[order_id]
        quote = self.floor.market.boards[order.symbol].quote
        if quote is None or not sessions.is_open(self._clock.now()):
            return
        execution = self._fill_model.execute(order, quote)
        if execution is not None:
            order = self._fill(order, execution)
        if order.is_open and TIMES_IN_FORCE[order.time_in_force].immediate:
            at = self.floor.stamp()
            self._record(order.moved(Status.CANCELED, canceled_at=at, updated_at=at), "canceled")

    def _fill(self, order: Order, execution: Execution) -> Order:
        """Book an execution: order, cash, holding and activity change in this one step."""
        qty, price = execution
        at = self.floor.stamp()
        filled = order.model_copy(
            update={
                "filled_qty": order.filled_qty + qty,
                "filled_cost": order.filled_cost + qty * price,
                "updated_at": at,
            }
        )
        done = filled.is_complete_at(price)
        changed = {"filled_at": at} if done else {}
        filled = filled.moved(Status.FILLED if done else Status.PARTIALLY_FILLED, **changed)
        position = self._booked(filled, qty, price)
        fill = fill_of(filled, len(self.floor.ledger.fills) + 1, qty, price, at)
        self.floor.ledger.fills.append(fill)
        self._records.put_fill(fill)
        event = "fill" if done else "partial_fill"
        execution_id = fill.id.split("::")[1]
        update = TradeUpdate(event, filled, at, execution_id, price, qty, position.qty)
        self._keep(filled)
        self._records.announce(update)
        return filled

    def _booked(self, order: Order, qty: Decimal, price: Decimal) -> Position:
        account = self.floor.ledger.accounts[order.account]
        key = (order.account, order.symbol)
        held = self.floor.ledger.positions.get(key) or Position(
            account=order.account, symbol=order.symbol, qty=ZERO, cost=ZERO
        )
        if order.side is Side.SELL and qty > held.qty:
            raise ValueError(f"order {order.id} would sell more {order.symbol} than is held")
        paid = qty * price if order.side is Side.BUY else -qty * price
        account = account.model_copy(update={"cash": account.cash - paid})
        position = held.after(order.side, qty, price)
        self.floor.ledger.accounts[order.account] = account
        self.floor.ledger.positions[key] = position
        self._records.put_account(account)
        self._records.put_position(position)
        return position

    def _confirm_cancel(self, order_id: str) -> None:
        order = self.floor.ledger.orders[order_id]
        if order.status is Status.PENDING_CANCEL:
            at = self.floor.stamp()
            self._record(order.moved(Status.CANCELED, canceled_at=at, updated_at=at), "canceled")

    def _confirm_replace(self, old_id: str, new_id: str) -> None:
        old, at = self.floor.ledger.orders[old_id], self.floor.stamp()
        gone = old.moved(Status.REPLACED, replaced_at=at, replaced_by=new_id, updated_at=at)
        self._record(gone, "replaced")
        self._acknowledge(new_id)

    def _expire(self, order: Order) -> None:
        at = self.floor.stamp()
        self._record(order.moved(Status.EXPIRED, expired_at=at, updated_at=at), "expired")

    # -- keeping ------------------------------------------------------------------------------

    def _record(self, order: Order, event: str | None = None) -> None:
        """Keep an order's new state, and tell of it once it is durable."""
        self._keep(order)
        if event:
            self._records.announce(TradeUpdate(event, order, order.updated_at, new_id()))

    def _keep(self, order: Order) -> None:
        self.floor.keep(order)
        if not order.is_open:
            self._matching.pop(order.id, None)
        self._records.put_order(order)
