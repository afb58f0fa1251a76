"""The market place as everybody uses it: asking for orders, and letting time pass.

Every method is one synchronous step; what it changes (orders, cash, holdings, activities) is
handed to the store in that same step and so becomes durable together. Time, delays, the fill
model and what things cost are passed in.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from services.exchange.engine.acceptance import accepted
from services.exchange.engine.accounts import Account
from services.exchange.engine.activities import JOURNAL
from services.exchange.engine.behaviour import Behaviour
from services.exchange.engine.booking import Booking, Costs, no_costs
from services.exchange.engine.corporate import Corporate
from services.exchange.engine.day import Day
from services.exchange.engine.day_end import DayEnd, Overnight, nothing_owed
from services.exchange.engine.errors import Cause, RefusedError, invalid
from services.exchange.engine.exercise import Exercise
from services.exchange.engine.fill_model import FillModel
from services.exchange.engine.floor import Floor
from services.exchange.engine.ledger import Records
from services.exchange.engine.matching import Matching
from services.exchange.engine.orders import WORKING, Order, Side, Status, Terms
from services.exchange.engine.replacement import changed_terms
from services.exchange.engine.routing import FillDelay, Routing, Schedule
from services.exchange.market.boards import Update
from services.exchange.wire import truncated_qty

REPLACEABLE = WORKING | {Status.HELD}


class Venue:
    """One market place for all accounts of the book."""

    def __init__(
        self,
        floor: Floor,
        records: Records,
        fill_model: FillModel,
        fill_delay: FillDelay,
        schedule: Schedule,
        costs: Costs = no_costs,
        overnight: Overnight = nothing_owed,
        day_ended: date | None = None,
    ) -> None:
        """`fill_delay` gives seconds between acknowledgement and matching, so that a human sees
        orders work; `schedule(seconds, step)` runs a step later. `costs` are those of a fill,
        `overnight` those of a night; `day_ended` is the last day that was ended."""
        self.floor = floor
        self._booking = Booking(floor, records, costs)
        self._matching = Matching(floor, self._booking, fill_model)
        self._routing = Routing(floor, self._booking, self._matching, fill_delay, schedule)
        self._exercise = Exercise(floor, self._booking)
        self._corporate = Corporate(floor, self._booking)
        self._day = Day(floor, self._booking, self._matching, self._routing.route)
        self._day_end = DayEnd(floor, self._booking, self._exercise, day_ended, overnight)

    def behave(self, behaviour: Behaviour) -> None:
        """From now on the back office answers so."""
        self._matching.behaviour = self._routing.behaviour = behaviour

    # -- asking -------------------------------------------------------------------------------

    def submit(self, account: str, terms: Terms, *, tell_related: bool = True) -> Order:
        """Accept an order or raise its RefusedError; an accepted one is working a step later."""
        order, legs = accepted(self.floor, account, terms, tell_related=tell_related)
        for one in (order, *legs):
            self._booking.record(one, one.status.value)
        self._routing.route(order)
        return order

    def request_cancel(self, account: str, order_id: str) -> None:
        """A cancel is a request: the order is `canceled` a step later. Asking twice is harmless."""
        order = self.floor.order(account, order_id)
        again = order.status is Status.CANCELED and self.floor.rules.repeated_cancel == 204
        if order.status is Status.PENDING_CANCEL or again:
            return
        if not order.is_open or order.status is Status.PENDING_REPLACE:
            raise RefusedError(Cause.NOT_CANCELABLE, {"status": order.status.value})
        self._routing.cancel(order)

    def cancel_now(self, account: str, order_id: str) -> None:
        """Request and confirmation in one step, for what must follow a cancel at once."""
        self.request_cancel(account, order_id)
        self._routing.confirm_cancel(order_id)

    def replace(self, account: str, order_id: str, changes: Mapping[str, Any]) -> Order:
        """A new order in an old one's place, a step later (alpaca.md §8.9)."""
        old = self.floor.order(account, order_id)
        if old.status is Status.REPLACED:
            raise RefusedError(Cause.REPLACED)
        if not old.is_open:
            raise RefusedError(Cause.NOT_OPEN)
        previous = self.floor.ledger.orders.get(old.replaces or "")
        if previous is not None and previous.status is Status.PENDING_REPLACE:
            raise RefusedError(Cause.CHAIN_UNSETTLED)
        if old.status not in REPLACEABLE:
            raise RefusedError(Cause.NOT_REPLACEABLE, {"status": old.status.value})
        terms = changed_terms(old, changes, self.floor.rules)
        return self._routing.replace(
            old, accepted(self.floor, account, terms, instead_of=old).order
        )

    def close_position(
        self, account: str, symbol_or_id: str, *, qty: Decimal | None, percentage: Decimal | None
    ) -> Order:
        """Close a holding, or part of it, at the market. Open orders are left alone."""
        position, _ = self.floor.position(account, symbol_or_id)
        held = abs(position.qty)
        if percentage is not None:
            qty = truncated_qty(held * percentage / 100)
        if qty is not None and qty <= 0:
            raise invalid("qty must be > 0")
        terms = Terms(
            client_order_id="",
            symbol=position.symbol,
            side=position.closing_side,
            type="market",
            time_in_force="day",
            qty=held if qty is None else qty,
        )
        return self.submit(account, terms, tell_related=False)

    def exercise(self, account: str, symbol: str) -> None:
        """Turn a long holding of contracts into shares. Raises RefusedError."""
        self._exercise.exercise(account, symbol)

    def do_not_exercise(self, account: str, symbol: str) -> None:
        """Let a long holding of contracts expire. Raises RefusedError."""
        self._exercise.do_not_exercise(account, symbol)

    # -- what happens to accounts -------------------------------------------------------------

    def split(self, symbol: str, new: int, old: int) -> None:
        """`new` shares for each `old`: of holdings, open orders and the market's price."""
        self._corporate.split(symbol, new, old)
        self.floor.market.split(symbol, new, old)

    def dividend(self, symbol: str, per_share: Decimal) -> None:
        self._corporate.dividend(symbol, per_share)

    def change_account(self, account: str, **changes: Any) -> None:
        """Set fields of an account. A change of cash is booked as an entry of its own."""
        before = self.floor.ledger.accounts[account]
        cash = changes.pop("cash", before.cash)
        changed = Account.model_validate({**dict(before), **changes})
        self._booking.keep_account(changed)
        if cash != before.cash:
            self._booking.receive(account, JOURNAL, cash - before.cash, description="journal")

    def outside_trade(self, account: str, symbol: str, side: Side, qty: Decimal) -> Order:
        """A trade by another client of the account: an order with a name we did not give, filled
        at the touch at once. Raises RefusedError as an order would."""
        terms = Terms(
            client_order_id=f"outside-{self.floor.ids()}",
            symbol=symbol,
            side=side,
            type="market",
            time_in_force="day",
            qty=qty,
        )
        order = accepted(self.floor, account, terms).order
        self._booking.record(order, order.status.value)
        order = self._booking.move(order, Status.NEW, "new")
        board = self.floor.market.find(symbol)
        quote = board.quote if board else None
        touch = (quote.ask if side is Side.BUY else quote.bid) if quote else None
        return self._booking.fill(order, qty, touch or self.floor.price(symbol))

    # -- time passing -------------------------------------------------------------------------

    def resume(self) -> None:
        """After a restart: finish what was under way, then match what is working."""
        self._routing.resume()

    def turn(self, update: Update) -> None:
        """One tick: what is over ends, what waited for its hours is released, stops are reached,
        the rest is matched; then, after a close, the day ends."""
        self._day.turn(update.ticks)
        self._matching.turn([*update.ticks, *update.options])
        self._day_end.turn()
