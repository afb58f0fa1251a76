"""Stop and target of what was bought, at the exchange: by its own log, orders and positions (spec 5,
Protection; invariant 19)."""

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest
from desk_world import (
    RunningDesk,
    accepted_orders,
    as_steps,
    planned_steps,
    protective_orders,
)
from protection_world import (
    alerted,
    asked,
    bought,
    covered,
    deed,
    eventually,
    held,
    jump,
    protecting,
    sold,
    with_cash,
)

from services.desk.client import DeskError

StartDesk = Callable[..., Awaitable[RunningDesk]]
CENT = Decimal("0.01")


async def books_agree(desk: RunningDesk) -> bool:
    found = (await desk.client.reconcile())["mismatches"]
    assert found == []
    return desk.run("journal", "verify").returncode == 0


async def test_every_bought_step_has_one_oco_for_what_filled_at_the_price_paid(
    start_desk: StartDesk,
) -> None:
    desk = await start_desk(fill_delay=20)
    plan_id = await desk.rebalance()
    await desk.start_plan(plan_id, "auto")
    document = await desk.until_ended(plan_id)
    assert document["state"] == "done"
    log = desk.exchange.requests_log()
    assert as_steps(accepted_orders(log)) == planned_steps(document)
    buys = [step for step in document["steps"] if step["side"] == "buy"]
    for step in buys:
        (pair,) = protecting(desk, step["symbol"])
        (leg,) = pair["legs"]
        scale = Decimal(step["filled_avg_price"]) / Decimal(step["expected_price"])
        assert pair["order_class"] == "oco"
        assert pair["client_order_id"] == f"qd-{plan_id}-s{step['n']:02d}-p1-a1"
        assert pair["time_in_force"] == "gtc"
        assert Decimal(pair["qty"]) == Decimal(step["filled_qty"]) == Decimal(leg["qty"])
        target, stop = (Decimal(step[name]) * scale for name in ("target_price", "stop_loss_price"))
        assert Decimal(pair["limit_price"]) == target.quantize(CENT)
        assert Decimal(leg["stop_price"]) == stop.quantize(CENT)
    assert len(protective_orders(log)) == len(buys), "never twice"
    assert await books_agree(desk)


async def test_protection_follows_partial_fills(start_desk: StartDesk) -> None:
    desk = await start_desk(control=True, fill_delay=20)
    await with_cash(desk)
    deed(desk, "partial_fill", when={"symbol": "ABBV", "times": 3}, share="0.4")
    document = await bought(desk)
    await eventually(lambda: sum(map(int, covered(desk, "ABBV"))) == 10)
    filled = Decimal(document["steps"][0]["filled_qty"])
    assert filled == 10
    ids = [order["client_order_id"] for order in protective_orders(desk.exchange.requests_log())]
    assert len(set(ids)) == len(ids) >= 2
    assert await books_agree(desk)


async def test_a_sale_of_protected_shares_and_the_rest_is_protected_again(
    start_desk: StartDesk,
) -> None:
    desk = await start_desk(fill_delay=20)
    await with_cash(desk)
    await bought(desk)
    assert covered(desk, "ABBV") == ["10"]
    assert (await sold(desk, qty="4"))["state"] == "done"
    assert held(desk, "ABBV") == "6"
    await eventually(lambda: covered(desk, "ABBV") == ["6"])
    assert (await sold(desk, qty="6"))["state"] == "done"
    assert held(desk, "ABBV") == "0"
    assert covered(desk, "ABBV") == []
    assert await books_agree(desk)


async def test_protection_that_can_not_be_cancelled_stays_and_nothing_is_sold(
    start_desk: StartDesk,
) -> None:
    desk = await start_desk(control=True, fill_delay=20)
    await with_cash(desk)
    await bought(desk)
    deed(desk, "cancel_rejected", when={"symbol": "ABBV"})
    made = await desk.client.ticket(symbol="ABBV", side="sell", qty="4")
    await desk.start_plan(made["plan_id"], "auto")
    document = await desk.until(made["plan_id"], lambda found: found["state"] == "paused")
    assert "protection" in document["reason"]
    assert held(desk, "ABBV") == "10"
    assert covered(desk, "ABBV") == ["10"]
    posts = accepted_orders(desk.exchange.requests_log())
    assert not [o for o in posts if o["symbol"] == "ABBV" and o["side"] == "sell"]


async def test_a_stop_that_fills_during_the_cancel_is_the_exit_and_nothing_is_sold_twice(
    start_desk: StartDesk,
) -> None:
    desk = await start_desk(control=True, fill_delay=20)
    await with_cash(desk)
    await bought(desk)
    deed(desk, "cancel_lost", when={"symbol": "ABBV"})
    document = await sold(desk)
    assert document["state"] == "done_with_exceptions"
    assert held(desk, "ABBV") == "0"
    posts = accepted_orders(desk.exchange.requests_log())
    assert not [o for o in posts if o["symbol"] == "ABBV" and o["side"] == "sell"]
    assert await books_agree(desk)


async def test_a_stop_hit_at_the_broker_is_booked_and_told(start_desk: StartDesk) -> None:
    desk = await start_desk(control=True, fill_delay=20)
    await with_cash(desk)
    document = await bought(desk)
    jump(desk, "ABBV", "-12")
    alert = await alerted(desk, "stop_executed")
    assert "10 sold" in alert["sentence"]
    await eventually(lambda: held(desk, "ABBV") == "0")
    document = await desk.client.plan(document["plan_id"])
    (step,) = document["steps"]
    assert step["protection"]["exited_qty"] == "10"
    assert await books_agree(desk)
    assert covered(desk, "ABBV") == []


async def test_a_target_reached_at_the_broker_is_booked_and_told(start_desk: StartDesk) -> None:
    desk = await start_desk(control=True, fill_delay=20)
    await with_cash(desk)
    await bought(desk)
    jump(desk, "ABBV", "20")
    assert "10 sold" in (await alerted(desk, "target_executed"))["sentence"]
    await eventually(lambda: held(desk, "ABBV") == "0")
    assert await books_agree(desk)


async def test_a_position_whose_pair_rests_is_added_to(start_desk: StartDesk) -> None:
    """The exchange exempts the pair from its look for wash trades (alpaca.md §8.7)."""
    desk = await start_desk(fill_delay=20)
    await with_cash(desk)
    await bought(desk)
    assert (await bought(desk, qty="5"))["state"] == "done"
    assert covered(desk, "ABBV") == ["10", "5"]
    assert await books_agree(desk)


async def test_a_halt_keeps_protection_and_a_fill_after_it_is_alarmed_then_protected(
    start_desk: StartDesk,
) -> None:
    desk = await start_desk(fill_delay=20)
    await with_cash(desk)
    await bought(desk)
    assert (await desk.client.halt("a test", "a tester"))["complete"] is True
    assert covered(desk, "ABBV") == ["10"]
    with pytest.raises(DeskError, match="protects ABBV"):
        await desk.client.cancel(protecting(desk, "ABBV")[0]["client_order_id"])


async def test_what_is_cancelled_outside_is_alarmed(start_desk: StartDesk) -> None:
    import urllib.request

    desk = await start_desk(fill_delay=20)
    await with_cash(desk)
    await bought(desk)
    (pair,) = protecting(desk, "ABBV")
    url = f"{desk.exchange.trading_url}/v2/orders/{pair['id']}"
    request = urllib.request.Request(url, method="DELETE", headers=desk.exchange.headers)
    urllib.request.urlopen(request, timeout=10)
    alert = await alerted(desk, "unprotected_position")
    assert "cancelled at the broker" in alert["sentence"]
    assert asked(desk, "/v2/clock")["is_open"] is True


async def test_the_trader_takes_protection_away_and_gives_it_back(start_desk: StartDesk) -> None:
    desk = await start_desk(fill_delay=20)
    await with_cash(desk)
    await bought(desk)
    taken = desk.run("protect", "cancel", "ABBV", "--reason", "a test")
    assert taken.returncode == 0, taken.stderr
    await eventually(lambda: covered(desk, "ABBV") == [])
    assert "took its protection away" in (await alerted(desk, "unprotected_position"))["sentence"]
    assert desk.run("protect", "restore", "ABBV").returncode == 0
    await eventually(lambda: covered(desk, "ABBV") == ["10"])
    await alerted(desk, "unprotected_position", on=False)
    assert await books_agree(desk)


async def test_by_the_desk_nothing_is_sent(start_desk: StartDesk) -> None:
    desk = await start_desk(fill_delay=20)
    desk.home.policies.mkdir(exist_ok=True)
    (desk.home.policies / "mine.toml").write_text('extends = "standard"\nprotection = "desk"\n')
    await with_cash(desk)
    made = await desk.client.ticket(symbol="ABBV", side="buy", qty="10", policy="mine")
    await desk.start_plan(made["plan_id"], "auto")
    assert (await desk.until_ended(made["plan_id"]))["state"] == "done"
    assert protective_orders(desk.exchange.requests_log()) == []
    await desk.client.reconcile()
    row = (await desk.client.snapshot())["positions"]["ABBV"]
    assert row["stop_price"] is not None
    assert row["guard"] == "desk"


async def test_what_fills_after_a_halt_is_alarmed_and_protected_after_the_resume(
    start_desk: StartDesk,
) -> None:
    """HALTED sends nothing new, not even protection (spec 5, Kill switch)."""
    desk = await start_desk(fill_delay=20, control=True)
    await with_cash(desk)
    deed(desk, "cancel_lost", when={"symbol": "ABBV", "times": 1})
    made = await desk.client.ticket(
        symbol="ABBV", side="buy", qty="10", type="limit", limit_price="198"
    )
    await desk.start_plan(made["plan_id"], "auto")
    await eventually(lambda: protecting(desk, "ABBV"))
    await desk.client.halt("a test", "a tester")
    await eventually(lambda: held(desk, "ABBV") == "10")
    assert "HALTED" in (await alerted(desk, "unprotected_position"))["sentence"]
    assert protective_orders(desk.exchange.requests_log()) == []
    await desk.client.reconcile()
    await desk.client.resume("the test goes on")
    await eventually(lambda: covered(desk, "ABBV") == ["10"])
    await alerted(desk, "unprotected_position", on=False)
    assert await books_agree(desk)


async def test_a_refused_pair_is_alarmed_and_the_plan_ends(start_desk: StartDesk) -> None:
    desk = await start_desk(fill_delay=20, control=True)
    await with_cash(desk)
    deed(
        desk,
        "refuse",
        when={"method": "POST", "path": "/v2/orders", "nth": 2, "every": 1},
        cause="not_authorized",
    )
    document = await bought(desk)
    assert document["state"] == "done"
    (step,) = document["steps"]
    assert step["protection"]["by"] == "desk"
    assert "was refused" in step["protection"]["reason"]
    assert "was refused" in (await alerted(desk, "unprotected_position"))["sentence"]
    assert (await desk.client.snapshot())["positions"]["ABBV"]["guard"] == "none"


async def test_an_unknown_pair_is_looked_up_and_never_doubled(start_desk: StartDesk) -> None:
    desk = await start_desk(fill_delay=20, control=True)
    await with_cash(desk)
    deed(
        desk, "gateway_timeout", when={"method": "POST", "path": "/v2/orders", "nth": 2, "times": 1}
    )
    document = await bought(desk)
    assert document["state"] == "done"
    assert covered(desk, "ABBV") == ["10"]
    # The plan doesn't wait for its leg, which the look-up finds.
    await desk.until(
        document["plan_id"], lambda found: len(found["steps"][0]["protection"]["orders"]) == 2
    )
    assert await books_agree(desk)


async def test_flatten_takes_protection_along(start_desk: StartDesk) -> None:
    desk = await start_desk(fill_delay=20)
    await with_cash(desk)
    await bought(desk)
    card = desk.run("flatten", "--json")
    assert card.returncode == 0, card.stderr
    token = json.loads(card.stdout)["token"]
    assert desk.run("flatten", "--yes", token).returncode == 0
    assert held(desk, "ABBV") == "0"
    assert covered(desk, "ABBV") == []
