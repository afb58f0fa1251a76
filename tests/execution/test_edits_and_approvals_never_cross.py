"""Edits of a plan at the desk: journalled with what changed, undone to the same plan, and never beside an
approval of something else (spec 4, Editing; invariant 22)."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from engine_world import World

from db.home import Home
from db.model.base import Environment
from db.model.event import EventDraft
from db.model.order import OrderTerms, OrderType, TimeInForce
from db.model.run import Approval, Mode, PlanState
from services.desk.intake import Intake
from services.execution.book import NotPossibleError
from services.execution.fold import folded
from services.planning import Move, revise

PLAN = "3f9a"


class Edited:
    """A plan of four steps on an engine, and the intake that edits it."""

    def __init__(self, root: Path) -> None:
        self.world = World("sell 50 AAA", "sell 40 BBB", "buy 20 CCC", "buy 10 DDD")
        checked = revise(self.world.plan, self.world.now())
        self.world.plan = checked.model_copy(update={"revision": 1})
        home = Home(root, Environment.SIM)
        home.create()
        now = self.world.clock.now
        self.intake = Intake(
            self.world.engine,
            cast(Any, None),
            cast(Any, self.world._facts),
            home,
            Environment.SIM,
            now,
        )

    async def edit(self, **edit: Any) -> None:
        await self.intake.revise(PLAN, **edit)

    @property
    def words(self) -> list[str]:
        """Of every edit that was journalled."""
        return [event.payload["reason"] for event in self.world.journal.of("PlanEdited")]


@pytest.fixture
async def edited(tmp_path: Path) -> Edited:
    made = Edited(tmp_path)
    await made.world.add()
    return made


LIMIT = OrderTerms(type=OrderType.LIMIT, limit_price=Decimal("101.5"))
EDITS: list[tuple[dict[str, Any], str]] = [
    ({"drop": [3]}, "step 3 (buy 20 CCC) dropped"),
    ({"resize": {1: Decimal(45)}}, "step 1 resized 50 → 45"),
    ({"retype": {1: LIMIT}}, "step 1 market, day → limit $101.50, day"),
    ({"move": Move(2, 1, after=False)}, "step 2 moved before step 1"),
]
UNDONE = [
    "undo: step 3 (buy 20 CCC) put back",
    "undo: step 1 resized 45 → 50",
    "undo: step 1 limit $101.50, day → market, day",
    "undo: step 1 moved first",
]


@pytest.mark.parametrize("place", range(len(EDITS)))
async def test_every_edit_and_its_undoing_void_card_and_approval_invariant_22(
    edited: Edited, place: int
) -> None:
    world, (edit, said) = edited.world, EDITS[place]
    before = world.run.plan.hash
    await world.approve(Mode.AUTO)
    card = await world.engine.card(PLAN)
    await edited.edit(**edit)
    assert (world.run.state, world.run.approval) == (PlanState.CHECKED, None)
    assert world.run.plan.hash != before
    assert world.run.reason == said
    await edited.intake.undo(PLAN)
    assert (world.run.plan.hash, world.run.plan.revision) == (before, 3)
    assert edited.words == [said, UNDONE[place]]
    with pytest.raises(NotPossibleError, match="approve it first"):
        await world.engine.start(PLAN)
    with pytest.raises(NotPossibleError, match="changed since the card was shown"):
        await world.engine.approve(PLAN, card.token, card.hash, Mode.AUTO, "a test")
    assert world.sent == []


async def test_the_card_shows_what_the_order_waits_for_and_how_long_it_rests(
    edited: Edited,
) -> None:
    stop = OrderTerms(type=OrderType.STOP, stop_price=Decimal(90), time_in_force=TimeInForce.GTC)
    await edited.edit(retype={1: stop})
    order = (await edited.world.engine.card(PLAN)).orders[0]
    assert (order.type, order.stop_price, order.limit_price) == (OrderType.STOP, 90, None)
    assert order.time_in_force is TimeInForce.GTC


async def test_all_edits_are_undone_one_by_one_after_a_restart_too(edited: Edited) -> None:
    world, hashes = edited.world, []
    for edit, _ in EDITS:
        hashes.append(world.run.plan.hash)
        await edited.edit(**edit)
    assert folded(world.journal.events)[PLAN] == world.run
    world.engine.book.load(world.journal.events)
    while hashes:
        await edited.intake.undo(PLAN)
        assert world.run.plan.hash == hashes.pop()
    assert edited.words[len(EDITS) :] == list(reversed(UNDONE))
    with pytest.raises(NotPossibleError, match="there is nothing to undo"):
        await edited.intake.undo(PLAN)
    assert world.run.plan.revision == 2 * len(EDITS) + 1


async def test_an_edit_after_an_undoing_is_undone_itself_and_not_what_was_undone(
    edited: Edited,
) -> None:
    await edited.edit(resize={1: Decimal(45)})
    second = edited.world.run.plan.hash
    await edited.edit(drop=[3])
    await edited.intake.undo(PLAN)
    await edited.edit(drop=[4])
    await edited.intake.undo(PLAN)
    assert edited.world.run.plan.hash == second
    await edited.intake.undo(PLAN)
    assert edited.world.run.plan.hash == edited.world.plan.hash


async def test_what_comes_back_is_priced_by_facts_of_what_comes_back(edited: Edited) -> None:
    """Facts are asked for by the steps of a plan: of the dropped one nobody else would ask."""
    await edited.edit(drop=[3])
    asked: list[set[str]] = []

    async def facts(plan: Any) -> Any:
        asked.append({step.symbol for step in plan.steps})
        return edited.world.now()

    edited.intake._plan_facts = cast(Any, facts)
    await edited.intake.undo(PLAN)
    assert "CCC" in asked[0]


async def test_edits_asked_for_at_once_are_all_made(edited: Edited) -> None:
    """Two keys in a hurry: the second edit must not bring back what the first dropped."""
    await asyncio.gather(edited.edit(drop=[3]), edited.edit(drop=[4]), edited.edit(drop=[1]))
    assert [step.n for step in edited.world.run.plan.steps] == [2]
    assert edited.world.run.plan.revision == 4


async def test_a_revision_made_of_an_old_one_is_refused(edited: Edited) -> None:
    stale = revise(edited.world.run.plan, edited.world.now(), drop=[3])
    await edited.edit(drop=[4])
    with pytest.raises(NotPossibleError, match="is revision 2 by now"):
        await edited.world.engine.edit(stale, "late")
    assert [step.n for step in edited.world.run.plan.steps] == [1, 2, 3]


@pytest.mark.parametrize("head_start", range(8))
async def test_an_edit_and_an_approval_at_once_leave_no_approval_of_another_plan_invariant_22(
    edited: Edited, head_start: int
) -> None:
    """Wherever in the middle of the other each begins."""
    world = edited.world
    card = await world.engine.card(PLAN)

    async def later() -> None:
        for _ in range(head_start):
            await asyncio.sleep(0)
        await edited.edit(drop=[3])

    approving = world.engine.approve(PLAN, card.token, card.hash, Mode.AUTO, "a test")
    await asyncio.gather(approving, later(), return_exceptions=True)
    approval = world.run.approval
    assert approval is None or approval.plan_hash == world.run.plan.hash
    assert [step.n for step in world.run.plan.steps] == [1, 2, 4]


async def test_what_is_approved_is_what_starts_invariant_22(edited: Edited) -> None:
    """Though a journal should say that something else was approved."""
    world = edited.world
    await world.approve(Mode.AUTO)
    assert world.run.approval is not None
    other = {**world.run.approval.to_json(), "plan_hash": "0" * 64}
    payload = {"approval": Approval.model_validate(other).to_json()}
    draft = EventDraft(kind="PlanApproved", plan_id=PLAN, payload=payload)
    await world.engine.book.record(draft)
    with pytest.raises(NotPossibleError, match="changed since it was approved"):
        await world.engine.start(PLAN)
    assert (world.run.state, world.sent) == (PlanState.CHECKED, [])


async def test_what_has_started_is_neither_edited_nor_undone(edited: Edited) -> None:
    world = edited.world
    await edited.edit(drop=[4])
    try:
        await world.approve(Mode.STEP)
        await world.engine.start(PLAN)
        assert world.run.earlier == ()
        for edit in (edited.edit(drop=[3]), edited.intake.undo(PLAN)):
            with pytest.raises(NotPossibleError, match="only a plan that has not started"):
                await edit
    finally:
        await world.close()
