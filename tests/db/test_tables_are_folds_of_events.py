"""Spec 7, Journal: what each event changes in the tables, in exact decimals (invariants 4,
6, 10)."""

import asyncio
import tempfile
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_drafts import (
    ACCOUNT,
    ORDER_DRAFTS,
    ORDERS,
    Ticking,
    alert,
    draft,
    fill,
    intended,
    order,
    plan,
    received,
)
from plan_makers import NOON, make_escalation

from db.journal import Journal
from db.model.event import Event, EventDraft
from db.model.order import Side
from db.model.run import Approval, Mode
from services.execution.fold import folded

Rows = tuple[dict[str, Any], ...]


async def after(table: str, *drafts: EventDraft) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        journal = await Journal.open(Path(folder) / "journal.db", Ticking())
        for one in drafts:
            await journal.append(one)
        rows = await journal.rows(table)
        await journal.close()
        return rows


async def position(*drafts: EventDraft) -> tuple[str, str | None]:
    (row,) = await after("positions", *drafts)
    return row["qty"], row["avg_entry_price"]


def traded(*trades: tuple[Side, str, str]) -> list[EventDraft]:
    return [
        received(fill(str(n), side=side, qty=qty, price=price))
        for n, (side, qty, price) in enumerate(trades)
    ]


@pytest.mark.parametrize(
    ("trades", "expected"),
    [
        ([(Side.BUY, "4", "10")], ("4", "10")),
        ([(Side.BUY, "4", "10"), (Side.BUY, "4", "11")], ("8", "10.5")),
        ([(Side.BUY, "4", "10"), (Side.SELL, "1", "99")], ("3", "10")),
        ([(Side.BUY, "4", "10"), (Side.SELL, "4", "99")], ("0", None)),
        ([(Side.BUY, "4", "10"), (Side.SELL, "6", "12")], ("-2", "12")),
        ([(Side.SELL, "4", "10"), (Side.SELL, "4", "12")], ("-8", "11")),
        ([(Side.SELL, "4", "10"), (Side.BUY, "4", "9"), (Side.BUY, "2", "8")], ("2", "8")),
    ],
)
async def test_a_position_is_its_fills(
    trades: list[tuple[Side, str, str]], expected: tuple[str, str | None]
) -> None:
    assert await position(*traded(*trades)) == expected


TRADES = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 9).map(str), st.integers(1, 99).map(str)),
    min_size=1, max_size=12,
)  # fmt: skip


@given(trades=TRADES)
@settings(max_examples=25, deadline=None)
def test_any_trades_sum_up_to_the_position_at_its_average_cost(
    trades: list[tuple[Side, str, str]],
) -> None:
    held, cost = Fraction(0), Fraction(0)
    for side, qty, price in trades:
        change = Fraction(qty) * (1 if side is Side.BUY else -1)
        if held * change < 0:
            closed = min(abs(held), abs(change)) * (1 if held > 0 else -1)
            cost -= cost / held * closed
            held, change = held - closed, change + closed
        held, cost = held + change, cost + change * Fraction(price)
    qty, average = asyncio.run(position(*traded(*trades)))
    assert Fraction(qty) == held
    if held:
        assert average is not None
        assert abs(Fraction(average) - cost / held) < Fraction(1, 10**18)
    else:
        assert average is None


async def test_an_execution_counts_once_however_often_it_is_reported() -> None:
    twice = [intended(order()), received(fill("e1")), received(fill("e1"))]
    (row,) = await after("orders", *twice)
    assert (row["filled_qty"], row["state"]) == ("4", "partially_filled")
    assert await position(*twice) == ("-4", "45.5")
    assert len(await after("fills", *twice)) == 1


async def test_the_broker_wins_an_adoption_and_later_fills_add_to_it() -> None:
    adopted = draft(
        "PositionAdopted", account=ACCOUNT, symbol="NEM", qty="10", avg_entry_price="40"
    )
    assert await position(*traded((Side.BUY, "3", "9")), adopted) == ("10", "40")
    assert await position(adopted, *traded((Side.BUY, "10", "50"))) == ("20", "45")


async def test_an_unknown_average_price_is_never_made_up() -> None:
    adopted = draft(
        "PositionAdopted", account=ACCOUNT, symbol="NEM", qty="10", avg_entry_price=None
    )
    assert await position(adopted) == ("10", None)
    assert await position(adopted, *traded((Side.BUY, "10", "50"))) == ("20", None)


async def test_a_protection_ends_with_its_position() -> None:
    protected = draft(
        "ProtectionSet", account=ACCOUNT, symbol="NEM", stop_price="9", target_price="12", qty="4"
    )
    bought = traded((Side.BUY, "4", "10"))
    (row,) = await after("protections", *bought, protected)
    assert (row["stop_price"], row["target_price"]) == ("9", "12")
    sold = received(fill("out", side=Side.SELL, qty="4"))
    assert await after("protections", *bought, protected, sold) == ()


async def test_a_plan_is_stored_whole_with_the_hash_that_approvals_bind_to() -> None:
    edited = plan(revision=2, qty="7")
    (row,) = await after(
        "plans",
        draft("PlanCreated", plan_id="p1", plan=plan().to_json()),
        draft("PlanEdited", plan_id="p1", plan=edited.to_json()),
    )
    assert (row["hash"], row["revision"], row["state"]) == (edited.hash, 2, "checked")
    assert type(edited).model_validate_json(row["body"]) == edited


async def test_the_first_look_at_a_day_is_its_start() -> None:
    looks = [draft("DayStarted", date="2026-01-05", equity=equity) for equity in ("100", "90")]
    (row,) = await after("days", *looks)
    assert row["equity"] == "100"


async def test_trading_is_halted_until_it_is_resumed() -> None:
    halted = draft("Halted", by="me", reason="looks wrong")
    assert (await after("trading_state", halted))[0]["state"] == "HALTED"
    resumed = draft("TradingResumed", reason="was a typo")
    assert (await after("trading_state", halted, resumed))[0]["state"] == "ACTIVE"
    (row,) = await after("halts", halted, resumed)
    assert (row["reason"], row["resume_reason"]) == ("looks wrong", "was a typo")


async def test_an_alert_is_open_until_it_clears() -> None:
    raised = draft("AlertRaised", alert=alert("a1").to_json())
    (row,) = await after("alerts", raised, draft("AlertAcknowledged", alert_id="a1"))
    assert row["acknowledged_at"]
    assert row["cleared_at"] is None
    (row,) = await after("alerts", raised, draft("AlertCleared", alert_id="a1"))
    assert row["cleared_at"]


@given(
    deeds=st.lists(st.sampled_from(["ask", "ask of another", "grant", "refuse", "expire", "edit", "approve"]), max_size=8)
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_a_plan_is_escalated_in_the_table_as_in_the_engines_fold(deeds: list[str]) -> None:
    made = plan()
    mine = make_escalation(plan_id="p1", plan_hash=made.hash, deadline=NOON + timedelta(days=1))
    answer = {"escalation_id": mine.escalation_id, "approver": "Jane Roe", "reason": "so"}
    approval = Approval(
        plan_hash=made.hash, approver="ana", mode=Mode.STEP, approved_at=NOON, expires_at=NOON
    )
    as_event = {
        "ask": ("EscalationRequested", {"escalation": mine.to_json()}),
        "ask of another": (
            "EscalationRequested",
            {"escalation": mine.model_copy(update={"plan_hash": "0"}).to_json()},
        ),
        "grant": ("EscalationResolved", answer | {"outcome": "granted"}),
        "refuse": ("EscalationResolved", answer | {"outcome": "refused"}),
        "expire": ("EscalationExpired", answer | {"outcome": "expired"}),
        "edit": ("PlanEdited", {"plan": made.to_json(), "reason": "again"}),
        "approve": ("PlanApproved", {"approval": approval.to_json()}),
    }
    drafts = [draft("PlanCreated", plan_id="p1", plan=made.to_json())]
    drafts += [draft(kind, plan_id="p1", **told) for kind, told in map(as_event.__getitem__, deeds)]
    events, (row,) = asyncio.run(both(drafts, "plans"))
    assert row["state"] == folded(events)["p1"].state.value


@given(drafts=st.lists(ORDER_DRAFTS, max_size=15))
@settings(max_examples=40, deadline=None)
def test_the_orders_table_says_what_the_engines_fold_says(drafts: list[EventDraft]) -> None:
    started = draft("PlanCreated", plan_id="p1", plan=plan().to_json())
    drafts = [started, *(intended(order(key)) for key in ORDERS), *unrepeated(drafts)]
    drafts = [one.model_copy(update={"plan_id": "p1", "step": 1}) for one in drafts]
    events, rows = asyncio.run(both(drafts))
    run = folded(events)["p1"]
    for row in rows:
        known = run.order(row["client_order_id"])
        assert known is not None
        assert (row["state"], row["order_id"]) == (known.state.value, known.order_id)
        assert Decimal(row["filled_qty"]) == known.filled_qty
        average = row["filled_avg_price"]
        assert (average and Decimal(average)) == known.filled_avg_price
    assert len(rows) == len(ORDERS)


def unrepeated(drafts: list[EventDraft]) -> list[EventDraft]:
    """The engine drops a repeated execution before it is written; the tables by its id."""
    seen: set[str] = set()
    kept = []
    for one in drafts:
        execution = one.payload.get("fill", {}).get("execution_id")
        if execution is None or execution not in seen:
            kept.append(one)
        seen.add(execution)
    return kept


async def both(drafts: list[EventDraft], table: str = "orders") -> tuple[tuple[Event, ...], Rows]:
    with tempfile.TemporaryDirectory() as folder:
        journal = await Journal.open(Path(folder) / "journal.db", Ticking())
        events = await journal.append(*drafts)
        rows = await journal.rows(table)
        await journal.close()
        return events, rows
