"""Open orders re-priced or cancelled by the trader, edited on the broker's own page, and the money of
a half-done plan: on a real desk and a real exchange (spec 5; invariants 13, 14)."""

import json
import urllib.request
from collections.abc import Awaitable, Callable
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from desk_world import RunningDesk, accepted_orders

StartDesk = Callable[..., Awaitable[RunningDesk]]
Json = dict[str, Any]
HASTY = 'extends = "standard"\nphase_wait_seconds = 1\n'


def at_the_exchange(desk: RunningDesk, method: str, path: str, body: Json | None = None) -> Any:
    """As on the broker's own page."""
    request = urllib.request.Request(
        f"{desk.exchange.trading_url}/v2{path}",
        method=method,
        headers={**desk.exchange.headers, "Content-Type": "application/json"},
        data=None if body is None else json.dumps(body).encode(),
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


async def impatient(start_desk: StartDesk) -> RunningDesk:
    """A desk whose policy waits a second."""
    desk = await start_desk()
    await desk.kill()
    desk.home.policies.mkdir(exist_ok=True)
    (desk.home.policies / "hasty.toml").write_text(HASTY, encoding="utf-8")
    desk.configure("hasty")
    await desk.start()
    return desk


async def above_the_market(desk: RunningDesk, mode: str) -> tuple[str, Json]:
    """A sell of 10 NEM half a percent over the market, sent and open. Plan and the exchange's order."""
    snapshot = await desk.client.snapshot()
    price = next(
        Decimal(p["price"]) for p in snapshot["positions"].values() if p["symbol"] == "NEM"
    )
    limit = (price * Decimal("1.005")).quantize(Decimal("0.01"), ROUND_FLOOR)
    made = await desk.client.ticket(
        symbol="NEM", side="sell", qty="10", type="limit", limit_price=str(limit)
    )
    plan_id = str(made["plan_id"])
    await desk.start_plan(plan_id, mode)
    if mode == "step":
        await desk.client.next(plan_id)
    await desk.until(plan_id, lambda p: p["steps"][0]["state"] == "acknowledged")
    (order,) = at_the_exchange(desk, "GET", "/orders")
    return plan_id, order


def filled(desk: RunningDesk) -> Decimal:
    """Shares of NEM sold, by the exchange."""
    orders = at_the_exchange(desk, "GET", "/orders?status=all")
    return sum((Decimal(o["filled_qty"]) for o in orders if o["symbol"] == "NEM"), Decimal(0))


async def test_an_open_limit_is_repriced_by_cancel_and_a_new_attempt(
    start_desk: StartDesk,
) -> None:
    desk = await impatient(start_desk)
    plan_id, order = await above_the_market(desk, "step")
    paused = await desk.until(plan_id, lambda p: p["state"] == "paused")
    assert "still open after 1 s: sell NEM" in paused["reason"]
    assert paused["offers"] == ["continue", "reprice", "resubmit", "cancel-rest", "abort"]
    asked = desk.run("reprice", plan_id)
    assert asked.returncode == 0, asked.stderr
    assert (await desk.until_ended(plan_id))["state"] == "done"
    log = desk.exchange.requests_log()
    sent = accepted_orders(log)
    assert [o["client_order_id"][-3:] for o in sent] == ["-a1", "-a2"]
    assert Decimal(str(sent[1]["limit_price"])) < Decimal(str(sent[0]["limit_price"]))
    assert not [entry for entry in log if entry["method"] == "PATCH"]
    first = at_the_exchange(desk, "GET", f"/orders/{order['id']}")
    assert (first["status"], filled(desk)) == ("canceled", 10)


async def test_auto_cancels_the_rest_and_says_so(start_desk: StartDesk) -> None:
    desk = await impatient(start_desk)
    plan_id, _ = await above_the_market(desk, "auto")
    plan = await desk.until_ended(plan_id)
    assert plan["state"] == "done_with_exceptions"
    assert at_the_exchange(desk, "GET", "/orders") == []
    assert len(accepted_orders(desk.exchange.requests_log())) == 1


async def test_an_order_edited_at_the_broker_is_followed_as_one_leg(start_desk: StartDesk) -> None:
    desk = await start_desk()
    plan_id, order = await above_the_market(desk, "auto")
    lower = Decimal(order["limit_price"]) * Decimal("0.98")
    changed = {"limit_price": str(lower.quantize(Decimal("0.01")))}
    at_the_exchange(desk, "PATCH", f"/orders/{order['id']}", changed)
    plan = await desk.until_ended(plan_id)
    assert (plan["state"], plan["steps"][0]["filled_qty"]) == ("done", "10")
    assert len(plan["steps"][0]["orders"]) == 1
    assert (len(accepted_orders(desk.exchange.requests_log())), filled(desk)) == (1, 10)
    assert (await desk.client.reconcile())["mismatches"] == []
    kinds = {event["kind"] for event in await desk.client.events(plan=plan_id)}
    assert {"OrderReplaced", "OrderFollowed"} <= kinds


async def test_the_ledger_is_the_brokers_cash_between_the_phases_and_at_the_end(
    start_desk: StartDesk,
) -> None:
    desk = await start_desk()
    plan_id = await desk.rebalance()
    await desk.start_plan(plan_id, "phase")
    sold = await desk.until(plan_id, lambda p: p["state"] == "settling")

    def agrees(plan: Json) -> None:
        account = at_the_exchange(desk, "GET", "/account")
        stopped = plan["ledger"]["if_stopped"]
        assert Decimal(plan["ledger"]["cash"]) == Decimal(account["cash"])
        assert Decimal(stopped["equity"]) == Decimal(account["equity"]).quantize(Decimal("0.01"))
        held = {p["symbol"]: Decimal(p["qty"]) for p in at_the_exchange(desk, "GET", "/positions")}
        assert {h["symbol"]: Decimal(h["qty"]) for h in stopped["holdings"]} == held

    agrees(sold)
    assert any(Decimal(step["actual"]) > 0 for step in sold["ledger"]["steps"])
    agrees(await desk.confirm_until_ended(plan_id))
