"""Each bad day of the exchange's library, and a rebalance with protected buys on it: by the exchange's own
books nothing is doubled, forgotten, bare without an alarm, or different in the end. Takes minutes:
`make long` (invariants 2, 8, 9, 15, 16, 19)."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from desk_here import DeskHere, desk_on
from running_exchange import RunningExchange

from db.model.order import PROTECTION
from db.model.reconciliation import ACTIONS, Action
from db.model.run import Mode, PlanRun, PlanState
from services.brokers.port import BrokerUnavailableError
from services.exchange.scenarios.reading import read_scenario, shipped
from services.execution.book import NotPossibleError
from services.execution.ids import is_ours

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.siege, pytest.mark.timeout(400)]

CASE = Path(__file__).parents[1] / "data" / "cases" / "rebalance"
LEAD = 3
"""Seconds of a scenario that are left to its first stroke when the desk starts."""
START = 40.0
"""Seconds in which a desk is tried to be started; where it can't be, the bad day comes after."""
DAY = 120.0
"""Seconds in which a trader tries to carry the plan through."""
REFUSED = (NotPossibleError, BrokerUnavailableError, ValueError)


async def again_and_again(ask: Callable[[], Awaitable[Any]], seconds: float) -> Any:
    """The answer once there is one; None when there was none in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await ask()
                except REFUSED:
                    await asyncio.sleep(0.5)
    return None


async def proposed(desk: DeskHere) -> str:
    intake = desk.desk.intake
    for name in ("market-analysis.toml", "Portfolio.md"):
        answer = await intake.propose(name, (CASE / name).read_bytes(), None)
    return str(answer["plan"]["plan_id"])


async def approved(desk: DeskHere, plan_id: str) -> PlanRun:
    engine = desk.desk.engine
    card = await engine.card(plan_id)
    return await engine.approve(plan_id, card.token, card.hash, Mode.AUTO, "a test")


async def carried_through(desk: DeskHere, plan_id: str) -> None:
    """What a trader does who wants it done: start, approve again, continue."""
    engine = desk.desk.engine
    while not (run := desk.run(plan_id)).state.ended:
        with contextlib.suppress(*REFUSED):
            if run.approval is None:
                await approved(desk, plan_id)
            elif run.state is PlanState.APPROVED:
                await engine.start(plan_id)
            elif run.state is PlanState.PAUSED:
                await engine.continue_(plan_id)
        await asyncio.sleep(0.5)


async def calm(desk: DeskHere) -> None:
    """The bad day is over: the plan is ended, and each difference is signed as the broker has it."""
    desk.end_all_faults()
    for run in tuple(desk.desk.engine.book.runs.values()):
        if run.state.working:
            await again_and_again(lambda r=run: _abort(desk, r.plan.plan_id), 20)  # type: ignore[misc]

    async def agreed() -> None:
        found = await desk.desk.reconciler.reconcile()
        for one in found.mismatches:
            action = Action.ADOPT if Action.ADOPT in ACTIONS[one.kind] else Action.IGNORE
            with contextlib.suppress(NotPossibleError):
                await desk.desk.reconciler.settle(
                    one.key, action.value, "after a bad day", "a test"
                )
        if desk.desk.reconciler.open or [o for o in _working(desk) if not o.protective]:
            raise NotPossibleError("not yet")

    await again_and_again(agreed, 120)


async def _abort(desk: DeskHere, plan_id: str) -> None:
    if desk.run(plan_id).state.working:
        await desk.desk.engine.abort(plan_id, "the day is over")


def _working(desk: DeskHere) -> tuple[Any, ...]:
    return desk.desk.engine.book.working_orders()


def alarmed(desk: DeskHere, symbol: str) -> bool:
    """Whether an alert about its protection is open."""
    return any(
        symbol in alert.subject and alert.cleared_at is None and "protect" in alert.condition
        for alert in desk.desk.watch.alerts.values()
    )


@pytest.mark.parametrize("name", sorted(shipped()))
async def test_a_rebalance(name: str, start_exchange: Callable[..., RunningExchange]) -> None:
    first = [float(step.when.after) for step in read_scenario(name).steps if step.when.after]
    exchange = start_exchange(scenario=name, control=True, fill_delay=200, rate_limit=200)
    async with desk_on(exchange, started=False) as desk:
        if first and min(first) > LEAD:
            desk.forward(min(first) - LEAD)
        if await again_and_again(desk.restarted, START) is None:
            assert desk.all_orders() == [], "a desk that can't start sends nothing"
            desk.end_all_faults()
            assert await again_and_again(desk.restarted, START) is not None
            desk.play(name)
        plan_id = await again_and_again(lambda: proposed(desk), 60)
        if plan_id is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(carried_through(desk, plan_id), DAY)
        outcome = "no plan" if plan_id is None else desk.run(plan_id).state.value
        await calm(desk)
        await assert_sound(desk, plan_id)
        log.info("%s: %s", name, outcome)


async def assert_sound(desk: DeskHere, plan_id: str | None) -> None:
    theirs = desk.all_orders()
    names = [order["client_order_id"] for order in theirs if is_ours(order["client_order_id"])]
    assert len(names) == len(set(names)), "an order is there twice"
    book = desk.desk.engine.book
    for order in theirs:
        if not is_ours(order["client_order_id"]):
            continue
        ours = book.order(order["client_order_id"])
        assert ours is not None, f"forgotten: {order}"
        assert ours.filled_qty == Decimal(order["filled_qty"]), order
        done = order["status"] in ("filled", "canceled", "expired", "rejected", "replaced")
        assert ours.state.terminal == done, (ours.state, order["status"])
    if plan_id is not None:
        for step in desk.run(plan_id).plan.steps:
            sold = [o for o in theirs if f"-{plan_id}-s{step.n:02d}-c" in o["client_order_id"]]
            assert sum(Decimal(o["filled_qty"]) for o in sold) <= step.qty, f"doubled: {sold}"
    state = desk.state()
    (account,) = state["accounts"].values()
    assert Decimal(str(account["cash"])) >= 0, "cash that was not there was spent"
    assert desk.desk.reconciler.clean, desk.desk.reconciler.open
    for held in desk.desk.engine.protector.lots():
        if held.by_desk or not held.qty:
            continue
        guards = [
            Decimal(str(order["qty"])) - Decimal(str(order["filled_qty"]))
            for order in account["open_orders"]
            if order["symbol"] == held.step.symbol
            and PROTECTION.match(order["client_order_id"])
            and f"-{held.run.plan.plan_id}-" in order["client_order_id"]
        ]
        if sum(guards) < held.wanted:
            await desk.until(lambda h=held: alarmed(desk, h.step.symbol) or _covered(desk, h))  # type: ignore[misc]


def _covered(desk: DeskHere, held: Any) -> bool:
    """It was protected meanwhile."""
    now = next((h for h in desk.desk.engine.protector.lots() if h.key == held.key), None)
    return now is None or now.covered >= now.wanted
