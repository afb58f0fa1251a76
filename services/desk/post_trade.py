"""After a plan: what it came to on the broker's fresh figures, and the sale that restores a limit
(spec 5, Confirming and comparing). Offered always, carried out by itself only where the policy says
so and the plan ran in auto mode."""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from db.model.event import Event, EventDraft
from db.model.order import Side
from db.model.plan import Plan
from db.model.post_trade import PostTrade
from db.model.run import Mode, PlanRun
from services.desk.facts import FactsSource
from services.desk.policies import PlanFacts
from services.execution.book import NotPossibleError
from services.execution.engine import Engine
from services.planning.trim import Bought, trim_plan
from services.reports.post_trade import post_trade
from services.risk.facts import Facts

OFFERS = ("trim", "rollback")
AUTO = "the policy's auto_trim"

log = logging.getLogger(__name__)


class PostTrades:
    """What was found of each plan, and the sales that it leads to."""

    def __init__(
        self,
        engine: Engine,
        facts: FactsSource,
        plan_facts: PlanFacts,
        environment: str,
        new_id: Callable[[str], str],
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._facts = facts
        self._plan_facts = plan_facts
        self._environment = environment
        self._new_id = new_id
        self._now = now
        self.found: dict[str, PostTrade] = {}
        """Plan → what it came to; the newest last."""

    def apply(self, events: Iterable[Event]) -> None:
        """Fold journalled events."""
        for event in events:
            if event.kind == "PostTradeChecked" and event.plan_id is not None:
                self.found.pop(event.plan_id, None)
                found = PostTrade.model_validate(event.payload["post_trade"])
                self.found[event.plan_id] = found

    async def look(self, plan_id: str, by_itself: bool = True) -> None:
        """Compare an ended plan of which something filled, and write down what was found.
        `by_itself`: the policy may sell what a limit needs. Raises BrokerUnavailableError."""
        run = self._engine.book.run(plan_id)
        if not any(order.filled_qty for order in run.orders):
            return
        facts = await self._facts_of(run.plan)
        found = post_trade(run, facts, self._now())
        await self._engine.book.record(
            EventDraft(
                kind="PostTradeChecked", plan_id=plan_id, payload={"post_trade": found.to_json()}
            )
        )
        if by_itself and found.offer is not None:
            await self._by_itself(run, found, facts)

    async def _by_itself(self, run: PlanRun, found: PostTrade, facts: Facts) -> None:
        """Auto mode and the policy only, up to the policy's size, never for a limit that was missed
        before the plan, and never after a sale that was to restore one."""
        most = facts.policy.auto_trim
        if most is None or run.mode is not Mode.AUTO or _restores(run.plan):
            return
        if any(breach.inherited for breach in found.breaches):
            return
        if self._engine.safety.forbids(reducing=True) is not None:
            return
        plan = self._plan(run, found.offer or OFFERS[0], facts)
        worth = sum((step.expected_value for step in plan.steps), Decimal(0))
        if plan.steps and not plan.skipped and worth <= most * facts.portfolio.equity:
            log.info("plan %s: %s by itself", run.plan.plan_id, plan.source)
            await self._engine.start_exits(plan, facts, AUTO)

    async def draft(self, plan_id: str) -> Plan:
        """The smallest sale that restores the limits after this plan, for the trader to approve. The
        one drafted before while it is still open. Raises NotPossibleError,
        BrokerUnavailableError."""
        run = self._engine.book.run(plan_id)
        if not run.state.ended:
            raise NotPossibleError(f"Plan {plan_id} is {run.state.value}: wait for its end.")
        if (known := self._open_draft(plan_id)) is not None:
            return known
        facts = await self._facts_of(run.plan)
        found = post_trade(run, facts, self._now())
        plan = self._plan(run, found.offer or OFFERS[0], facts)
        if not plan.steps:
            why = plan.skipped[0].reason if plan.skipped else "every limit of the policy holds"
            raise NotPossibleError(f"Nothing to sell after plan {plan_id}: {why.rstrip('.')}.")
        return plan

    def _plan(self, run: PlanRun, offer: str, facts: Facts) -> Plan:
        name = f"{offer} of {run.plan.plan_id}"
        return trim_plan(
            facts,
            bought_by(run),
            plan_id=self._new_id(name),
            source=name,
            environment=self._environment,
        ).model_copy(update={"created_at": self._now()})

    def _open_draft(self, plan_id: str) -> Plan | None:
        names = {f"{offer} of {plan_id}" for offer in OFFERS}
        runs = self._engine.book.runs.values()
        return next((r.plan for r in runs if r.plan.source in names and not r.state.ended), None)

    async def _facts_of(self, plan: Plan) -> Facts:
        """Under the plan's own policy; where that has changed since, under the desk's."""
        try:
            return await self._plan_facts(plan)
        except NotPossibleError as error:
            log.warning("after plan %s: %s", plan.plan_id, error)
            return await self._facts.fresh(step.symbol for step in plan.steps)


def bought_by(run: PlanRun) -> Sequence[Bought]:
    """What the plan really bought, in its order."""
    return [
        Bought(step.account, step.symbol, filled)
        for step in run.plan.steps
        if step.side is Side.BUY and (filled := run.filled_qty(step.n))
    ]


def _restores(plan: Plan) -> bool:
    return any(plan.source.startswith(f"{offer} of ") for offer in OFFERS)
