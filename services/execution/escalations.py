"""Exceptions: asked for, granted or refused by name, over at their deadline, counted (spec 3)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType

from db.clock import Clock
from db.model.escalation import Escalation, Outcome, Violation
from db.model.event import Event, EventDraft
from db.model.plan import Plan
from db.model.run import PlanRun, PlanState
from services.execution.book import NotPossibleError, RunBook
from services.execution.recheck import checked_again, in_force
from services.risk.exceptions import NotExceptedError, blocks_of, excepted, trigger_of, violations
from services.risk.facts import Facts

NOTHING: Mapping[str, object] = MappingProxyType({})
LONGEST_NAME = 100
LONGEST_REASON = 500


class Escalations:
    """One at a time over all plans, so that a day's last exception is granted once."""

    def __init__(
        self, book: RunBook, clock: Clock, facts: Callable[[Plan], Awaitable[Facts]]
    ) -> None:
        self._book = book
        self._clock = clock
        self._facts = facts
        self._granted: Counter[str] = Counter()
        """Exchange date → exceptions granted on it."""
        self._turn = asyncio.Lock()

    def apply(self, events: Iterable[Event]) -> None:
        """Count what was granted, of plans too that are long over."""
        for event in events:
            if event.kind == "EscalationResolved" and event.payload["outcome"] == Outcome.GRANTED:
                self._granted[event.payload["date"]] += 1

    def granted_on(self, date: str) -> int:
        return self._granted[date]

    async def request(self, plan_id: str, to: str, by: str) -> PlanRun:
        """Ask `to` for an exception of what blocks the plan on fresh facts. Raises NotPossibleError."""
        to, by = _typed(to, "who is asked", LONGEST_NAME), _typed(by, "who asks", LONGEST_NAME)
        async with self._turn:
            _escalatable(self._book.run(plan_id))
            facts = await self._facts(self._book.run(plan_id).plan)
            run = self._book.run(plan_id)
            _escalatable(run)
            asked = _asked(run, facts)
            self._require_budget(facts)
            plan, now = run.plan, self._clock.now()
            escalation = Escalation(
                escalation_id=f"{plan_id}-x{len(run.escalations) + 1}",
                plan_id=plan_id,
                revision=plan.revision,
                plan_hash=plan.hash,
                trigger=trigger_of(asked),
                violations=asked,
                report=dry_run_name(plan),
                asked=_question(asked),
                to=to,
                by=by,
                requested_at=now,
                deadline=now + timedelta(minutes=facts.policy.exception_minutes),
            )
            payload = {"escalation": escalation.to_json()}
            await self._book.record(
                EventDraft(kind="EscalationRequested", plan_id=plan_id, payload=payload)
            )
        if self._book.run(plan_id).escalation is None:
            raise NotPossibleError(f"Nobody was asked: plan {plan_id} changed meanwhile.")
        return self._book.run(plan_id)

    async def grant(self, plan_id: str, approver: str, reason: str) -> PlanRun:
        """The approver lets exactly what was asked for pass, while there is time and budget left.
        Raises NotPossibleError."""
        approver = _typed(approver, "the approver's name", LONGEST_NAME)
        reason = _typed(reason, "a reason", LONGEST_REASON)
        async with self._turn:
            await self._open(plan_id)
            facts = await self._facts(self._book.run(plan_id).plan)
            number = self._require_budget(facts)
            most = facts.policy.max_exceptions_per_day
            told = {"date": facts.today.isoformat(), "number": number, "of": most}
            asked = await self._open(plan_id)  # what was asked for may be void or late meanwhile
            await self._answer(asked, Outcome.GRANTED, approver, reason, told)
        run = self._book.run(plan_id)
        if asked.escalation_id not in {one.escalation_id for one in run.exceptions}:
            raise NotPossibleError(
                f"Nothing was granted: plan {plan_id} changed, or the deadline passed, meanwhile."
            )
        return run

    async def refuse(self, plan_id: str, approver: str, reason: str) -> PlanRun:
        """Raises NotPossibleError."""
        approver = _typed(approver, "the approver's name", LONGEST_NAME)
        reason = _typed(reason, "a reason", LONGEST_REASON)
        async with self._turn:
            asked = await self._open(plan_id)
            await self._answer(asked, Outcome.REFUSED, approver, reason)
        return self._book.run(plan_id)

    async def expire(self) -> None:
        """Once a second: requests whose deadline has passed are over."""
        now = self._clock.now()
        for run in self._book.runs.values():
            if run.escalation is not None and now >= run.escalation.deadline:
                await self._expire(run.escalation)

    async def _expire(self, asked: Escalation) -> None:
        payload = {"escalation_id": asked.escalation_id, "outcome": Outcome.EXPIRED.value}
        await self._book.record(
            EventDraft(kind="EscalationExpired", plan_id=asked.plan_id, payload=payload)
        )

    async def _open(self, plan_id: str) -> Escalation:
        """The request that waits, in time."""
        asked = self._book.run(plan_id).escalation
        if asked is None:
            raise NotPossibleError(f"Plan {plan_id} waits for no exception: escalate it first.")
        if self._clock.now() >= asked.deadline:
            await self._expire(asked)
            raise NotPossibleError(
                f"The deadline was {asked.deadline:%H:%M:%S} UTC: nothing can be granted any more. "
                "Escalate the plan again."
            )
        return asked

    def _require_budget(self, facts: Facts) -> int:
        """The number that the next exception of the trading day has."""
        used, most = self._granted[facts.today.isoformat()], facts.policy.max_exceptions_per_day
        if used >= most:
            raise NotPossibleError(
                f"{used} of the day's {most} exceptions are granted (policy {facts.policy.name}): change "
                "the plan, or ask again tomorrow."
            )
        return used + 1

    async def _answer(
        self,
        asked: Escalation,
        outcome: Outcome,
        approver: str,
        reason: str,
        told: Mapping[str, object] = NOTHING,
    ) -> None:
        payload = {
            "escalation_id": asked.escalation_id,
            "outcome": outcome.value,
            "approver": approver,
            "reason": reason,
            **told,
        }
        await self._book.record(
            EventDraft(kind="EscalationResolved", plan_id=asked.plan_id, payload=payload)
        )


def dry_run_name(plan: Plan) -> str:
    """File name of the plan's dry-run report."""
    return f"{plan.plan_id}-r{plan.revision}-dry-run.md"


def unanswered(run: PlanRun) -> Escalation | None:
    """The last request of the plan as it is, as long as nobody has answered it."""
    last = run.escalations[-1] if run.escalations else None
    if last is None or last.revision != run.plan.revision:
        return None
    return last if last.outcome in (Outcome.OPEN, Outcome.EXPIRED) else None


def _escalatable(run: PlanRun) -> None:
    plan_id = run.plan.plan_id
    if run.escalation is not None:
        raise NotPossibleError(
            f"Plan {plan_id} is escalated to {run.escalation.to} already, until "
            f"{run.escalation.deadline:%H:%M:%S} UTC."
        )
    waits = run.state in (PlanState.PAUSED, PlanState.HALTED) and run.approval is None
    if run.state is not PlanState.CHECKED and not waits:
        raise NotPossibleError(
            f"Plan {plan_id} is {run.state.value}: only what waits for its approval is escalated."
        )


def _asked(run: PlanRun, facts: Facts) -> tuple[Violation, ...]:
    """What blocks the plan now, and what blocked it when it was planned and only planning sees.
    Raises NotPossibleError when nothing does, or when something can't be excepted."""
    of_plan = excepted(blocks_of(run.plan.findings), in_force(run, facts))
    blocks = (*blocks_of(checked_again(run, facts)), *blocks_of(of_plan))
    if not blocks:
        raise NotPossibleError(f"Nothing blocks plan {run.plan.plan_id}: it can be approved.")
    try:
        return violations(blocks)
    except NotExceptedError as error:
        raise NotPossibleError(str(error)) from error


def _question(asked: Iterable[Violation]) -> str:
    about = dict.fromkeys(f"{one.check} ({one.subject})" for one in asked)
    return f"Approve an exception to {', '.join(about)}, or modify the plan."


def _typed(text: str, what: str, longest: int) -> str:
    """One line with something on it. Raises NotPossibleError."""
    line = " ".join(text.split())
    if not line or not line.isprintable():
        raise NotPossibleError(f"An exception needs {what}, typed.")
    if len(line) > longest:
        raise NotPossibleError(f"Write {what} in {longest} characters.")
    return line
