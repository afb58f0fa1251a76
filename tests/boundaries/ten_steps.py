"""The trader's day that is cut short everywhere: two buys that get protected, then a plan of ten steps
that sells all of the one, a part of the other and of three more, and buys five."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from running_exchange import ROOT

from services.desk.client import DeskClient, DeskError, DeskUnreachableError

Json = dict[str, Any]
DEADLINE = 60.0
LOOK_SECONDS = 0.02
LOOKS = 50
BOOK = ROOT / "tests" / "data" / "cases" / "rebalance" / "book.json"
CASH = "12000.00"
FIRST = ("buy ABBV 10", "buy UNH 6")
TEN = (
    *("sell ABBV 4", "sell UNH 6", "sell NEM 100", "sell CF 50", "sell FCX 100"),
    *("buy NVDA 20", "buy AVGO 10", "buy MSFT 5", "buy LLY 5", "buy JPM 8"),
)
PLANS = {"first.csv": FIRST, "ten.csv": TEN}
ALL_BOUGHT = ("ABBV", "UNH", "NVDA", "AVGO", "LLY")
"""Nothing of these is held but what the plans bought."""
SHORT, WHOLE = ("first.csv",), ("first.csv", "ten.csv")
"""What a day consists of."""
ENDED = ("done", "done_with_exceptions", "aborted", "expired", "rejected")


def basket(orders: Iterable[str]) -> bytes:
    rows = (order.split() for order in orders)
    return "\n".join(["symbol,side,qty", *(f"{s},{side},{qty}" for side, s, qty in rows)]).encode()


def book(path: Path, accounts: Iterable[str]) -> Path:
    """A book in which each of the accounts holds what the case's `main` does, and more cash."""
    case = json.loads(BOOK.read_text())
    names = list(accounts)
    case["accounts"] = {name: {**case["accounts"]["main"], "cash": CASH} for name in names}
    case["positions"] = [{**p, "account": name} for name in names for p in case["positions"]]
    path.write_text(json.dumps(case))
    return path


async def carry_on(
    client: DeskClient,
    reports: Path,
    plans: Iterable[str],
    calm: Callable[[], Awaitable[None]],
) -> None:
    """What the trader does with a desk that has just started, whatever went before, until the plans
    have ended and are reported. A plan that waits for him waits until all is `calm`. Raises
    DeskUnreachableError when the desk dies under it."""
    for name in plans:
        async with asyncio.timeout(DEADLINE):
            while (row := await plan_of(client, name)) is None:
                await client.propose(name, basket(PLANS[name]))
            while row["state"] not in ENDED:
                if row["state"] == "paused":
                    await calm()
                await next_deed(client, row)
                await moved_on(reports, row["plan_id"])
                row = await plan_of(client, name) or row
            while not reported(reports, row["plan_id"]):
                await asyncio.sleep(LOOK_SECONDS)


async def plan_of(client: DeskClient, name: str) -> Json | None:
    return next((row for row in await client.plans() if row["source"] == name), None)


async def next_deed(client: DeskClient, row: Json) -> None:
    """A refusal is no end: the trader looks again."""
    plan_id = row["plan_id"]
    try:
        if row["state"] == "checked":
            card = await client.card(plan_id)
            await client.approve(plan_id, card["token"], card["hash"], "auto", "a test")
            await client.run(plan_id)
        elif row["state"] == "approved":
            await client.run(plan_id)
        elif row["state"] == "paused":
            await client.continue_(plan_id)
    except DeskUnreachableError:
        raise
    except DeskError:
        pass


def reported(reports: Path, plan_id: str) -> bool:
    return any(reports.glob(f"{plan_id}-*-execution.json"))


async def moved_on(reports: Path, plan_id: str) -> None:
    """A look at the folder costs the desk nothing: it is asked again only now and then."""
    for _ in range(LOOKS):
        if reported(reports, plan_id):
            return
        await asyncio.sleep(LOOK_SECONDS)
