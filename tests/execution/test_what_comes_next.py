"""Sells first, buys only after every sell, one at a time, and only what the mode lets go
(spec 5, Phases; invariants 2, 3, 15, 16)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from execution_makers import Log, fill_of, intended, report_of
from hypothesis import given
from hypothesis import strategies as st
from plan_makers import NOON

from db.model.order import OrderState
from db.model.plan import Phase
from db.model.run import Mode, PlanState
from services.execution import decide as d
from services.execution.absorb import absorbed
from services.execution.ids import LONGEST, client_order_id, is_ours
from services.execution.time_limit import Limits

LIMITS = Limits(phase_wait=timedelta(seconds=60), order_time_limit=timedelta(seconds=300))


def started(log: Log, mode: Mode) -> None:
    log.write("PlanStarted", payload={"mode": mode.value})


def next_of(log: Log, seconds: int = 0) -> d.Action:
    return d.decide(log.run(), NOON + timedelta(seconds=seconds), LIMITS)


def sent(log: Log, n: int) -> str:
    run = log.run()
    order = d.next_child(run, run.plan.step(n))
    log.add([intended(order)])
    log.write("OrderSent", client_order_id=order.client_order_id)
    return order.client_order_id


def closed(log: Log, client_order_id: str, state: OrderState, filled: int = 0) -> None:
    order = log.order(client_order_id)
    fill = fill_of(order, f"x-{client_order_id}", filled, "80") if filled else None
    log.add(absorbed(order, report_of(order, state, filled), fill))


def filled(log: Log, n: int) -> None:
    name = sent(log, n)
    closed(log, name, OrderState.FILLED, int(log.order(name).qty))


def sent_and_refused(log: Log, n: int, category: str) -> str:
    name = sent(log, n)
    payload = {"message": f"the broker says {category}", "category": category}
    log.write("OrderRejected", client_order_id=name, payload=payload)
    return name


def advanced(log: Log, to: PlanState) -> None:
    assert next_of(log) == d.Advance(to)
    log.write("PlanAdvanced", payload={"to": to.value})


def test_auto_sends_all_sells_side_by_side_and_no_buy(log: Log) -> None:
    started(log, Mode.AUTO)
    action = next_of(log)
    assert isinstance(action, d.Intend)
    assert [order.symbol for order in action.orders] == ["NEM", "AA"]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    "state",
    [OrderState.ACKNOWLEDGED, OrderState.PENDING_CANCEL, OrderState.HELD, OrderState.UNKNOWN],
)
def test_no_buy_while_any_sell_is_open_or_unknown(log: Log, mode: Mode, state: OrderState) -> None:
    started(log, mode)
    filled(log, 1)
    name = sent(log, 2)
    if state is OrderState.UNKNOWN:
        log.write("OrderUnknown", client_order_id=name, payload={"reason": "no answer"})
    else:
        closed(log, name, state)
    assert isinstance(next_of(log), d.Wait)


def test_buys_go_one_at_a_time_in_the_order_of_the_plan(log: Log) -> None:
    started(log, Mode.AUTO)
    filled(log, 1)
    filled(log, 2)
    advanced(log, PlanState.SETTLING)
    action = next_of(log)
    assert isinstance(action, d.OpenBuys)
    assert action.first.symbol == "NVDA"
    log.write("PlanAdvanced", payload={"to": "buying"})
    action = next_of(log)
    assert isinstance(action, d.Buy)
    assert action.step.symbol == "NVDA"
    name = sent(log, 3)
    assert isinstance(next_of(log), d.Wait)
    closed(log, name, OrderState.FILLED, 18)
    action = next_of(log)
    assert isinstance(action, d.Buy)
    assert action.step.symbol == "LLY"
    filled(log, 4)
    advanced(log, PlanState.PROTECTING)
    assert next_of(log) == d.Finish(PlanState.DONE, "every step filled")


def test_step_mode_sends_only_the_step_that_was_let_go(log: Log) -> None:
    started(log, Mode.STEP)
    assert next_of(log) == d.Wait("step 1 waits for you")
    log.write("StepConfirmed", step=2)
    action = next_of(log)
    assert isinstance(action, d.Intend)
    assert [order.step for order in action.orders] == [2]


def test_phase_mode_stops_before_the_buys(log: Log) -> None:
    started(log, Mode.PHASE)
    assert isinstance(next_of(log), d.Intend)
    filled(log, 1)
    filled(log, 2)
    advanced(log, PlanState.SETTLING)
    assert next_of(log) == d.Wait("the buy phase waits for you at step 3")
    log.write("PhaseConfirmed", payload={"phase": Phase.BUY.value})
    assert isinstance(next_of(log), d.OpenBuys)


@pytest.mark.parametrize("mode", list(Mode))
def test_over_time_auto_cancels_and_the_others_ask(log: Log, mode: Mode) -> None:
    started(log, mode)
    filled(log, 1)
    closed(log, sent(log, 2), OrderState.ACKNOWLEDGED)
    assert isinstance(next_of(log, 59), d.Wait)
    late = next_of(log, 60)
    if mode is Mode.AUTO:
        assert isinstance(late, d.Cancel)
        assert [order.symbol for order in late.orders] == ["AA"]
    else:
        assert isinstance(late, d.Pause)
        assert "sell AA" in late.reason


def test_a_cancel_is_asked_for_once_and_again_only_when_it_goes_unanswered(log: Log) -> None:
    started(log, Mode.AUTO)
    filled(log, 1)
    name = sent(log, 2)
    closed(log, name, OrderState.ACKNOWLEDGED)
    log.write(
        "CancelRequested",
        NOON + timedelta(seconds=60),
        client_order_id=name,
        payload={"reason": "time_limit"},
    )
    assert isinstance(next_of(log, 61), d.Wait)
    assert isinstance(next_of(log, 65), d.Cancel)


def test_a_step_that_was_given_up_is_not_sent_again_and_the_plan_ends_with_an_exception(
    log: Log,
) -> None:
    started(log, Mode.AUTO)
    filled(log, 1)
    sent_and_refused(log, 2, "restricted")
    given_up = next_of(log)
    assert isinstance(given_up, d.GiveUp)
    log.write("StepGivenUp", step=2, payload={"reason": given_up.reason})
    advanced(log, PlanState.SETTLING)
    log.write("PlanAdvanced", payload={"to": "buying"})
    filled(log, 3)
    filled(log, 4)
    advanced(log, PlanState.PROTECTING)
    action = next_of(log)
    assert isinstance(action, d.Finish)
    assert action.state is PlanState.DONE_WITH_EXCEPTIONS
    assert "AA 0/125" in action.reason


def test_an_order_that_never_left_is_tried_three_times_and_then_the_trader_is_asked(
    log: Log,
) -> None:
    started(log, Mode.AUTO)
    filled(log, 1)
    for attempt in (1, 2, 3):
        name = sent(log, 2)
        assert name.endswith(f"-a{attempt}")
        log.write("OrderDenied", client_order_id=name, payload={"reason": "refused"})
        if attempt < 3:
            assert isinstance(next_of(log), d.Wait)
            assert isinstance(next_of(log, 2**attempt), d.Intend)
    stuck = next_of(log, 60)
    assert isinstance(stuck, d.Pause)
    assert "sell AA could not be sent in 3 attempts: refused" in stuck.reason
    log.write("PlanPaused", payload={"reason": stuck.reason})
    log.write("PlanContinued", NOON + timedelta(seconds=90), payload={"to": "selling"})
    again = next_of(log, 90)
    assert isinstance(again, d.Intend)
    assert [order.attempt for order in again.orders] == [4]


def test_what_a_halt_cancelled_is_sent_again_as_the_verified_remainder(log: Log) -> None:
    started(log, Mode.AUTO)
    filled(log, 1)
    name = sent(log, 2)
    closed(log, name, OrderState.ACKNOWLEDGED)
    log.write("CancelRequested", client_order_id=name, payload={"reason": "halt"})
    closed(log, name, OrderState.CANCELED, 25)
    action = next_of(log, 5)
    assert isinstance(action, d.Verify)
    log.write("RemainderVerified", client_order_id=name)
    action = next_of(log, 5)
    assert isinstance(action, d.Intend)
    assert [(o.symbol, o.qty, o.attempt) for o in action.orders] == [("AA", Decimal(100), 2)]


@pytest.mark.parametrize("state", ["PlanPaused", "PlanHalted", "PlanAborted"])
def test_an_interrupted_plan_does_nothing(log: Log, state: str) -> None:
    started(log, Mode.AUTO)
    log.write(state, payload={"reason": "stop"})
    assert isinstance(next_of(log), d.Wait)


def test_a_continued_plan_goes_on_from_the_state_it_was_in(log: Log) -> None:
    started(log, Mode.AUTO)
    filled(log, 1)
    log.write("PlanPaused", payload={"reason": "stop"})
    log.write("PlanHalted", payload={"reason": "halt"})
    assert log.run().paused_from is PlanState.SELLING
    log.write("PlanContinued", payload={"to": "selling"})
    action = next_of(log)
    assert isinstance(action, d.Intend)
    assert [order.symbol for order in action.orders] == ["AA"]


@given(
    st.text("0123456789abcdef", min_size=4, max_size=12),
    st.integers(1, 999),
    st.integers(1, 99),
    st.integers(1, 99),
)
def test_an_order_id_is_a_function_of_plan_step_child_and_attempt(
    plan: str, step: int, child: int, attempt: int
) -> None:
    made = client_order_id(plan, step, child, attempt)
    assert made == client_order_id(plan, step, child, attempt)
    assert made != client_order_id(plan, step, child, attempt + 1)
    assert len(made) <= LONGEST
    assert is_ours(made)
