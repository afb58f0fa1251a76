"""At an order's time limit: more than 80% filled is accepted, from 50% the verified rest is sent
once more, less is the trader's choice (spec 5, Partial fills; invariants 3, 14)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from execution_makers import Log, fill_of, intended, report_of
from hypothesis import given
from hypothesis import strategies as st
from plan_makers import NOON, SELL, make_plan, make_step

from db.model.order import OrderState
from db.model.run import CancelReason, Mode, PlanRun
from services.execution import decide as d
from services.execution.absorb import absorbed
from services.execution.time_limit import Limits, Remedy, limits_of, remedy
from services.risk.policy import load_policy

LIMITS = limits_of(load_policy("standard"))
LATE = 61


def next_of(log: Log, seconds: int = LATE) -> d.Action:
    return d.decide(log.run(), NOON + timedelta(seconds=seconds), LIMITS)


def working(log: Log, n: int, filled: int) -> str:
    """Step `n` sent, `filled` shares of it filled, the rest working."""
    run = log.run()
    order = d.next_child(run, run.plan.step(n))
    name = order.client_order_id
    log.add([intended(order)])
    log.write("OrderSent", client_order_id=name)
    report(log, name, OrderState.ACKNOWLEDGED, 0)
    if filled:
        report(log, name, OrderState.PARTIALLY_FILLED, filled)
    return name


def report(log: Log, name: str, state: OrderState, filled: int) -> None:
    order = log.order(name)
    gained = filled - order.filled_qty
    fill = fill_of(order, f"x-{name}-{filled}", gained, "80") if gained else None
    log.add(absorbed(order, report_of(order, state, filled), fill))


def cancelled(log: Log, name: str, reason: CancelReason, filled: int) -> None:
    payload = {"reason": reason.value, "words": "said"}
    log.write("CancelRequested", client_order_id=name, payload=payload)
    report(log, name, OrderState.CANCELED, filled)


def started(log: Log, mode: Mode) -> None:
    """Step 1 (150 NEM) is filled, step 2 (125 AA) still to come."""
    log.write("PlanStarted", payload={"mode": mode.value})
    name = working(log, 1, 0)
    report(log, name, OrderState.FILLED, 150)
    log.write("StepConfirmed", step=2)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("filled", "expected"),
    [
        (124, CancelReason.ACCEPT),
        (101, CancelReason.ACCEPT),
        (100, CancelReason.RESUBMIT),  # 80% exactly: not more than it
        (63, CancelReason.RESUBMIT),
        (62, None),
        (0, None),
    ],
)
def test_the_thresholds_of_the_policy_decide(
    log: Log, mode: Mode, filled: int, expected: CancelReason | None
) -> None:
    started(log, mode)
    working(log, 2, filled)
    assert isinstance(next_of(log, 59), d.Wait)
    action = next_of(log)
    if expected is None and mode is not Mode.AUTO:
        assert isinstance(action, d.Pause)
        assert "sell AA" in action.reason
        assert filled == 0 or f"{filled} of 125 filled" in action.reason
        return
    assert isinstance(action, d.Cancel)
    assert action.reason is (expected or CancelReason.TIME_LIMIT)


def test_the_rest_is_sent_once_the_cancel_is_confirmed_and_proven(log: Log) -> None:
    started(log, Mode.AUTO)
    name = working(log, 2, 80)
    payload = {"reason": "resubmit", "words": ""}
    log.write("CancelRequested", client_order_id=name, payload=payload)
    report(log, name, OrderState.PENDING_CANCEL, 80)
    assert isinstance(next_of(log, 2), d.Wait), "invariant 14: accepted is not cancelled"
    report(log, name, OrderState.CANCELED, 90)  # ten more filled on the way
    unproven = next_of(log, 2)
    assert isinstance(unproven, d.Verify)
    assert [o.client_order_id for o in unproven.orders] == [name]
    log.write("RemainderVerified", client_order_id=name)
    action = next_of(log, 2)
    assert isinstance(action, d.Intend)
    assert [(o.qty, o.attempt) for o in action.orders] == [(Decimal(35), 2)]


def test_the_rest_is_sent_only_once_and_then_accepted(log: Log) -> None:
    started(log, Mode.AUTO)
    first = working(log, 2, 80)
    cancelled(log, first, CancelReason.RESUBMIT, 80)
    log.write("RemainderVerified", client_order_id=first)
    working(log, 2, 5)
    action = next_of(log)
    assert isinstance(action, d.Cancel)
    assert action.reason is CancelReason.ACCEPT
    cancelled(log, action.orders[0].client_order_id, CancelReason.ACCEPT, 5)
    assert next_of(log) == d.Advance(d.PlanState.SETTLING)


def test_an_accepted_or_given_up_rest_is_not_sent_again(log: Log) -> None:
    started(log, Mode.AUTO)
    cancelled(log, working(log, 2, 110), CancelReason.ACCEPT, 110)
    assert next_of(log) == d.Advance(d.PlanState.SETTLING)


def test_fills_that_can_not_be_booked_hold_the_end_back(log: Log) -> None:
    started(log, Mode.AUTO)
    name = working(log, 2, 80)
    order = log.order(name)
    without_price = report_of(order, OrderState.CANCELED, 100).model_copy(
        update={"filled_avg_price": None}
    )
    assert absorbed(order, without_price) == ()


def test_a_late_fill_that_would_make_it_too_much_cancels_what_works(log: Log) -> None:
    started(log, Mode.AUTO)
    first = working(log, 2, 80)
    cancelled(log, first, CancelReason.RESUBMIT, 80)
    log.write("RemainderVerified", client_order_id=first)
    second = working(log, 2, 0)
    report(log, first, OrderState.CANCELED, 100)
    action = next_of(log, 1)
    assert isinstance(action, d.Cancel)
    assert [o.client_order_id for o in action.orders] == [second]


@given(
    st.integers(0, 1000),
    st.integers(1, 1000),
    st.decimals(0, 1, places=2),
    st.decimals(0, 1, places=2),
)
def test_more_filled_never_asks_for_more(
    filled: int, qty: int, accept: Decimal, resubmit: Decimal
) -> None:
    low, high = sorted((accept, resubmit))
    limits = Limits(accept=high, resubmit=low)
    rank = [Remedy.ESCALATE, Remedy.RESUBMIT, Remedy.ACCEPT]
    less, more = (rank.index(_remedy(limits, part, qty)) for part in sorted((filled, filled // 2)))
    assert less <= more


def _remedy(limits: Limits, filled: int, qty: int) -> Remedy:
    log = Log()
    plan = make_plan(make_step(1, SELL, "NEM", qty, "80"))
    log.write("PlanCreated", payload={"plan": plan.to_json()})
    run: PlanRun = log.run()
    order = d.next_child(run, run.plan.step(1)).model_copy(
        update={"filled_qty": Decimal(min(filled, qty))}
    )
    return remedy(run.model_copy(update={"orders": (order,)}), order, limits)
