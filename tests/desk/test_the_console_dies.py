"""kill -9 of the console at any moment of a plan: the desk goes on, a new console attaches, and the
exchange has exactly the plan's orders, once each (design.md, Three processes; issue 2)."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from console_terminal import Terminal, console
from desk_world import RunningDesk, accepted_orders, as_steps, planned_steps

from services.desk.client import DeskError

StartDesk = Callable[..., Awaitable[RunningDesk]]

ASKED = r"type (\w{4}) to approve"
BEFORE_APPROVAL = ("attaching", "attached", "plan open", "card open", "token half typed")
EVENTS = {
    "approved": ("PlanApproved", None),
    "first intent": ("OrderIntended", 1),
    "first sell filled": ("FillReceived", 1),
    "buys open": ("PlanAdvanced", None),
    "first buy sent": ("OrderSent", 4),
    "last buy filled": ("FillReceived", 8),
}


async def open_card(terminal: Terminal) -> str:
    """The token on the card, with `auto` chosen."""
    await terminal.until(lambda text: "desk ok" in text)
    terminal.type("3")
    await terminal.until(lambda text: "1 SELL NEM" in text)
    terminal.type("a")
    await terminal.until(lambda text: re.search(ASKED, text))
    while "[auto]" not in terminal.text:
        await next_mode(terminal, mode_of(terminal.text))
    asked = re.search(ASKED, terminal.text)
    assert asked
    return asked.group(1)


async def next_mode(terminal: Terminal, before: list[str]) -> None:
    terminal.type("\t")
    with contextlib.suppress(AssertionError):  # not heard yet: the card is too young
        await terminal.until(lambda text: mode_of(text) != before, seconds=1.0)


def mode_of(text: str) -> list[str]:
    return re.findall(r"\[(step|phase|auto)\]", text)


async def approve(terminal: Terminal, desk: RunningDesk, plan_id: str) -> None:
    """Type what the card asks for, again until it has been on screen long enough to hear it."""
    await open_card(terminal)
    for _ in range(300):
        if (await desk.client.plan(plan_id))["state"] != "checked":
            return
        if asked := re.search(ASKED, terminal.text):
            terminal.type(f"{asked.group(1)}\r")
        await asyncio.sleep(0.1)
    raise AssertionError(f"not approved, the screen stays:\n{terminal.text}")


async def die(terminal: Terminal) -> None:
    terminal.process.kill()
    await terminal.process.wait()


@pytest.mark.parametrize("moment", [*BEFORE_APPROVAL, *EVENTS])
async def test_the_plan_does_not_notice(start_desk: StartDesk, moment: str) -> None:
    desk = await start_desk(fill_delay=60)
    plan_id = await desk.rebalance()

    def now(event: dict[str, Any]) -> bool:
        kind, step = EVENTS[moment]
        return event["kind"] == kind and step in (None, event["step"])

    async with console(desk.home, QUARTERDECK_ENVIRONMENT="paper") as terminal:
        if moment in EVENTS:
            async with desk.seen(now) as seen:
                await approve(terminal, desk, plan_id)
                await seen
        else:
            await reach(terminal, moment)
        await die(terminal)
    state = (await desk.client.plan(plan_id))["state"]
    if state == "checked":
        async with console(
            desk.home, columns=120, lines=40, QUARTERDECK_ENVIRONMENT="paper"
        ) as again:
            await approve(again, desk, plan_id)
            await desk.until_ended(plan_id)
    elif state == "approved":  # the word to start was not sent, or is on its way: once more
        with contextlib.suppress(DeskError):
            await desk.client.run(plan_id)
    plan = await desk.until_ended(plan_id)
    assert plan["state"] == "done"
    orders = accepted_orders(desk.exchange.requests_log())
    assert as_steps(orders) == planned_steps(plan)
    assert desk.run("journal", "verify").returncode == 0


async def reach(terminal: Terminal, moment: str) -> None:
    if moment == "attaching":
        await terminal.until(lambda text: "PAPER" in text)
        return
    await terminal.until(lambda text: "desk ok" in text)
    if moment == "plan open":
        terminal.type("3")
        await terminal.until(lambda text: "1 SELL NEM" in text)
    elif moment in ("card open", "token half typed"):
        token = await open_card(terminal)
        if moment == "token half typed":
            terminal.type(token[:2])
