"""The manual environment on a real desk: from a file to a written portfolio, by typed fills alone."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hand_world import CASES, DEADLINE, HandDesk, Json

from services.desk.client import DeskError
from services.desk.launch import LaunchError
from services.reports.portfolio_md import parse


async def until(ask: Callable[[], object], what: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while not await ask():  # type: ignore[misc]
            await asyncio.sleep(0.02)


async def ticket_of(desk: HandDesk, plan_id: str, n: int) -> Json:
    """The open ticket of the step, once it is shown."""
    async with asyncio.timeout(DEADLINE):
        while True:
            for ticket in await desk.client.tickets():
                if (ticket["plan_id"], ticket["step"]) == (plan_id, n):
                    return ticket
            await asyncio.sleep(0.02)


async def let_go(desk: HandDesk, plan_id: str) -> None:
    """Run the next step, as soon as the one before is over."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await desk.client.next(plan_id)
                return
            except DeskError:
                await asyncio.sleep(0.05)


async def started(desk: HandDesk) -> tuple[str, list[Json]]:
    plan_id = await desk.rebalance()
    await desk.approve(plan_id)
    document = await desk.client.run(plan_id)
    return plan_id, document["steps"]


async def by_hand(desk: HandDesk, plan_id: str, step: Json) -> None:
    """One step as a trader does it: look, place, type what filled."""
    n = step["n"]
    await let_go(desk, plan_id)
    ticket = await ticket_of(desk, plan_id, n)
    assert ticket["state"] == "sent", "shown is not entered"
    for item in ("prices", "account", "form", "entered"):
        await desk.client.tick(plan_id, n, item)
    assert (await ticket_of(desk, plan_id, n))["state"] == "acknowledged"
    booked = await desk.client.fill(
        plan_id, n, qty=step["qty"], price=step["expected_price"], fee="1", confirmation=f"C{n}"
    )
    assert booked["ticket"]["state"] == "filled"


async def protect(desk: HandDesk, plan_id: str, bought: int) -> None:
    """Place every protective ticket: until then the alert stands."""
    async with asyncio.timeout(DEADLINE):
        entered = 0
        while entered < bought:
            for ticket in await desk.client.tickets():
                if ticket["protective"] and ticket["state"] == "sent":
                    assert "OCO" in ticket["line"]
                    await desk.client.tick(plan_id, ticket["step"], "entered")
                    entered += 1
            await asyncio.sleep(0.05)


async def rebalanced(desk: HandDesk) -> tuple[str, list[Json]]:
    plan_id, steps = await started(desk)
    for step in steps:
        await by_hand(desk, plan_id, step)
    await protect(desk, plan_id, bought=5)

    async def done() -> bool:
        return (await desk.client.plan(plan_id))["state"] == "done"

    await until(done, "the plan ends")
    return plan_id, steps


async def test_the_rebalance_from_file_to_written_portfolio(
    hand_desk: HandDesk, tmp_path: Path
) -> None:
    desk = hand_desk
    plan_id, steps = await rebalanced(desk)
    assert [step["side"] for step in steps] == ["sell"] * 3 + ["buy"] * 5
    status = await desk.client.status()
    moved = sum(
        (Decimal(s["qty"]) * Decimal(s["expected_price"]) * (1 if s["side"] == "sell" else -1)) - 1
        for s in steps
    )
    assert Decimal(status["cash"]) == 2500 + moved, "cash by the fills and their fees"

    async def written() -> bool:
        return desk.home.portfolio.exists()

    await until(written, "PORTFOLIO.md")
    report = parse(desk.home.portfolio.read_text("utf-8"))
    held = {line.ticker: line.quantity for line in report.holdings}
    assert held["FCX"] == 180
    assert {"NEM", "AA"}.isdisjoint(held)
    guide = (desk.home.reports / f"guide-{plan_id}.md").read_text("utf-8")
    assert "SELL 150 NEM" in guide
    assert "C1" in guide

    tickets = (await desk.client.plan(plan_id))["tickets"]
    assert all(t["claimed"] for t in tickets if t["fills"]), "nobody but the trader said so"
    statement = tmp_path / "statement.csv"
    rows = [f"{symbol},{qty}" for symbol, qty in held.items()]
    statement.write_text("\n".join(["symbol,quantity", f"CASH,{status['cash']}", *rows]))
    imported = desk.run("positions", "import", str(statement), "--json")
    assert imported.returncode == 0, imported.stderr
    assert json.loads(imported.stdout)["claimed"] == []
    tickets = (await desk.client.plan(plan_id))["tickets"]
    assert not any(t["claimed"] for t in tickets)
    assert desk.run("journal", "verify").returncode == 0
    paths = {path for _, path in desk.asked()}
    assert {method for method, _ in desk.asked()} == {"GET"}, "no order left this machine"
    assert not any(word in path for path in paths for word in ("order", "account", "position"))


async def test_a_statement_that_differs_is_a_difference_to_settle(
    hand_desk: HandDesk, tmp_path: Path
) -> None:
    desk = hand_desk
    plan_id, steps = await started(desk)
    await by_hand(desk, plan_id, steps[0])
    held = (await desk.client.snapshot())["positions"].values()
    rows = [f"{row['symbol']},{row['qty']}" for row in held]
    statement = tmp_path / "statement.csv"
    statement.write_text("\n".join(["symbol,quantity", *rows, "NEM,10"]))
    imported = desk.run("positions", "import", str(statement))
    assert imported.returncode == 10
    assert "NEM" in imported.stderr
    assert "Claimed still: NEM." in imported.stderr
    positions = (await desk.client.snapshot())["positions"]
    assert positions["NEM"]["qty"] == "10", "the broker wins, once the trader settles it"


async def test_typed_twice_is_asked_about_and_not_booked_twice(hand_desk: HandDesk) -> None:
    desk = hand_desk
    plan_id, _ = await started(desk)
    await let_go(desk, plan_id)
    await ticket_of(desk, plan_id, 1)
    fill = ("fill", plan_id, "1", "--qty", "40", "--price", "79.95")
    assert desk.run(*fill).returncode == 0
    again = desk.run(*fill)
    assert again.returncode == 2
    assert "already" in again.stderr
    assert (await ticket_of(desk, plan_id, 1))["left"] == "110"
    assert desk.run(*fill, "--sure").returncode == 0
    assert (await ticket_of(desk, plan_id, 1))["left"] == "70"
    step = (await desk.client.plan(plan_id))["steps"][0]
    assert (step["state"], step["filled_qty"]) == ("partially_filled", "80")
    rest = desk.run("not-done", plan_id, "1", "--reason", "the day is over")
    assert rest.returncode == 0, rest.stderr
    step = (await desk.client.plan(plan_id))["steps"][0]
    assert step["state"] == "canceled"
    assert step["orders"][0]["reason"] == "the day is over"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"qty": "151", "price": "79.97"}, "150 can still fill"),
        ({"qty": "x", "price": "79.97"}, "no number"),
        ({"qty": "10", "price": "-1"}, "above zero"),
        ({"qty": "10", "price": "79.97", "at": "2999-01-01"}, "still to come"),
    ],
)
async def test_wrong_input_is_one_sentence_and_books_nothing(
    hand_desk: HandDesk, typed: dict[str, str], said: str
) -> None:
    desk = hand_desk
    plan_id, _ = await started(desk)
    await let_go(desk, plan_id)
    await ticket_of(desk, plan_id, 1)
    with pytest.raises(DeskError, match=said):
        await desk.client.fill(plan_id, 1, **typed)
    assert (await ticket_of(desk, plan_id, 1))["left"] == "150"


async def test_killed_with_a_ticket_out_it_comes_back_as_it_was(hand_desk: HandDesk) -> None:
    """Invariant 8: what the trader did meanwhile is his to say, nothing is guessed."""
    desk = hand_desk
    plan_id, steps = await started(desk)
    await let_go(desk, plan_id)
    await ticket_of(desk, plan_id, 1)
    await desk.client.fill(plan_id, 1, qty="50", price="79.97")
    desk.kill()
    await desk.start()
    ticket = await ticket_of(desk, plan_id, 1)
    assert (ticket["state"], ticket["left"]) == ("partially_filled", "100")
    assert (await desk.client.plan(plan_id))["state"] == "paused"
    await desk.client.continue_(plan_id)
    booked = await desk.client.fill(plan_id, 1, qty="100", price="79.98")
    assert booked["ticket"]["state"] == "filled"
    await by_hand(desk, plan_id, steps[1])
    status = await desk.client.status()
    assert status["mismatches"] == []
    assert sum(t["step"] == 1 for t in (await desk.client.plan(plan_id))["tickets"]) == 1


async def test_a_halt_lists_what_to_cancel_by_hand(hand_desk: HandDesk) -> None:
    desk = hand_desk
    plan_id, _ = await started(desk)
    await let_go(desk, plan_id)
    await ticket_of(desk, plan_id, 1)
    killed = desk.run("kill", "--reason", "enough", "--json")
    assert killed.returncode == 10, killed.stderr
    report = json.loads(killed.stdout)
    assert report["remaining"] == 1
    assert "by hand" in report["orders"][0]["outcome"]
    ticket = await ticket_of(desk, plan_id, 1)
    assert ticket["cancel_by_hand"]
    assert any(item["item"] == "cancelled" for item in ticket["checklist"])
    with pytest.raises(DeskError):
        await desk.client.next(plan_id)
    await desk.client.end_ticket(plan_id, 1, "cancelled at the broker", refused=False)
    after = await desk.client.halt_report()
    assert after is not None
    assert after["complete"] is True


async def test_a_halt_without_a_desk_lists_them_from_the_journal(hand_desk: HandDesk) -> None:
    desk = hand_desk
    plan_id, _ = await started(desk)
    await let_go(desk, plan_id)
    await ticket_of(desk, plan_id, 1)
    desk.kill()
    killed = desk.run("kill")
    assert killed.returncode == 10, killed.stderr
    assert "by hand" in killed.stdout
    assert desk.home.latch.exists()


async def test_protected_shares_are_sold_once_their_protection_is_cancelled_by_hand(
    hand_desk: HandDesk,
) -> None:
    """Invariant 19: no sale is shown while the protection of its shares may still work."""
    desk = hand_desk
    bought, steps = await rebalanced(desk)
    n = next(step["n"] for step in steps if step["symbol"] == "NVDA")
    sold = await desk.client.ticket(symbol="NVDA", side="sell", qty="18", type="market")
    plan_id = str(sold["plan"]["plan_id"] if "plan" in sold else sold["plan_id"])
    await desk.approve(plan_id)
    await desk.client.run(plan_id)
    await let_go(desk, plan_id)

    async def asked() -> bool:
        return (await ticket_of(desk, bought, n))["cancel_by_hand"] is True

    await until(asked, "the trader is asked to cancel the protection")
    assert [t for t in await desk.client.tickets() if t["plan_id"] == plan_id] == []
    await desk.client.end_ticket(bought, n, "cancelled there", refused=False)
    ticket = await ticket_of(desk, plan_id, 1)
    assert ticket["line"].startswith("SELL 18 NVDA MARKET")
    await desk.client.fill(plan_id, 1, qty="18", price="179.90")

    async def done() -> bool:
        return (await desk.client.plan(plan_id))["state"] == "done"

    await until(done, "the plan ends")
    assert "NVDA" not in (await desk.client.snapshot())["positions"]


async def test_nothing_is_flattened_by_itself(hand_desk: HandDesk) -> None:
    card = await hand_desk.client.flatten_card()
    with pytest.raises(DeskError, match="By hand nothing closes by itself"):
        await hand_desk.client.flatten(card["token"], "a test")


async def test_there_is_no_auto_mode(hand_desk: HandDesk) -> None:
    plan_id = await hand_desk.rebalance()
    with pytest.raises(DeskError, match="no auto mode"):
        await hand_desk.approve(plan_id, "auto")


async def test_without_prices_they_are_typed_or_unknown() -> None:
    desk = HandDesk(quotes="none", portfolio=CASES / "rebalance" / "book.json")
    try:
        await desk.start()
        assert desk.run("price", "nvda", "180.10").returncode == 0
        snapshot = await desk.client.snapshot()
        assert Decimal(snapshot["equity"]) == 100_000, "at the portfolio's own prices"
        row = snapshot["positions"]["NEM"]
        assert row["price_at"] is None, "and none of them is called a market price"
        wrong = desk.run("price", "NVDA", "zero")
        assert (wrong.returncode, wrong.stdout) == (2, "")
    finally:
        await desk.stop()


async def test_it_asks_what_is_held_before_it_begins() -> None:
    desk = HandDesk(quotes="none")
    try:
        with pytest.raises(LaunchError, match=r"PORTFOLIO\.md"):
            await desk.start()
    finally:
        await desk.stop()
