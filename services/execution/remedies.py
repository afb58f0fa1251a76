"""What the trader does about orders that take too long, were refused, or are unknown.

A changed price is never a PATCH: the order is cancelled, the cancel confirmed and proven, and the
rest sent as the next attempt (invariants 13, 14)."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

from db.model.base import plain
from db.model.event import EventDraft
from db.model.order import OrderState, Side
from db.model.plan import Plan, Step
from db.model.run import CancelReason, ChildOrder, PlanRun
from services.execution.book import NotPossibleError, RunBook
from services.execution.offers import (
    MAKES_SENSE,
    Offer,
    absent_orders,
    open_orders,
    refused_steps,
)
from services.execution.sender import Sender
from services.execution.tracker import Tracker
from services.risk.estimate import down, up
from services.risk.facts import Facts

NOT_NOW = {
    Offer.REPRICE: "no limit order of it is open and waits for a decision",
    Offer.RESUBMIT: "no order of it is open and waits for a decision",
    Offer.CANCEL_REST: "nothing of it is open and waits for a decision",
}


class Remedies:
    """`go_on` continues a paused plan."""

    def __init__(
        self,
        book: RunBook,
        sender: Sender,
        tracker: Tracker,
        facts: Callable[[Plan], Awaitable[Facts]],
        go_on: Callable[[str], Awaitable[PlanRun]],
    ) -> None:
        self._book = book
        self._sender = sender
        self._tracker = tracker
        self._facts = facts
        self._go_on = go_on

    # --- what is still open -------------------------------------------------------------------

    async def cancel_rest(self, plan_id: str) -> PlanRun:
        """Cancel what is open, give up what was refused, and go on with what filled."""
        run = self._sensible(plan_id, Offer.CANCEL_REST)
        for n in refused_steps(run):
            await self._give_up_step(run, n, "given up by the trader after its refusal")
        await self._cancel(open_orders(run), CancelReason.REST, "the rest is given up")
        return await self._go_on(plan_id)

    async def resubmit(self, plan_id: str) -> PlanRun:
        """Cancel what is open, and send its verified rest as it was."""
        run = self._sensible(plan_id, Offer.RESUBMIT)
        await self._cancel(open_orders(run), CancelReason.RESUBMIT, "the rest is sent once more")
        return await self._go_on(plan_id)

    async def reprice(self, plan_id: str) -> PlanRun:
        """Cancel the open limit orders, and send their verified rest at today's touch. All or
        none: raises NotPossibleError when a price left what the approval covers."""
        run = self._sensible(plan_id, Offer.REPRICE)
        facts = await self._facts(run.plan)
        run = self._sensible(plan_id, Offer.REPRICE)
        limited = [o for o in open_orders(run) if o.limit_price is not None]
        prices = {o.client_order_id: new_limit(o, run.plan.step(o.step), facts) for o in limited}
        moved = [o for o in limited if prices[o.client_order_id] != o.limit_price]
        if not moved:
            raise NotPossibleError("Every limit is already at the market: nothing to re-price.")
        for order in moved:
            await self._record_price(order, prices[order.client_order_id])
        await self._cancel(moved, CancelReason.REPRICE, "the rest is sent at another limit")
        return await self._go_on(plan_id)

    async def _record_price(self, order: ChildOrder, price: Decimal) -> None:
        await self._book.record(
            EventDraft(
                kind="StepRepriced",
                plan_id=order.plan_id,
                step=order.step,
                symbol=order.symbol,
                payload={"limit_price": plain(price), "was": plain(order.limit_price or price)},
            )
        )

    async def _cancel(
        self, orders: list[ChildOrder] | tuple[ChildOrder, ...], why: CancelReason, words: str
    ) -> None:
        for order in orders:
            await self._sender.cancel(order, why, words)
        self._tracker.kick()

    def _sensible(self, plan_id: str, offer: Offer) -> PlanRun:
        run = self._book.run(plan_id)
        if not MAKES_SENSE[offer](run):
            raise NotPossibleError(f"Plan {plan_id} is {run.state.value}: {NOT_NOW[offer]}.")
        return run

    async def _give_up_step(self, run: PlanRun, n: int, reason: str) -> None:
        step = run.plan.step(n)
        await self._book.record(
            EventDraft(
                kind="StepGivenUp",
                plan_id=run.plan.plan_id,
                step=n,
                symbol=step.symbol,
                payload={"reason": reason},
            )
        )

    # --- what is unknown ----------------------------------------------------------------------

    async def look_up(self, client_order_id: str) -> ChildOrder:
        """Ask the broker now. Raises BrokerUnavailableError: then nothing was learnt."""
        order = self._unknown(client_order_id)
        await self._tracker.look_up(order)
        return self._book.order(client_order_id) or order

    async def resend(self, client_order_id: str) -> PlanRun:
        """Send it under the same id: the broker said twice that it has none, and says it again
        now (invariant 3). A broker that has it after all would refuse the id as a duplicate."""
        order = await self._absent(client_order_id)
        await self._sender.mark_not_found(order)
        return await self._go_on(order.plan_id)

    async def give_up(self, client_order_id: str) -> PlanRun:
        """It never came to be, and its step is not sent. The plan waits to be continued."""
        order = await self._absent(client_order_id)
        run = self._book.run(order.plan_id)
        await self._give_up_step(run, order.step, "given up: the broker never had its order")
        await self._sender.mark_not_found(order)
        await self._sender.deny(order, "given up by the trader: it never reached the broker")
        return self._book.run(order.plan_id)

    def _unknown(self, client_order_id: str) -> ChildOrder:
        order = self._book.order(client_order_id)
        if order is None:
            raise NotPossibleError(f"There is no order {client_order_id} of ours.")
        if order.state is not OrderState.UNKNOWN:
            raise NotPossibleError(f"Order {client_order_id} is {order.state.value}, not unknown.")
        return order

    async def _absent(self, client_order_id: str) -> ChildOrder:
        """An order that the trader may decide on, not found once more just now."""
        order = self._unknown(client_order_id)
        run = self._book.run(order.plan_id)
        if order not in absent_orders(run) or not MAKES_SENSE[Offer.RESEND](run):
            raise NotPossibleError(
                f"Order {client_order_id}: only once the broker said twice, two seconds apart, "
                "that it has none, and the plan is paused."
            )
        await self._tracker.look_up(order)
        current = self._book.order(client_order_id)
        if current is None or current.state is not OrderState.UNKNOWN:
            state = "gone" if current is None else current.state.value
            raise NotPossibleError(f"The broker has {client_order_id} after all: it is {state}.")
        return current


def new_limit(order: ChildOrder, step: Step, facts: Facts) -> Decimal:
    """The touch that the order would trade at, on the tick; its own limit where that is there
    already. Raises NotPossibleError outside the tolerance of the approval, or without a quote."""
    quote = facts.quotes.get(order.symbol)
    touch = None if quote is None else (quote.ask if order.side is Side.BUY else quote.bid)
    limit, approved = order.limit_price, step.limit_price
    if touch is None or limit is None or approved is None or not facts.fresh(order.symbol):
        raise NotPossibleError(f"{order.symbol} has no fresh quote: it can't be re-priced now.")
    price = max(up(touch), limit) if order.side is Side.BUY else min(down(touch), limit)
    drift, tolerance = price / approved - 1, facts.policy.drift_tolerance
    if abs(drift) > tolerance:
        raise NotPossibleError(
            f"{order.symbol} would need a limit of {plain(price)}, {drift:+.2%} from the approved "
            f"{plain(approved)}: the approval covers {tolerance:.2%}. Propose it again."
        )
    return price
