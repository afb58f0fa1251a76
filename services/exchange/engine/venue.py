"""The matching engine: accepts, acknowledges, fills, cancels, replaces and expires orders.

Every method is one synchronous step; what it changes (order, cash, position, activity) is handed
to the store in that same step and so becomes durable together. Time, delays and the fill model
are passed in.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from services.exchange import sessions
from services.exchange.clock import Clock, Stamps
from services.exchange.engine.accounts import Position, Standing, standing
from services.exchange.engine.activities import fill_of
from services.exchange.engine.errors import Cause, RefusedError, invalid, unprocessable
from services.exchange.engine.fill_model import Execution, FillModel
from services.exchange.engine.ledger import Ledger, Records
from services.exchange.engine.order_entry import changed_terms, inferred_intent
from services.exchange.engine.order_types import TIMES_IN_FORCE, expiry
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
from services.exchange.engine.pre_trade import check_order, held_qty, reserve_for
from services.exchange.engine.trade_updates import TradeUpdate
from services.exchange.market.boards import Board, Market
from services.exchange.wire import truncated_qty

Schedule = Callable[[float, Callable[[], None]], object]


class Venue:
    """One market place for all accounts of the book."""

    def __init__(
        self,
        ledger: Ledger,
        market: Market,
        records: Records,
        clock: Clock,
        fill_model: FillModel,
        fill_delay: float,
        schedule: Schedule,
    ) -> None:
        """`fill_delay` in seconds between acceptance and matching, so that a human sees orders
        work; `schedule(seconds, step)` runs a step later."""
        self.ledger, self.market = ledger, market
        self._records, self._clock, self._schedule = records, clock, schedule
        self._fill_model, self._fill_delay = fill_model, fill_delay
        last = max((order.updated_at for order in ledger.orders.values()), default=None)
        self._stamp = Stamps(clock, last)
        self._open = {o.id: o for o in ledger.orders.values() if o.is_open}
        self._by_client = {(o.account, o.client_order_id): o.id for o in ledger.orders.values()}
        self._matching: dict[str, None] = {}  # in order of acceptance

    # -- looking ------------------------------------------------------------------------------

    def order(self, account: str, order_id: str) -> Order:
        found = self.ledger.orders.get(order_id)
        if found is None or found.account != account:
            raise RefusedError(Cause.NO_ORDER, {"id": order_id})
        return found

    def order_by_client_id(self, account: str, client_order_id: str) -> Order:
        order_id = self._by_client.get((account, client_order_id))
        if order_id is None:
            raise RefusedError(Cause.NO_ORDER, {"id": client_order_id})
        return self.ledger.orders[order_id]

    def open_orders(self, account: str) -> list[Order]:
        return [order for order in self._open.values() if order.account == account]

    def positions(self, account: str) -> list[Position]:
        held = self.ledger.positions.values()
        return [p for p in held if p.account == account and p.qty]

    def position(self, account: str, symbol_or_id: str) -> tuple[Position, Board]:
        board = self.market.find(symbol_or_id)
        held = board and self.ledger.positions.get((account, board.listing.symbol))
        if board is None or not held or not held.qty:
            raise RefusedError(Cause.NO_POSITION)
        return held, board

    def available_qty(self, position: Position) -> Decimal:
        return position.qty - held_qty(self.open_orders(position.account), position.symbol)

    def standing(self, account: str, without: Order | None = None) -> Standing:
        held = self.positions(account)
        value = sum((p.qty * self.market.boards[p.symbol].price for p in held), ZERO)
        orders = [o for o in self.open_orders(account) if without is None or o.id != without.id]
        return standing(self.ledger.accounts[account], value, orders)

    # -- asking -------------------------------------------------------------------------------

    def submit(self, account: str, terms: Terms, *, tell_related: bool = True) -> Order:
        """Accept an order or raise its RefusedError; an accepted one is working a step later."""
        board = self._tradable(terms.symbol)
        self._check_client_id(account, terms.client_order_id)
        order = self._opened(account, terms, board, tell_related=tell_related)
        self._record(order, order.status.value)
        self._schedule(0, lambda: self._acknowledge(order.id))
        return order

    def request_cancel(self, account: str, order_id: str) -> None:
        """A cancel is a request: the order is `canceled` a step later. Asking twice is harmless."""
        order = self.order(account, order_id)
        if order.status is Status.PENDING_CANCEL:
            return
        if not order.is_open or order.status is Status.PENDING_REPLACE:
            raise RefusedError(Cause.NOT_CANCELABLE, {"status": order.status.value})
        at = self._stamp()
        self._record(order.moved(Status.PENDING_CANCEL, cancel_requested_at=at, updated_at=at))
        self._schedule(0, lambda: self._confirm_cancel(order_id))

    def cancel_now(self, account: str, order_id: str) -> None:
        """Request and confirmation in one step, for what must follow a cancel at once."""
        self.request_cancel(account, order_id)
        self._confirm_cancel(order_id)

    def replace(self, account: str, order_id: str, changes: Mapping[str, Any]) -> Order:
        """A new order in an old one's place, a step later (alpaca.md §8.9)."""
        old = self.order(account, order_id)
        if old.status is Status.REPLACED:
            raise RefusedError(Cause.REPLACED)
        if not old.is_open:
            raise RefusedError(Cause.NOT_OPEN)
        if old.status not in WORKING:
            raise RefusedError(Cause.NOT_REPLACEABLE, {"status": old.status.value})
        if old.notional is not None:
            raise unprocessable("notional orders cannot be replaced")
        terms = changed_terms(old, changes)
        self._check_client_id(account, terms.client_order_id)
        new = self._opened(account, terms, self._tradable(old.symbol), instead_of=old)
        self._matching.pop(old.id, None)
        self._record(old.moved(Status.PENDING_REPLACE, updated_at=self._stamp()))
        self._record(new)
        self._schedule(0, lambda: self._confirm_replace(old.id, new.id))
        return new

    def close_position(
        self, account: str, symbol_or_id: str, *, qty: Decimal | None, percentage: Decimal | None
    ) -> Order:
        """Sell a holding, or part of it, at the market. Open orders are left alone."""
        position, _ = self.position(account, symbol_or_id)
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
        for order in list(self._open.values()):
            if order.status is Status.PENDING_CANCEL:
                self._confirm_cancel(order.id)
            elif order.status is Status.PENDING_REPLACE:
                new = next(o for o in self.ledger.orders.values() if o.replaces == order.id)
                self._confirm_replace(order.id, new.id)
            elif order.status in WORKING:
                self._match_from_now(order.id)
        for order in list(self._open.values()):
            self._acknowledge(order.id)

    def turn(self, quoted: Iterable[str]) -> None:
        """One tick: expire what is over, release what waited for the open, match the rest."""
        now = self._clock.now()
        for order in list(self._open.values()):
            if order.expires_at <= now and order.status in WORKING | UNACKNOWLEDGED:
                self._expire(order)
            elif order.status is Status.ACCEPTED:
                self._acknowledge(order.id)
        if self._matching:
            symbols = set(quoted)
            for order_id in list(self._matching):
                if self.ledger.orders[order_id].symbol in symbols:
                    self._match(order_id)

    def _acknowledge(self, order_id: str) -> None:
        order = self.ledger.orders[order_id]
        if order.status not in UNACKNOWLEDGED or not sessions.is_open(self._clock.now()):
            return
        self._record(order.moved(Status.NEW, updated_at=self._stamp()), "new")
        if self._fill_delay:
            self._schedule(self._fill_delay, lambda: self._match_from_now(order_id))
        else:
            self._match_from_now(order_id)

    def _match_from_now(self, order_id: str) -> None:
        if self.ledger.orders[order_id].status in WORKING:
            self._matching[order_id] = None
            self._match(order_id)

    def _match(self, order_id: str) -> None:
        order = self.ledger.orders[order_id]
        quote = self.market.boards[order.symbol].quote
        if quote is None or not sessions.is_open(self._clock.now()):
            return
        execution = self._fill_model.execute(order, quote)
        if execution is not None:
            order = self._fill(order, execution)
        if order.is_open and TIMES_IN_FORCE[order.time_in_force].immediate:
            at = self._stamp()
            self._record(order.moved(Status.CANCELED, canceled_at=at, updated_at=at), "canceled")

    def _fill(self, order: Order, execution: Execution) -> Order:
        """Book an execution: order, cash, holding and activity change in this one step."""
        qty, price = execution
        at = self._stamp()
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
        fill = fill_of(filled, len(self.ledger.fills) + 1, qty, price, at)
        self.ledger.fills.append(fill)
        self._records.put_fill(fill)
        event = "fill" if done else "partial_fill"
        execution_id = fill.id.split("::")[1]
        update = TradeUpdate(event, filled, at, execution_id, price, qty, position.qty)
        self._keep(filled)
        self._records.announce(update)
        return filled

    def _booked(self, order: Order, qty: Decimal, price: Decimal) -> Position:
        account = self.ledger.accounts[order.account]
        key = (order.account, order.symbol)
        held = self.ledger.positions.get(key) or Position(
            account=order.account, symbol=order.symbol, qty=ZERO, cost=ZERO
        )
        if order.side is Side.SELL and qty > held.qty:
            raise ValueError(f"order {order.id} would sell more {order.symbol} than is held")
        paid = qty * price if order.side is Side.BUY else -qty * price
        account = account.model_copy(update={"cash": account.cash - paid})
        position = held.after(order.side, qty, price)
        self.ledger.accounts[order.account] = account
        self.ledger.positions[key] = position
        self._records.put_account(account)
        self._records.put_position(position)
        return position

    def _confirm_cancel(self, order_id: str) -> None:
        order = self.ledger.orders[order_id]
        if order.status is Status.PENDING_CANCEL:
            at = self._stamp()
            self._record(order.moved(Status.CANCELED, canceled_at=at, updated_at=at), "canceled")

    def _confirm_replace(self, old_id: str, new_id: str) -> None:
        old, at = self.ledger.orders[old_id], self._stamp()
        gone = old.moved(Status.REPLACED, replaced_at=at, replaced_by=new_id, updated_at=at)
        self._record(gone, "replaced")
        self._acknowledge(new_id)

    def _expire(self, order: Order) -> None:
        at = self._stamp()
        self._record(order.moved(Status.EXPIRED, expired_at=at, updated_at=at), "expired")

    # -- keeping ------------------------------------------------------------------------------

    def _opened(
        self,
        account: str,
        terms: Terms,
        board: Board,
        *,
        instead_of: Order | None = None,
        tell_related: bool = True,
    ) -> Order:
        """Check the terms against the account and make the order, not yet recorded."""
        reserve = reserve_for(terms, self._far_side(board, terms.side))
        others = [o for o in self.open_orders(account) if not instead_of or o.id != instead_of.id]
        held = self.ledger.positions.get((account, terms.symbol))
        now = self.standing(account, without=instead_of)
        filled = instead_of.filled_qty if instead_of else ZERO
        to_come = reserve._replace(qty=reserve.qty - filled)
        check_order(terms, to_come, held, others, now, tell_related=tell_related)
        at = self._stamp()
        opened = sessions.is_open(at)
        return Order(
            **terms.model_dump(),
            id=new_id(),
            account=account,
            sequence=len(self.ledger.orders) + 1,
            asset_id=board.asset_id,
            intent=inferred_intent(terms.side),
            status=Status.PENDING_NEW if opened else Status.ACCEPTED,
            created_at=at,
            submitted_at=at,
            updated_at=at,
            expires_at=expiry(terms.time_in_force, at),
            reserved_price=reserve.price,
            reserved_qty=reserve.qty,
            filled_qty=filled,
            filled_cost=instead_of.filled_cost if instead_of else ZERO,
            replaces=instead_of.id if instead_of else None,
        )

    def _tradable(self, symbol: str) -> Board:
        board = self.market.boards.get(symbol)
        if board is None:
            raise RefusedError(Cause.UNKNOWN_ASSET, {"symbol": symbol})
        return board

    def _check_client_id(self, account: str, client_order_id: str) -> None:
        if (account, client_order_id) in self._by_client:
            raise RefusedError(Cause.CLIENT_ID_TAKEN)

    def _far_side(self, board: Board, side: Side) -> Decimal:
        quote = board.quote
        if quote is None or not sessions.is_open(self._clock.now()):
            return board.price
        return (quote.ask if side is Side.BUY else quote.bid) or board.price

    def _record(self, order: Order, event: str | None = None) -> None:
        """Keep an order's new state, and tell of it once it is durable."""
        self._keep(order)
        if event:
            self._records.announce(TradeUpdate(event, order, order.updated_at, new_id()))

    def _keep(self, order: Order) -> None:
        self.ledger.orders[order.id] = order
        self._by_client[order.account, order.client_order_id] = order.id
        if order.is_open:
            self._open[order.id] = order
        else:
            self._open.pop(order.id, None)
            self._matching.pop(order.id, None)
        self._records.put_order(order)
