"""The kill drill: a halt rehearsed on the simulator, and how long each part took (spec 5)."""

import json
import logging
from collections.abc import Callable
from decimal import Decimal

from pydantic import ValidationError

from db.clock import Clock
from db.home import Home
from db.model.base import Environment
from db.model.event import EventDraft
from db.model.order import OrderState, OrderType
from db.model.plan import Step
from db.model.run import PlanState
from db.model.trading import Drill, TradingState
from services.desk.facts import FactsSource
from services.desk.flatten import Flatten
from services.execution.book import NotPossibleError
from services.execution.closing import closing_steps, exit_plan
from services.execution.engine import Engine
from services.risk.estimate import up
from services.risk.facts import Facts

MOST_ORDERS = 50
ABOVE = Decimal("1.04")
"""Limit over the mid: the orders work and do not fill."""
WORKING_SECONDS = 10.0
ROUND_SECONDS = 0.02

log = logging.getLogger(__name__)


class Drills:
    """Runs one at a time; trading is HALTED afterwards, and resumed as after any halt."""

    def __init__(
        self,
        engine: Engine,
        facts: FactsSource,
        flatten: Flatten,
        home: Home,
        new_id: Callable[[str], str],
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._facts = facts
        self._flatten = flatten
        self._home = home
        self._new_id = new_id
        self._clock = clock

    async def run(self, by: str, *, flatten: bool) -> Drill:
        """Raises NotPossibleError, BrokerUnavailableError: then nothing was done."""
        self._require()
        facts = await self._facts.fresh()
        if not facts.market_open:
            raise NotPossibleError("The market is closed: start the exchange with its clock open.")
        steps = _steps(facts)
        if not steps:
            raise NotPossibleError("Nothing is held that a drill could offer.")
        plan = exit_plan(
            facts,
            steps,
            plan_id=self._new_id("drill"),
            source="drill",
            environment=self._home.environment.value,
            created_at=self._clock.now(),
        )
        self._require()  # nothing began meanwhile
        await self._engine.start_exits(plan, facts, by)
        working = await self._working(plan.plan_id, len(steps))
        report = await self._engine.halt(by, "a kill drill")
        drill = Drill(
            at=self._clock.now(),
            orders=working,
            latch_ms=report.latch_ms,
            cancelled_ms=report.cancelled_ms,
            passed=report.complete and report.latch_ms is not None and working == len(steps),
            why="" if report.complete else f"{report.remaining} orders remained",
        )
        if working < len(steps):
            drill = drill.model_copy(
                update={"why": f"only {working} of {len(steps)} orders worked"}
            )
        await self._engine.abort(plan.plan_id, "the drill is over")
        if flatten:
            drill = await self._flattened(drill, by)
        await self._keep(drill)
        return drill

    def _require(self) -> None:
        if self._home.environment is not Environment.SIM:
            raise NotPossibleError(
                "A drill halts trading and offers shares: only on the simulator."
            )
        if self._engine.safety.state is not TradingState.ACTIVE:
            raise NotPossibleError("A drill begins while trading is ACTIVE.")
        if self._engine.book.working_runs() or self._flatten.busy:
            raise NotPossibleError("A plan is under way: drill when none is.")

    async def _working(self, plan_id: str, wanted: int) -> int:
        """How many of the orders the broker has, once all are or the plan stopped."""
        deadline = self._clock.monotonic() + WORKING_SECONDS
        while True:
            run = self._engine.book.run(plan_id)
            working = sum(order.state is OrderState.ACKNOWLEDGED for order in run.orders)
            late = self._clock.monotonic() > deadline
            if working == wanted or late or run.state is not PlanState.SELLING:
                return working
            await self._clock.sleep(ROUND_SECONDS)

    async def _flattened(self, drill: Drill, by: str) -> Drill:
        report = await self._flatten.carry_through(await self._flatten.card(), by)
        update: dict[str, object] = {"flat_ms": report.flat_ms}
        if report.remaining:
            update |= {"passed": False, "why": f"{len(report.remaining)} positions remained"}
        return drill.model_copy(update=update)

    async def _keep(self, drill: Drill) -> None:
        """In the journal, and beside it for the desks of the other environments."""
        draft = EventDraft(kind="DrillCompleted", payload={"drill": drill.to_json()})
        await self._engine.book.record(draft)
        file = self._home.last_drill
        try:
            draft_file = file.with_suffix(".new")
            draft_file.write_text(json.dumps(drill.to_json()), encoding="utf-8")
            draft_file.replace(file)
        except OSError as error:
            log.warning("the drill could not be noted in %s: %s", file, error)


def last_drill(home: Home) -> Drill | None:
    """The last drill of any environment; None when there is none, or its note can't be read."""
    try:
        return Drill.model_validate(json.loads(home.last_drill.read_bytes()))
    except (OSError, ValueError, ValidationError):
        return None


def _steps(facts: Facts) -> tuple[Step, ...]:
    """A share of each holding, offered over the market: it works, and reduces if it fills."""
    held = [
        position.model_copy(update={"qty": min(position.qty, Decimal(1))})
        for position in facts.portfolio.positions
        if position.qty > 0 and position.qty_available > 0 and facts.price(position.symbol)
    ][:MOST_ORDERS]
    return tuple(
        step.model_copy(
            update={"type": OrderType.LIMIT, "limit_price": up(step.reference_price * ABOVE)}
        )
        for step in closing_steps(facts, held)
    )
