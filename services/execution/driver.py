"""Drives one plan: asks what comes next, does it, asks again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from db.clock import Clock
from db.model.event import EventDraft
from db.model.market import Quote
from db.model.plan import Phase, Plan, Step
from db.model.policy import Policy
from db.model.run import ChildOrder, Mode, PlanRun, PlanState
from db.model.trading import TradingState
from services.brokers.port import BrokerUnavailableError
from services.execution.book import NotPossibleError, RunBook
from services.execution.decide import (
    DRIVEN,
    Action,
    Advance,
    Buy,
    Cancel,
    Finish,
    GiveUp,
    Intend,
    OpenBuys,
    Pause,
    ScheduleSlices,
    Send,
    Verify,
    Wait,
    needs_order,
    next_child,
)
from services.execution.drafts import of_order
from services.execution.exits import Exits, Failed, Gone
from services.execution.gate import (
    GateResult,
    gate,
    open_buys,
    reserved_by,
    reserved_elsewhere,
    worst_price,
)
from services.execution.last_check import LastCheck, Withheld
from services.execution.locked import decide_around
from services.execution.recheck import changed, checked_again, refusal
from services.execution.resize import Cut, cut_to_size, rescaled
from services.execution.safety import Safety
from services.execution.sender import Sender
from services.execution.slices import Slices, session_over
from services.execution.slicing import priced
from services.execution.time_limit import WORDS, limits_of
from services.risk.cash import spendable_cash
from services.risk.facts import Facts
from services.risk.freshness import caveats

SETTLE_SECONDS = 10
"""How long the broker's cash may lag behind the last sell before buys are cut to what is there."""
UNREACHABLE_PAUSE_SECONDS = 1.0
WAIT_TO_PASS = timedelta(seconds=0.5)
"""Between two looks whether stream, books and last read let anything leave."""
SENDING = (Send, Intend, OpenBuys, Buy)
"""Actions that lead to a send."""

log = logging.getLogger(__name__)


class PlanDriver:
    """One task per working plan. Buys of all plans pass the gate one at a time."""

    def __init__(
        self,
        book: RunBook,
        sender: Sender,
        safety: Safety,
        clock: Clock,
        facts: Callable[[Plan], Awaitable[Facts]],
        cash_lock: asyncio.Lock,
        exits: Exits,
        last_check: LastCheck,
    ) -> None:
        self._book = book
        self._sender = sender
        self._safety = safety
        self._clock = clock
        self._facts = facts
        self._cash_lock = cash_lock
        self._exits = exits
        self._last_check = last_check
        self._slices = Slices(book, sender, clock, facts)

    async def drive(self, plan_id: str, policy: Policy) -> None:
        """Until the plan has ended, was paused or halted; then it returns."""
        limits = limits_of(policy)
        while True:
            change = asyncio.ensure_future(self._book.changed())
            try:
                run = self._book.run(plan_id)
                if run.state.ended:
                    return
                if run.state in (PlanState.PAUSED, PlanState.HALTED):
                    await self._slices.rest(run)
                    return
                now = self._clock.now()
                action = decide_around(run, now, limits, self._sender.locked_symbols())
                if isinstance(action, Wait):
                    await self._wait(change, action)
                elif isinstance(action, SENDING) and (why := self._safety.awaits()) is not None:
                    await self._wait(change, Wait(why, now + WAIT_TO_PASS))
                elif (why := self._forbidden(plan_id, action)) is not None:
                    await self._interrupt(plan_id, why)
                else:
                    await self._perform(run, action, policy)
            except NotPossibleError as error:
                await self._pause(plan_id, str(error))
            except BrokerUnavailableError as error:
                log.warning("plan %s: %s", plan_id, error)
                await self._clock.sleep(UNREACHABLE_PAUSE_SECONDS)
            finally:
                change.cancel()

    def _forbidden(self, plan_id: str, action: Action) -> str | None:
        """Why an action that leads to a send is not begun now. What is forbidden interrupts the
        plan: it must not use up attempts."""
        match action:
            case Send(orders) | Intend(orders):
                return next((why for o in orders if (why := self._sender.permit(o))), None)
            case Buy(_, order):
                return self._sender.permit(order)
            case OpenBuys(first):
                # By the order, not by its side: a buy that covers a short reduces (invariant 27).
                run = self._book.run(plan_id)
                return self._sender.permit(next_child(run, first, self._clock.now()))
        return None

    async def _interrupt(self, plan_id: str, why: str) -> None:
        halted = self._safety.state is TradingState.HALTED
        state, kind = (
            (PlanState.HALTED, "PlanHalted") if halted else (PlanState.PAUSED, "PlanPaused")
        )
        await self._book.advance_from(DRIVEN, plan_id, state, kind, {"reason": why})

    async def _wait(self, change: "asyncio.Future[bool]", action: Wait) -> None:
        if action.until is None:
            await change
            return
        left = max((action.until - self._clock.now()).total_seconds(), 0.0)
        pause = asyncio.ensure_future(self._clock.sleep(left))
        try:
            either: set[asyncio.Future[Any]] = {change, pause}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()

    async def _perform(
        self,
        run: PlanRun,
        action: Action,
        policy: Policy,
    ) -> None:
        plan_id = run.plan.plan_id
        match action:
            case Send(orders):
                await self._send_intents(run, orders)
            case Intend(orders):
                orders = await self._slices.priced(run, orders)
                orders, withheld = self._last_check.sort(run, orders)
                held = tuple(order for order in orders if self._exits.needed(order))
                free = tuple(order for order in orders if order not in held)
                placed = (self._sender.place(free),) if free else ()
                await asyncio.gather(*placed, *(self._exit(run, order) for order in held))
                await self._withhold(plan_id, withheld)
            case ScheduleSlices(steps):
                await self._slices.schedule(run, steps)
            case OpenBuys(first):
                await self._open_buys(run, first)
            case Buy(step, order):
                await self._buy(run, step, order, policy)
            case Verify(orders):
                await self._verify(plan_id, orders)
            case Cancel(orders, why):
                words = WORDS.get(why, "")
                await asyncio.gather(*(self._sender.cancel(o, why, words) for o in orders))
            case GiveUp(step, reason, pause):
                await self._give_up(run, step, reason)
                if pause:
                    await self._pause(plan_id, f"{reason}. Continue without it, or abort.")
            case Pause(reason):
                await self._pause(plan_id, reason)
            case Advance(to):
                payload = {"from": run.state.value, "to": to.value}
                await self._book.advance_from({run.state}, plan_id, to, "PlanAdvanced", payload)
                if to is PlanState.PROTECTING:
                    await self._protect(self._book.run(plan_id))
            case Finish(state, reason):
                payload = {"state": state.value, "reason": reason}
                await self._book.advance_from({run.state}, plan_id, state, "PlanEnded", payload)

    async def _send_intents(self, run: PlanRun, orders: tuple[ChildOrder, ...]) -> None:
        """Intents left by a stop or an unanswered send. A buy passes the gate again."""
        buys = tuple(o for o in orders if run.plan.step(o.step).phase is Phase.BUY)
        sells, withheld = self._last_check.sort(run, (o for o in orders if o not in buys))
        held = tuple(order for order in sells if self._exits.needed(order))
        await asyncio.gather(
            self._sender.send(tuple(order for order in sells if order not in held)),
            *(self._exit(run, order) for order in held),
        )
        for order in buys:
            async with self._cash_lock:
                step = run.plan.step(order.step)
                facts = await self._facts_with_cash(run.plan)
                result = self._gate(facts, _at_limit(step, order), order.qty)
                ready, more = self._last_check.sort(run, (order,), facts)
                withheld += more
                if result.qty < order.qty:
                    # It never left: the next attempt is cut to what is there, or asked about.
                    await self._sender.deny(order, "the cash for it is not there any more")
                else:
                    await self._sender.send(ready)
        await self._withhold(run.plan.plan_id, withheld)

    async def _withhold(self, plan_id: str, withheld: tuple[Withheld, ...]) -> None:
        """What the last check forbids is denied on record, and the trader is asked."""
        for one in withheld:
            if self._book.order(one.order.client_order_id) is not None:
                await self._sender.deny(one.order, one.reason)
                continue
            await self._book.record(of_order(one.order, "OrderWithheld", one.to_payload()))
        if withheld:
            reasons = "; ".join(dict.fromkeys(one.reason for one in withheld))
            await self._pause(plan_id, f"{reasons}. Continue to try again, or abort.")

    async def _exit(self, run: PlanRun, order: ChildOrder) -> None:
        """A sale of shares that protection holds."""
        plan_id = run.plan.plan_id

        def allowed() -> bool:
            return self._book.run(plan_id).state is run.state

        outcome = await self._exits.sell(order, allowed)
        if isinstance(outcome, Gone):
            await self._give_up(run, run.plan.step(order.step), outcome.reason)
        elif isinstance(outcome, Failed) and allowed():
            await self._pause(plan_id, f"{outcome.reason}. Continue to try again, or abort.")

    async def _verify(self, plan_id: str, orders: tuple[ChildOrder, ...]) -> None:
        answers = await asyncio.gather(*(self._sender.verify(order) for order in orders))
        if against := next((why for why in answers if why is not None), None):
            await self._pause(plan_id, f"the rest can't be sent: {against}. Compare the books.")

    async def _open_buys(self, run: PlanRun, first: Step) -> None:
        """The buy phase opens on fresh figures: every remaining step is checked again, and the
        broker's cash is given a moment to show the last sell. What it does not pay for is cut by
        priority, and approved again where the trader confirms phases or steps (invariant 17)."""
        facts = await self._facts_with_cash(run.plan)
        cuts = self._cuts(run, facts, first)
        opened = run.phase_opened_at or self._clock.now()
        lag = (self._clock.now() - opened).total_seconds()
        if cuts and lag < SETTLE_SECONDS:
            await self._clock.sleep(UNREACHABLE_PAUSE_SECONDS)
            return
        if cuts and run.mode is not Mode.AUTO:
            await self._show_changed(run, cuts, facts)
            return
        smaller = run.model_copy(
            update={
                "plan": cut_to_size(run, cuts),
                "given_up": run.given_up | {c.step.n: "cash" for c in cuts if not c.possible},
            }
        )
        findings = checked_again(smaller, facts)
        if (why := refusal(smaller, facts, Phase.BUY, findings)) is not None:
            if changed(findings) and lag < SETTLE_SECONDS:
                await self._clock.sleep(UNREACHABLE_PAUSE_SECONDS)
                return
            await self._void_and_pause(run.plan.plan_id, why)
            return
        if cuts:  # in auto mode each buy only shrinks, as its turn at the gate comes
            await self._book.record(_rescaled_draft(run, cuts))
        payload: dict[str, object] = {
            "from": run.state.value,
            "to": PlanState.BUYING.value,
            "caveats": list(caveats(findings)),
        }
        await self._book.advance_from(
            {run.state}, run.plan.plan_id, PlanState.BUYING, "PlanAdvanced", payload
        )

    async def _facts_with_cash(self, plan: Plan) -> Facts:
        """Looked at again while one of our buys fills or ends during the look: whether the broker's
        cash has paid for it nobody knows, and it is spoken for no more."""
        while True:
            before = self._open_buys_left()
            facts = await self._facts(plan)
            after = self._open_buys_left()
            if all(after.get(name, 0) >= left for name, left in before.items()):
                return facts

    def _open_buys_left(self) -> dict[str, Decimal]:
        return {o.client_order_id: o.remaining_qty for _, o in open_buys(self._book.runs.values())}

    def _gate(self, facts: Facts, step: Step, wanted: Decimal) -> GateResult:
        policy = facts.policy
        account = facts.portfolio.account(step.account)
        quote: Quote | None = facts.quotes.get(step.symbol)
        result = gate(
            step,
            wanted,
            worst_price(step, quote, policy),
            spendable_cash(account, policy),
            self._reserved(facts, step.account),
        )
        return replace(result, qty=wanted) if _reduces(facts, step, wanted) else result

    def _reserved(self, facts: Facts, account: str) -> Decimal:
        """Cash that is spoken for: by open buys of ours, and by those that are not."""
        strange = (order for order in facts.portfolio.orders if not self._book.knows(order))
        return reserved_by(self._book.runs.values(), account, facts.policy) + reserved_elsewhere(
            strange, account, facts.quotes, facts.policy
        )

    async def _buy(self, run: PlanRun, step: Step, order: ChildOrder, policy: Policy) -> None:
        async with self._cash_lock:
            facts = await self._facts_with_cash(run.plan)
            if step.n in run.slices:
                if (why := session_over(facts)) is not None:
                    await self._give_up(run, step, why)
                    return
                order = priced(order, step, facts)
            result = self._gate(facts, _at_limit(step, order), order.qty)
            await self._book.record(
                EventDraft(
                    kind="GateChecked",
                    plan_id=run.plan.plan_id,
                    step=step.n,
                    account=step.account,
                    symbol=step.symbol,
                    payload=dict(result.to_payload()),
                )
            )
            if self._book.run(run.plan.plan_id).state is not PlanState.BUYING:
                return  # paused or halted while we looked
            if result.qty < order.qty and run.mode is not Mode.AUTO:
                await self._show_changed(run, self._cuts(run, facts, step), facts)
                return
            worth = result.qty * result.worst_price
            if result.qty < order.qty and (not worth or worth < _least(run, facts, step)):
                await self._give_up(run, step, _short_of_cash(result))
                return
            order = order.model_copy(update={"qty": result.qty})
            ready, withheld = self._last_check.sort(run, (order,), facts)
            if ready:
                await self._sender.place(ready)
            await self._withhold(run.plan.plan_id, withheld)

    def _cuts(self, run: PlanRun, facts: Facts, first: Step) -> tuple[Cut, ...]:
        """What the broker's cash does not pay for: the next buy at its worst price, the others as
        they are expected."""
        policy = facts.policy
        spendable = {
            account.name: spendable_cash(account, policy) - self._reserved(facts, account.name)
            for account in facts.portfolio.accounts
        }

        def price_of(step: Step) -> Decimal:
            if step.n == first.n:
                moved = step.model_copy(update={"limit_price": run.limit_price(step)})
                return worst_price(moved, facts.quotes.get(step.symbol), policy)
            return run.limit_price(step) or step.expected_price

        cuts = rescaled(run, spendable, price_of, lambda step: _least(run, facts, step))
        return tuple(c for c in cuts if not _reduces(facts, c.step, c.step.qty))

    async def _show_changed(self, run: PlanRun, cuts: tuple[Cut, ...], facts: Facts) -> None:
        """Step and phase modes: the changed plan is shown, and approved again or not at all."""
        plan_id, plan = run.plan.plan_id, cut_to_size(run, cuts)
        cash = sum((account.cash for account in facts.portfolio.accounts), Decimal(0))
        words = f"cash is short (${cash:,.2f}): {', '.join(cut.words for cut in cuts)}"
        drafts = [_rescaled_draft(run, cuts)]
        drafts += [
            _given_up_draft(run, cut.step, f"no cash for it: ${cash:,.2f} at the broker")
            for cut in cuts
            if not cut.possible
        ]
        if plan != run.plan:
            payload = {"plan": plan.to_json(), "reason": words}
            drafts.append(EventDraft(kind="PlanEdited", plan_id=plan_id, payload=payload))
        await self._book.record(*drafts)
        changed = self._book.run(plan_id)
        if any(needs_order(changed, step) for step in changed.plan.phase_steps(Phase.BUY)):
            why = f"{words}. Look at the changed plan and approve it."
            await self._void_and_pause(plan_id, why)
        else:
            await self._pause(plan_id, f"{words}. Nothing more is bought: continue ends the plan.")

    async def _give_up(self, run: PlanRun, step: Step, reason: str) -> None:
        await self._book.record(_given_up_draft(run, step, reason))

    async def _void_and_pause(self, plan_id: str, why: str) -> None:
        await self._book.record(
            EventDraft(kind="ApprovalVoided", plan_id=plan_id, payload={"reason": why})
        )
        await self._pause(plan_id, why)

    async def _pause(self, plan_id: str, reason: str) -> None:
        await self._book.advance_from(
            DRIVEN, plan_id, PlanState.PAUSED, "PlanPaused", {"reason": reason}
        )

    async def _protect(self, run: PlanRun) -> None:
        """Every bought position that the desk watches gets the stop and target of its step, moved to
        the fill price. What the broker protects is the `Protector`'s."""
        drafts = tuple(
            _protection(run, step)
            for step in run.plan.phase_steps(Phase.BUY)
            if run.filled_qty(step.n)
            and (step.stop_loss_price or step.target_price)
            and step.protection == "desk"
        )
        if drafts:
            await self._book.record(*drafts)


def _reduces(facts: Facts, step: Step, qty: Decimal) -> bool:
    """Getting out is never refused for want of cash (invariant 20)."""
    return facts.reduces(step.account, step.symbol, step.side, qty)


def _given_up_draft(run: PlanRun, step: Step, reason: str) -> EventDraft:
    return EventDraft(
        kind="StepGivenUp",
        plan_id=run.plan.plan_id,
        step=step.n,
        symbol=step.symbol,
        payload={"reason": reason},
    )


def _rescaled_draft(run: PlanRun, cuts: tuple[Cut, ...]) -> EventDraft:
    return EventDraft(
        kind="BuysRescaled",
        plan_id=run.plan.plan_id,
        payload={
            "reason": "cash is short: " + ", ".join(cut.words for cut in cuts),
            "cuts": [cut.to_payload() for cut in cuts],
        },
    )


def _at_limit(step: Step, order: ChildOrder) -> Step:
    """The step at the limit that this order of it has."""
    return step.model_copy(update={"limit_price": order.limit_price})


def _least(run: PlanRun, facts: Facts, step: Step) -> Decimal:
    """The least that a cut buy must be worth: the policy's trade and, where nothing is held of it
    yet, its position."""
    policy = facts.policy
    least = policy.min_trade_value or Decimal(0)
    if run.filled_qty(step.n) or facts.held(step.account, step.symbol):
        return least
    return max(least, policy.min_position_value or Decimal(0))


def _short_of_cash(result: GateResult) -> str:
    left = max(result.spendable - result.reserved, Decimal(0))
    return f"only ${left:,.2f} may be spent, one share costs ${result.worst_price:,.2f}"


def _protection(run: PlanRun, step: Step) -> EventDraft:
    prices = step.protection_at(run.filled_avg_price(step.n) or step.expected_price)
    stop, target = (None if price is None else format(price, "f") for price in prices)
    return EventDraft(
        kind="ProtectionSet",
        plan_id=run.plan.plan_id,
        step=step.n,
        account=step.account,
        symbol=step.symbol,
        payload={
            "stop_price": stop,
            "target_price": target,
            "qty": format(run.filled_qty(step.n), "f"),
        },
    )
