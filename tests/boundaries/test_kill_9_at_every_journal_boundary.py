"""kill -9 just before and just after every commit of the journal, from a desk's first start to the
last report of a plan of ten steps; then a new desk, and the trader goes on. The exchange has exactly
the plan's orders, once each, and everything ends as on a day that nothing disturbed (invariants 1-4,
15).

All of them belong to `make long`; a few stay in every run."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from difflib import ndiff
from pathlib import Path
from pprint import pformat
from typing import Any

import pytest
from one_day import Boundary, Day
from running_exchange import RunningExchange
from ten_steps import PLANS, SHORT, WHOLE, book

from db.model.order import PROTECTION
from services.desk.client import DeskError

Json = dict[str, Any]
StartExchange = Callable[..., RunningExchange]
MOST_EVENTS = 250
"""Accounts are made before anybody knows how many boundaries there are."""
AT_ONCE = 4
VARIES = 12
"""Alerts and status reports that one day has and another has not: so much may a day be shorter."""
SOME = [
    ("before", "OrderIntended"),
    ("after", "OrderIntended"),
    ("after", "ProtectionReleased"),
    ("before", "OrderAcknowledged"),
    ("before", "FillReceived"),
    ("after", "PlanEnded"),
]


@pytest.mark.siege
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("plans", [WHOLE, SHORT], ids=["ten-steps", "first-start"])
async def test_no_boundary_of_the_journal_is_one_too_many(
    start_exchange: StartExchange, tmp_path: Path, plans: tuple[str, ...], when: str
) -> None:
    await survive(
        start_exchange,
        tmp_path,
        plans,
        lambda calm: [Boundary(when, n) for n in of_last_plan(calm)],
    )


async def test_some_boundaries_in_every_run(start_exchange: StartExchange, tmp_path: Path) -> None:
    def some(calm: Day) -> list[Boundary]:
        return [Boundary(when, calm.began(kind)) for when, kind in SOME]

    await survive(start_exchange, tmp_path, WHOLE, some)


async def survive(
    start_exchange: StartExchange,
    folder: Path,
    plans: tuple[str, ...],
    chosen: Callable[[Day], list[Boundary]],
) -> None:
    """Each chosen boundary of a day with these plans, on an account of its own."""
    accounts = ["undisturbed", *(f"a{n}" for n in range(MOST_EVENTS))]
    exchange = start_exchange(book=book(folder / "book.json", accounts), fill_delay=5, state=None)
    calm = Day(exchange, "undisturbed", plans)
    wanted = await calm.last_life()
    assert wanted["journal"] == "whole" and wanted["plans"][plans[-1]][0].startswith("done")
    boundaries = chosen(calm)
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, boundary: Boundary) -> str:
        day = Day(exchange, f"a{number}", plans)
        async with turns:
            found = await cut_short(day, boundary, wanted, calm.head())
        day.end()
        return "" if not found else f"{boundary}, {day.home.root}: {found}"

    found = await asyncio.gather(*(one(n, b) for n, b in enumerate(boundaries)))
    problems = [problem for problem in found if problem]
    used = {"undisturbed", *accounts[1 : len(boundaries) + 1]}
    problems += misdeeds(orders_by_account(exchange), used, plans)
    assert not problems, "\n".join(problems)
    calm.forget()


def of_last_plan(calm: Day) -> list[int]:
    """What comes before the plan of ten steps has a day of its own: the short one."""
    appends = calm.appends()
    return appends if calm.plans == SHORT else [n for n in appends if n >= calm.began()]


async def cut_short(day: Day, boundary: Boundary, wanted: Json, events: int) -> str:
    """One day with a death in it. What is wrong, or nothing."""
    try:
        died = await day.first_life(boundary)
        if died is None:
            if boundary.seq <= events - VARIES:
                return f"not reached: the day had {day.head()} events"
        else:
            first, last = died
            assert first <= boundary.seq <= last
            on_disk = first - 1 if boundary.when == "before" else last
            assert day.head() == on_disk, f"{day.head()} events on disk, not {on_disk}"
        ending = await day.last_life()
    except (AssertionError, TimeoutError, DeskError) as error:
        return f"{type(error).__name__}: {error}\nthe last events: {day.last_events()}"
    if ending == wanted:
        day.forget()
        return ""
    lines = ndiff(*(pformat(one, width=120).splitlines() for one in (wanted, ending)))
    return "\n".join(line for line in lines if line[0] in "-+")


# --- the exchange's own log -----------------------------------------------------------------------


def orders_by_account(exchange: RunningExchange) -> dict[str, list[Json]]:
    """Every request for an order, in order of arrival."""
    found = defaultdict(list)
    for asked in exchange.requests_log():
        if (asked["method"], asked["path"]) == ("POST", "/v2/orders"):
            found[asked["account"]].append(asked)
    return {name: sorted(asked, key=lambda one: one["seq"]) for name, asked in found.items()}


def misdeeds(
    asked: dict[str, list[Json]], accounts: Iterable[str], plans: Iterable[str]
) -> list[str]:
    """Accounts at which an order was refused, was taken twice or was not the plans'."""
    wanted = sorted(order for name in plans for order in PLANS[name])
    found = []
    for account in accounts:
        orders = [(one["body"], one["status"]) for one in asked.get(account, ())]
        refused = [body for body, status in orders if status != 200]
        taken = [body for body, status in orders if status == 200]
        ids = [body["client_order_id"] for body in taken]
        ours = [b for b in taken if not PROTECTION.match(b["client_order_id"])]
        sent = sorted(f"{b['side']} {b['symbol']} {b['qty']}" for b in ours)
        if refused or len(set(ids)) < len(ids) or sent != wanted:
            found.append(f"{account}: refused {refused}, taken {ids}, of plans {sent}")
    return found
