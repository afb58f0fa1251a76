"""A desk with a policy of its own, what it wrote down, and the process that it is."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from desk_world import DEADLINE, RunningDesk
from running_exchange import RunningExchange

Json = dict[str, Any]


async def started(exchange: RunningExchange, **policy: object) -> RunningDesk:
    """A desk whose policy is the standard one with these changes."""
    return await start(RunningDesk(exchange, "mine"), **policy)


async def start(desk: RunningDesk, **policy: object) -> RunningDesk:
    desk.configure("mine")
    desk.home.policies.mkdir(exist_ok=True)
    lines = ['extends = "standard"', *(f"{name} = {value}" for name, value in policy.items())]
    (desk.home.policies / "mine.toml").write_text("\n".join(lines) + "\n")
    try:
        await desk.start()
    except BaseException:
        await desk.stop()
        raise
    return desk


def pid_of(desk: RunningDesk) -> int:
    return int(json.loads(desk.home.lock.read_text())["pid"])


async def written(desk: RunningDesk, kind: str, true: Callable[[Json], bool] = bool) -> Json:
    """The first event of this kind that is so, once it is in the journal."""
    async with asyncio.timeout(DEADLINE):
        while True:
            for event in await desk.client.events():
                if event["kind"] == kind and true(event):
                    return dict(event)
            await asyncio.sleep(0.05)


def at(event: Json) -> datetime:
    return datetime.fromisoformat(event["at"].replace("Z", "+00:00"))


async def resumed(desk: RunningDesk, reason: str) -> None:
    """In two steps, as after every stop that nobody pressed."""
    card = await desk.client.resume(reason)
    answer = await desk.client.resume(reason, card["token"])
    assert answer["trading_state"] == "ACTIVE"
