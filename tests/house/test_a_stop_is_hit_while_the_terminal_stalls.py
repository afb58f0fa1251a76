"""A console on a terminal that nobody reads, and a stop is hit: the desk raises the alert and writes the
exit proposal down on time; neither the console's end nor a SIGHUP of its own ends the desk."""

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console_terminal import Terminal, console
from desk_world import DEADLINE, accepted_orders
from house_world import at, pid_of, started, written
from protection_world import alerted, bought, held, jump
from running_exchange import RunningExchange

ON_TIME = timedelta(seconds=10)
"""From the crossing to alert and proposal in the journal, on a machine that is busy with tests."""

FULL = 4095
"""Bytes that a pseudo-terminal of Linux holds for whoever reads it."""


async def stalled(terminal: Terminal) -> None:
    """Nobody reads any more, and there is more to draw than the line holds."""
    terminal.stall()
    async with asyncio.timeout(DEADLINE):
        while terminal.unread() < FULL:
            terminal.type("3121")
            await asyncio.sleep(0.05)


async def test_the_alert_and_the_exit_come_on_time(
    start_exchange: Callable[..., RunningExchange], rich: Path
) -> None:
    desk = await started(start_exchange(control=True, book=rich), protection='"desk"')
    try:
        await bought(desk)
        async with console(desk.home, 120, 40, QUARTERDECK_ENVIRONMENT="paper") as terminal:
            await terminal.until(lambda text: "desk ok" in text)
            await stalled(terminal)
            crossed = datetime.now(UTC)
            jump(desk, "ABBV", "-12")
            raised = await written(
                desk,
                "AlertRaised",
                lambda event: event["payload"]["alert"]["condition"] == "stop_hit",
            )
            exit_ = await written(desk, "ExitProposed")
            assert crossed < at(raised) < at(exit_) < crossed + ON_TIME
            told = await alerted(desk, "exit_proposed")
            assert exit_["plan_id"] in told["sentence"]

            assert terminal.unread() >= FULL
            terminal.go_on()
            await terminal.until(lambda text: "ABBV" in text and exit_["plan_id"] in text)
            terminal.process.send_signal(signal.SIGHUP)
            async with asyncio.timeout(DEADLINE):
                assert await terminal.process.wait() == 128 + signal.SIGHUP
        before = pid_of(desk)
        os.kill(before, signal.SIGHUP)
        await desk.start_plan(exit_["plan_id"], "auto")
        document = await desk.until_ended(exit_["plan_id"])
        assert document["state"] == "done"
        assert held(desk, "ABBV") == "0"
        assert (await desk.client.status())["pid"] == before
        sells = [o for o in accepted_orders(desk.exchange.requests_log()) if o["symbol"] == "ABBV"]
        assert [(o["side"], str(o["qty"])) for o in sells] == [("buy", "10"), ("sell", "10")]
        await alerted(desk, "exit_proposed", on=False)
        kinds = [event["kind"] for event in await desk.client.events()]
        assert kinds.count("ExitProposed") == 1
    finally:
        await desk.stop()
