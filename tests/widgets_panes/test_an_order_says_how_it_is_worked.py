"""Stop, limit and time in force of an order stand wherever it is approved: on the card, in the gate, behind
the plan, on the command line."""

from typing import Any

import pytest

from console.cli.text import card_lines, plan_lines
from console.screens.approval import described
from console.screens.plan_edits import titled
from widgets.document import terms
from widgets.plan_detail import detail

ORDERS: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "market", "time_in_force": "day"}, "market", "market"),
    ({"type": "market"}, "market", "market"),
    ({"type": "market", "time_in_force": "cls"}, "market cls", "market cls"),
    ({"type": "limit", "limit_price": "79.5", "time_in_force": "gtc"}, "limit 79.50 gtc", "limit gtc"),
    (
        {"type": "limit", "limit_price": "79.5", "time_in_force": "day", "extended_hours": True},
        "limit 79.50 ext",
        "limit ext",
    ),
    ({"type": "stop", "stop_price": "75", "time_in_force": "day"}, "stop 75.00", "stop 75.00"),
    (
        {"type": "stop_limit", "stop_price": "75", "limit_price": "74.5", "time_in_force": "gtc"},
        "stop 75.00 limit 74.50 gtc",
        "stop_limit 75.00 gtc",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("order", "said", "typed"), ORDERS)
def test_wherever_it_is_approved(order: dict[str, Any], said: str, typed: str) -> None:
    step = {
        "n": 1, "phase": "sell", "side": "sell", "symbol": "NEM", "qty": "150", "limit_price": None,
        "expected_price": "79", "expected_value": "11850", "expected_cash_after": "1", **order,
    }  # fmt: skip
    assert terms(step) == said
    assert titled(step) == f"Step 1: SELL 150 NEM, {said}"
    card = dict.fromkeys(
        ("plan_id", "revision", "verdict", "environment", "account", "trading_state", "token"), "x"
    )
    whole = {
        **card, "orders": [step], "findings": [], "drift": [], "sells": 1, "buys": 0,
        "worst_case_cash": "1", "cash_after": "1", "tolerance": "0.01", "expires_at": "x",
    }  # fmt: skip
    assert f"NEM    {said} " in described(whole).plain
    assert any(typed in line and "NEM" in line for line in card_lines(whole))
    plan = {
        "plan_id": "x", "verdict": "SAFE", "policy": "p", "steps": [step], "findings": [],
        "skipped": [],
    }  # fmt: skip
    assert any(typed in line and "NEM" in line for line in plan_lines(plan))
    assert (f"1 SELL NEM {said}" in detail(plan, 80).plain) is (said != "market")
