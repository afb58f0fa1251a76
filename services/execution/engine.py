"""The engine: everything that may be asked of plans, and the tasks that carry them out.

Principle 1: nothing reaches a broker except through here, and nothing enters but approved plans."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from db.clock import Clock
from db.errors import JournalError
from db.model.base import plain
from db.model.event import Event, EventDraft
from db.model.order import OrderState
from db.model.plan import Phase, Plan
from db.model.run import Approval, CancelReason, Mode, PlanRun, PlanState
from db.model.trading import HaltReport
from services.brokers.port import Broker, CancelOutcome, OrderUpdate
from services.execution.approval import ApprovalCard, Approvals
from services.execution.book import NotPossibleError, Recorder, RunBook
from services.execution.decide import is_confirmed, needs_order
from services.execution.driver import PlanDriver
from services.execution.escalations import Escalations
from services.execution.exits import Exits
from services.execution.kill import KillSwitch
from services.execution.last_check import LastCheck
from services.execution.offers import absent_orders
from services.execution.protection_driver import Protector
from services.execution.recheck import checked_again, refusal
from services.execution.remedies import Remedies
from services.execution.safety import Safety
from services.execution.sender import Sender
from services.execution.switch import TradingSwitch
from services.execution.time_limit import by_hand
from services.execution.tracker import Tracker
from services.risk.facts import Facts
from services.risk.freshness import caveats

log = logging.getLogger(__name__)

INTERRUPTED = "interrupted: the desk stopped while this plan was working"


class Engine:
    """One per desk. `facts` fetches fresh ones from the broker under the plan's own policy; it
    raises BrokerUnavailableError when it can't. `at_hand` are those known without asking: it raises
    NotPossibleError when there are none."""

    def __init__(
        self,
        journal: Recorder,
        broker: Broker,
        safety: Safety,
        clock: Clock,
        facts: Callable[[Plan], Awaitable[Facts]],
        at_hand: Callable[[Plan], Facts],
        account: Callable[[], str],
        locked: Callable[[], frozenset[str]],
    ) -> None:
        self.book = RunBook(journal)
        self.safety = safety
        self.sender = Sender(self.book, broker, safety, locked)
        self.tracker = Tracker(self.book, broker, self.sender, clock)
        self.remedies = Remedies(self.book, self.sender, self.tracker, facts, self.continue_)
        self.kill = KillSwitch(self.book, broker, self.sender, safety, clock)
        self.switch = TradingSwitch(self.book, self.kill, safety, clock)
        self._broker = broker
        self._clock = clock
        self._facts = facts
        self._account = account
        self._locked = locked
        self._approvals = Approvals()
        self.protector = Protector(self.book, self.sender, self.tracker, safety, clock)
        journal.on_append(self.protector.apply)
        journal.on_append(self.tracker.apply)
        exits = Exits(self.book, broker, self.sender, self.protector, clock)
        self._driver = PlanDriver(
            self.book,
            self.sender,
            safety,
            clock,
            facts,
            asyncio.Lock(),
            exits,
            LastCheck(self.book, at_hand, clock.now),
        )
        self._drives: dict[str, asyncio.Task[None]] = {}
        self.escalations = Escalations(self.book, clock, facts)
        journal.on_append(self.escalations.apply)

    # --- start, stop, reports from the broker -------------------------------------------------

    async def recover(self, events: Iterable[Event]) -> None:
        """Fold the journal. Whatever was under way is asked for, and its plan waits for the
        trader: nothing is sent before the trader says continue (spec 5, Crash and restart)."""
        events = tuple(events)
        self.book.load(events)
        self.protector.apply(events)
        self.escalations.apply(events)
        await self.doubt_answers("the desk stopped before the answer")
        for run in self.book.working_runs():
            if run.state is not PlanState.PAUSED and run.state is not PlanState.HALTED:
                await self.book.record(
                    EventDraft(
                        kind="PlanPaused",
                        plan_id=run.plan.plan_id,
                        payload={"reason": INTERRUPTED},
                    )
                )

    async def doubt_answers(self, reason: str) -> None:
        """Whatever may have left, and of which no answer is on record: the broker is asked, also when
        its plan has ended meanwhile."""
        asked = (OrderState.INTENT, OrderState.SENT)
        orders = [order for run in self.book.runs.values() for order in run.all_orders]
        for order in [order for order in orders if order.state in asked]:
            known = self.book.order(order.client_order_id) or order
            if known.state in asked:  # it may have been heard of meanwhile
                await self.sender.mark_unknown(order, reason)

    async def on_update(self, update: OrderUpdate) -> bool:
        """A message of the order stream. False when the order isn't ours."""
        return await self.sender.absorb(update.order, update.fill)

    async def close(self) -> None:
        """Stop driving. What works at the broker goes on working; the next start resumes."""
        for task in self._drives.values():
            task.cancel()
        await asyncio.gather(*self._drives.values(), return_exceptions=True)

    # --- plans before they run ----------------------------------------------------------------

    async def add(self, plan: Plan) -> PlanRun:
        await self.book.record(
            EventDraft(kind="PlanCreated", plan_id=plan.plan_id, payload={"plan": plan.to_json()})
        )
        return self.book.run(plan.plan_id)

    def editable(self, plan_id: str) -> PlanRun:
        """A run whose plan may be edited. Raises NotPossibleError once it has started."""
        run = self.book.run(plan_id)
        if run.state not in (PlanState.CHECKED, PlanState.ESCALATED, PlanState.APPROVED):
            raise NotPossibleError(
                f"Plan {plan_id} is {run.state.value}: only a plan that has not started "
                "can be edited."
            )
        return run

    async def edit(self, plan: Plan, reason: str, *, undo: bool = False) -> PlanRun:
        """The next revision, before approval or after: an approval of the old one is void. `undo`: it
        takes the last edit back. Raises NotPossibleError."""
        plan_id = plan.plan_id
        # Neither another edit nor an approval comes between the look and the record.
        async with self.book.lock(plan_id):
            run = self.editable(plan_id)
            if plan.revision != run.plan.revision + 1:
                raise NotPossibleError(
                    f"Plan {plan_id} is revision {run.plan.revision} by now: look at it again."
                )
            if run.approval is not None:
                await self._void(plan_id, f"edited: {reason}")
            payload: dict[str, object] = {"plan": plan.to_json(), "reason": reason}
            if undo:
                payload["undo"] = True
            await self.book.record(EventDraft(kind="PlanEdited", plan_id=plan_id, payload=payload))
        return self.book.run(plan_id)

    async def reject(self, plan_id: str, reason: str) -> PlanRun:
        run = self.book.run(plan_id)
        if run.state.working:
            raise NotPossibleError(f"Plan {plan_id} is under way: abort it instead.")
        payload = {"reason": reason}
        await self.book.advance(plan_id, PlanState.ABORTED, "PlanRejected", payload)
        return self.book.run(plan_id)

    async def card(self, plan_id: str) -> ApprovalCard:
        run = self.book.run(plan_id)
        if not _approvable(run):
            raise NotPossibleError(f"Plan {plan_id} is {run.state.value}: nothing to approve.")
        facts = await self._facts(run.plan)
        return self._approvals.issue(
            run, facts, self.safety.state, self._account(), self._clock.now()
        )

    async def approve(
        self,
        plan_id: str,
        token: str,
        plan_hash: str,
        mode: Mode,
        approver: str,
        acknowledged: str = "",
    ) -> PlanRun:
        """The trader typed the token, and why he goes on with a stale portfolio where the card asks
        that. Checked again on fresh facts. Raises NotPossibleError."""
        run = self.book.run(plan_id)
        if not _approvable(run):
            raise NotPossibleError(f"Plan {plan_id} is {run.state.value}: nothing to approve.")
        if mode is Mode.AUTO and by_hand(run):
            raise NotPossibleError(
                "By hand there is no auto mode: each order is yours to place. Choose step or phase."
            )
        facts = await self._facts(run.plan)
        async with self.book.lock(plan_id):
            run = self.book.run(plan_id)
            if not _approvable(run):
                raise NotPossibleError(f"Plan {plan_id} is {run.state.value} meanwhile.")
            now = self._clock.now()
            card = self._approvals.redeem(run, token, plan_hash, facts, now, acknowledged)
            approval = Approval(
                plan_hash=run.plan.hash,
                approver=approver,
                mode=mode,
                approved_at=now,
                expires_at=now + timedelta(minutes=facts.policy.approval_minutes),
                session_ends_at=None if facts.clock is None else facts.clock.next_close,
                caveats=card.caveats,
                acknowledged=acknowledged.strip() if card.acknowledge is not None else "",
            )
            payload: dict[str, object] = {"approval": approval.to_json()}
            await self.book.record(
                EventDraft(kind="PlanApproved", plan_id=plan_id, payload=payload)
            )
        return self.book.run(plan_id)

    # --- plans that run -----------------------------------------------------------------------

    async def void_expired(self, market_now: datetime) -> None:
        """Requests for exceptions over their deadline. Plans that were approved and have not started:
        over at the session's end, and to be approved anew once the approval's time is over (spec 5,
        Plan states)."""
        await self.escalations.expire()
        now = self._clock.now()
        for run in self.book.runs.values():
            if run.state is not PlanState.APPROVED or run.approval is None:
                continue
            if _session_over(run.approval, market_now):
                await self._expire(run.plan.plan_id)
            elif not _in_force(run.approval, now):
                await self._void(run.plan.plan_id, "the approval expired before the plan started")

    async def _expire(self, plan_id: str) -> None:
        reason = "approved and not started by the session's end"
        payload = {"state": PlanState.EXPIRED.value, "reason": reason}
        await self.book.advance(plan_id, PlanState.EXPIRED, "PlanEnded", payload)

    async def start(self, plan_id: str) -> PlanRun:
        """Run an approved plan. Raises NotPossibleError; a void approval is journalled."""
        run = self.book.run(plan_id)
        approval = run.approval
        if run.state is not PlanState.APPROVED or approval is None:
            raise NotPossibleError(f"Plan {plan_id} is {run.state.value}: approve it first.")
        self._require_sending()
        self._require_unlocked(run)
        if not _in_force(approval, self._clock.now()):
            await self._void(plan_id, "the approval expired before the plan started")
            raise NotPossibleError("The approval has expired. Approve the plan again.")
        if approval.plan_hash != run.plan.hash:
            await self._void(plan_id, "the plan changed since it was approved")
            raise NotPossibleError("The plan changed since it was approved. Approve it again.")
        facts = await self._facts(run.plan)
        if _session_over(approval, facts.now):
            await self._expire(plan_id)
            raise NotPossibleError(
                "The session that it was approved for is over. Propose it again."
            )
        first = Phase.SELL if run.plan.phase_steps(Phase.SELL) else Phase.BUY
        findings = checked_again(run, facts)
        if (why := refusal(run, facts, first, findings)) is not None:
            await self._void(plan_id, why)
            raise NotPossibleError(f"Not started, {why}. Propose or approve it again.")
        run = self.book.run(plan_id)
        if run.state is not PlanState.APPROVED or run.approval != approval:
            raise NotPossibleError(f"Plan {plan_id} is {run.state.value} meanwhile.")
        # One approval, one execution: the state moves before anything else can look (invariant 23).
        payload: dict[str, object] = {
            "mode": approval.mode.value,
            "cash": plain(facts.portfolio.cash),
            "caveats": list(caveats(findings)),
        }
        await self.book.advance(plan_id, PlanState.SELLING, "PlanStarted", payload)
        self._drive(plan_id, facts)
        return self.book.run(plan_id)

    async def confirm_next(self, plan_id: str) -> PlanRun:
        """Step mode: the next step may go. Phase mode: the next phase may."""
        run = self.book.run(plan_id)
        if run.state not in (PlanState.SELLING, PlanState.SETTLING, PlanState.BUYING):
            raise NotPossibleError(f"Plan {plan_id} is {run.state.value}: no step waits.")
        self._require_sending()
        step = next(
            (s for s in run.plan.steps if needs_order(run, s) and not is_confirmed(run, s)), None
        )
        if step is None:
            raise NotPossibleError("No step waits for you.")
        if step.phase is Phase.BUY and run.state is PlanState.SELLING:
            raise NotPossibleError("The buys wait until every sell is filled or closed.")
        if run.mode is Mode.PHASE:
            draft = EventDraft(
                kind="PhaseConfirmed", plan_id=plan_id, payload={"phase": step.phase.value}
            )
        else:
            draft = EventDraft(
                kind="StepConfirmed", plan_id=plan_id, step=step.n, symbol=step.symbol
            )
        await self.book.record(draft)
        return self.book.run(plan_id)

    async def pause(self, plan_id: str, reason: str = "paused by the trader") -> PlanRun:
        await self.book.advance(plan_id, PlanState.PAUSED, "PlanPaused", {"reason": reason})
        return self.book.run(plan_id)

    async def continue_(self, plan_id: str) -> PlanRun:
        """A paused or halted plan goes on from the exact step it was at."""
        run = self.book.run(plan_id)
        if run.state not in (PlanState.PAUSED, PlanState.HALTED) or run.paused_from is None:
            raise NotPossibleError(f"Plan {plan_id} is {run.state.value}: nothing to continue.")
        if absent := absent_orders(run):
            raise NotPossibleError(
                f"The broker has no {absent[0].client_order_id}: resend it under the same id, or "
                "give it up."
            )
        self._require_sending()
        self._require_unlocked(run)
        if run.approval is None or run.approval.plan_hash != run.plan.hash:
            raise NotPossibleError(f"Plan {plan_id} changed: approve what remains, then continue.")
        facts = await self._facts(run.plan)
        to = run.paused_from
        await self.book.advance(plan_id, to, "PlanContinued", {"to": to.value})
        self._drive(plan_id, facts)
        return self.book.run(plan_id)

    async def abort(self, plan_id: str, reason: str) -> PlanRun:
        """End the plan: nothing more is sent, what works is cancelled."""
        run = self.book.run(plan_id)
        await self.book.advance(plan_id, PlanState.ABORTED, "PlanAborted", {"reason": reason})
        for order in run.orders:
            if order.state is OrderState.INTENT:
                await self.sender.deny(order, "the plan was aborted")
            elif order.state.working and order.order_id is not None:
                await self.sender.cancel(order, CancelReason.ABORT, "the plan was aborted")
        self.tracker.kick()
        return self.book.run(plan_id)

    async def cancel(self, client_order_id: str) -> CancelOutcome:
        order = self.book.order(client_order_id)
        if order is None or order.state.terminal:
            raise NotPossibleError(f"No working order of ours has the id {client_order_id}.")
        if order.protective:
            raise NotPossibleError(
                f"{client_order_id} protects {order.symbol}: `quarterdeck protect cancel "
                f"{order.symbol}` takes it away."
            )
        outcome = await self.sender.cancel(order, CancelReason.TRADER, "cancelled by the trader")
        self.tracker.kick()
        return outcome

    # --- the switch ---------------------------------------------------------------------------

    async def halt(self, by: str, reason: str, cause: str = "") -> HaltReport:
        return await self.switch.halt(by, reason, cause)

    async def start_exits(self, plan: Plan, facts: Facts, approver: str) -> PlanRun:
        """Run a plan that only closes positions, by the token typed at its list. No limit is asked:
        that each order reduces is looked at as it leaves (invariants 20, 27)."""
        run = await self.add(plan)
        mode = Mode.PHASE if by_hand(run) else Mode.AUTO
        now = self._clock.now()
        approval = Approval(
            plan_hash=plan.hash, approver=approver, mode=mode, approved_at=now, expires_at=now
        )
        payload: dict[str, object] = {"approval": approval.to_json()}
        await self.book.record(
            EventDraft(kind="PlanApproved", plan_id=plan.plan_id, payload=payload)
        )
        started = {"mode": mode.value}
        await self.book.advance(plan.plan_id, PlanState.SELLING, "PlanStarted", started)
        self._drive(plan.plan_id, facts)
        return self.book.run(plan.plan_id)

    # --- inside -------------------------------------------------------------------------------

    def _require_sending(self) -> None:
        if (why := self.safety.forbids(reducing=True)) is not None:
            raise NotPossibleError(f"Nothing may be sent: {why}.")

    def _require_unlocked(self, run: PlanRun) -> None:
        """While a mismatch is open on a symbol no plan trades it (spec 6)."""
        wanted = {step.symbol for step in run.plan.steps if needs_order(run, step)}
        if found := sorted(wanted & self._locked()):
            raise NotPossibleError(
                f"{', '.join(found)}: our book and the broker differ. Settle it on the Reconcile "
                "screen first."
            )

    async def _void(self, plan_id: str, reason: str) -> None:
        await self.book.record(
            EventDraft(kind="ApprovalVoided", plan_id=plan_id, payload={"reason": reason})
        )

    def _drive(self, plan_id: str, facts: Facts) -> None:
        running = self._drives.get(plan_id)
        if running is not None and not running.done():
            return
        task = asyncio.create_task(self._drive_safely(plan_id, facts), name=f"plan {plan_id}")
        self._drives[plan_id] = task

    async def _drive_safely(self, plan_id: str, facts: Facts) -> None:
        """A driver that dies must not leave a plan that looks as if it were working."""
        try:
            await self._driver.drive(plan_id, facts.policy)
        except JournalError as error:
            # What can't be written down is not done (invariant 5).
            await self.halt("the desk", str(error), "journal_error")
        except Exception:  # the plan waits for the trader, whatever it was
            log.exception("plan %s stopped", plan_id)
            with suppress(NotPossibleError, JournalError):
                await self.pause(plan_id, "an internal error stopped it; see desk.log")


def _in_force(approval: Approval, now: datetime) -> bool:
    """Not over, and not from a future that a wrong clock wrote down."""
    return approval.approved_at <= now <= approval.expires_at


def _session_over(approval: Approval, market_now: datetime) -> bool:
    return approval.session_ends_at is not None and market_now >= approval.session_ends_at


def _approvable(run: PlanRun) -> bool:
    """Not started yet, or paused with its approval voided."""
    if run.state in (PlanState.CHECKED, PlanState.APPROVED):
        return True
    return (
        run.state in (PlanState.PAUSED, PlanState.HALTED)
        and run.approval is None
        and run.escalation is None
    )
