"""A plan that a rule blocks, with the desk and the exchange as real processes: escalated, granted by name,
counted over a kill -9, run and reported; the next one has no budget left (spec 3, Escalation)."""

from collections.abc import Awaitable, Callable

import pytest
from desk_world import RunningDesk
from protection_world import alerted

from services.desk.client import DeskError, Json

StartDesk = Callable[..., Awaitable[RunningDesk]]
LIMITS = 'max_order_value = 1000\nmax_exceptions_per_day = 1\nmin_cash_weight = "off"\n'


async def ticket(desk: RunningDesk) -> Json:
    """ABBV for some $2,000, where an order may be worth $1,000."""
    return await desk.client.ticket(symbol="ABBV", side="buy", qty="10", policy="mine")


async def nobody_answers(desk: RunningDesk) -> None:
    """Of a policy that gives no time at all: over at the next look, an event and an alert."""
    quick = await desk.client.ticket(symbol="ABBV", side="buy", qty="10", policy="quick")
    await desk.client.escalate(quick["plan_id"], "Max Poe", "ana")
    over = await desk.until(quick["plan_id"], lambda plan: plan["state"] == "checked")
    assert over["escalations"][0]["outcome"] == "expired"
    assert "Max Poe did not answer" in (await alerted(desk, "escalation_expired"))["sentence"]
    with pytest.raises(DeskError, match="waits for no exception"):
        await desk.client.exception(quick["plan_id"], "grant", "Max Poe", "sorry, late")


async def test_an_exception_is_granted_once_a_day_and_outlives_the_desk(
    start_desk: StartDesk,
) -> None:
    desk = await start_desk()
    desk.home.policies.mkdir(exist_ok=True)
    (desk.home.policies / "mine.toml").write_text(f'extends = "standard"\n{LIMITS}')
    (desk.home.policies / "quick.toml").write_text('extends = "mine"\nexception_minutes = 0\n')
    await nobody_answers(desk)
    plan = await ticket(desk)
    plan_id = plan["plan_id"]
    assert plan["verdict"] == "BLOCKED"
    other = (await ticket(desk))["plan_id"]
    for one in (plan_id, other):
        asked = await desk.client.escalate(one, "Jane Roe", "ana")
        assert asked["state"] == "escalated"
    row = next(p for p in (await desk.client.status())["plans"] if p["plan_id"] == plan_id)
    assert (row["escalated_to"], bool(row["deadline"])) == ("Jane Roe", True)
    assert (desk.home.reports / asked["escalations"][0]["report"]).exists()
    with pytest.raises(DeskError, match="needs a reason"):
        await desk.client.exception(plan_id, "grant", "Jane Roe", " ")
    await desk.client.exception(plan_id, "grant", "Jane Roe", "the order is worked by hand")

    await desk.kill()
    await desk.start()
    with pytest.raises(DeskError, match="1 of the day's 1 exceptions"):
        await desk.client.exception(other, "grant", "Jane Roe", "this one, too")
    card = await desk.client.card(plan_id)
    assert card["verdict"] == "CONDITIONAL"
    assert "Exception 1 of 1 today" in card["exceptions"][0]
    await desk.start_plan(plan_id, "auto")
    assert (await desk.until_ended(plan_id))["state"] == "done"
    excepted = {p["plan_id"]: p["excepted"] for p in (await desk.client.status())["plans"]}
    assert (excepted[plan_id], excepted[other]) == (True, False), "BLOCKED and done is explained"
    assert "the order is worked by hand" in await desk.report(f"{plan_id}-r1-execution.md")
    events = await desk.client.events(plan=other)
    assert [e["kind"] for e in events if e["kind"].startswith("Escalation")] == [
        "EscalationRequested"
    ]
