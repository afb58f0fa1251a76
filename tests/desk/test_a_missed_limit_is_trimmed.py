"""A plan ends, a limit does not hold: it is compared, alerted, and the smallest sale that restores
the limit is drafted, approved and run like any plan (spec 5, Confirming and comparing)."""

import asyncio
import json
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from desk_world import RunningDesk

from services.desk.client import DeskError

StartDesk = Callable[..., Awaitable[RunningDesk]]
POLICY = """extends = "standard"
max_position_weight = "off"
max_sector_weight = "off"
min_cash_weight = 0.02
warn_cash_weight = 0.02
"""


def buy_elsewhere(desk: RunningDesk) -> None:
    """Cash goes to 0.9% by an order past our desk."""
    body = {"symbol": "LLY", "qty": "2", "side": "buy", "type": "market", "time_in_force": "day"}
    request = urllib.request.Request(
        f"{desk.exchange.trading_url}/v2/orders",
        data=json.dumps(body).encode(),
        headers={**desk.exchange.headers, "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).read()


async def compared(desk: RunningDesk, plan_id: str) -> dict[str, Any]:
    plan = await desk.until(plan_id, lambda document: document["post_trade"] is not None)
    return dict(plan["post_trade"])


async def sold_after_a_surprise(desk: RunningDesk, policy: str) -> str:
    """A plan that sells one share, while something else spends the cash."""
    desk.home.policies.mkdir(exist_ok=True)
    (desk.home.policies / "mine.toml").write_text(policy, encoding="utf-8")
    plan = await desk.client.ticket(symbol="FCX", side="sell", qty="1", policy="mine")
    plan_id = str(plan["plan_id"])
    await asyncio.to_thread(buy_elsewhere, desk)
    await desk.start_plan(plan_id, "auto")
    await desk.until_ended(plan_id)
    return plan_id


async def test_a_trim_restores_the_cash_buffer(start_desk: StartDesk) -> None:
    desk = await start_desk()
    plan_id = await sold_after_a_surprise(desk, POLICY)
    found = await compared(desk, plan_id)
    assert found["offer"] == "trim"
    assert [b["check"] for b in found["breaches"] if b["severity"] == "major"] == ["cash_buffer"]
    assert not any(p["source"].startswith("trim") for p in (await desk.client.plans()))
    async with asyncio.timeout(10):
        while "limit_missed" not in str((await desk.client.snapshot())["alerts"]):
            await asyncio.sleep(0.05)
    trimmed = desk.run("trim", plan_id)
    assert trimmed.returncode == 0
    assert "major" in trimmed.stderr
    draft_id = trimmed.stdout.strip()
    draft = await desk.client.plan(draft_id)
    assert (draft["source"], draft["state"]) == (f"trim of {plan_id}", "checked")
    assert {step["side"] for step in draft["steps"]} == {"sell"}
    assert (await desk.client.trim(plan_id))["plan_id"] == draft_id
    await desk.start_plan(draft_id, "auto")
    assert (await desk.until_ended(draft_id))["state"] == "done"
    after = await compared(desk, draft_id)
    assert (after["offer"], after["breaches"]) == (None, [])
    with pytest.raises(DeskError, match="every limit of the policy holds"):
        await desk.client.trim(plan_id)


@pytest.mark.parametrize(("most", "sold"), [("0.05", True), ("0.001", False)])
async def test_auto_mode_trims_by_itself_only_as_far_as_the_policy_says(
    start_desk: StartDesk, most: str, sold: bool
) -> None:
    desk = await start_desk()
    plan_id = await sold_after_a_surprise(desk, f"{POLICY}auto_trim = {most}\n")
    await compared(desk, plan_id)
    await desk.report(f"{plan_id}-r1-execution.md")
    plans = [p for p in await desk.client.plans() if p["source"] == f"trim of {plan_id}"]
    assert len(plans) == sold
    for plan in plans:
        assert (await desk.until_ended(plan["plan_id"]))["state"] == "done"
        assert (await compared(desk, plan["plan_id"]))["breaches"] == []
