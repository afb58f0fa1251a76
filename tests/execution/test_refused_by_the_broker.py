"""What a refusal means for its step, by its class (spec 5, Submitting 4; invariant 3)."""

from datetime import timedelta

import pytest
from execution_makers import Log, fill_of, intended, report_of
from hypothesis import given
from hypothesis import strategies as st
from plan_makers import NOON, make_plan

from db.model.order import OrderState, Side
from db.model.run import Mode, StepState
from services.brokers.port import RejectionClass
from services.execution import decide as d
from services.execution.absorb import absorbed
from services.execution.rejections import REJECTIONS, Treatment, treatment
from services.execution.time_limit import limits_of
from services.execution.transitions import STEP, step_state
from services.risk.policy import load_policy

LIMITS = limits_of(load_policy("standard"))
SELL_STEP, BUY_STEP = 2, 3


def of(kind: Treatment) -> list[str]:
    return [category.value for category, (one, _) in REJECTIONS.items() if one is kind]


def next_of(log: Log, seconds: float = 0) -> d.Action:
    return d.decide(log.run(), NOON + timedelta(seconds=seconds), LIMITS)


def sent(log: Log, n: int) -> str:
    run = log.run()
    order = d.next_child(run, run.plan.step(n))
    log.add([intended(order)])
    log.write("OrderSent", client_order_id=order.client_order_id)
    return order.client_order_id


def filled(log: Log, n: int) -> None:
    order = log.order(sent(log, n))
    fill = fill_of(order, f"x{n}", order.qty, "80")
    log.add(absorbed(order, report_of(order, OrderState.FILLED, order.qty), fill))


def refused(log: Log, n: int, category: str, at: float = 0) -> str:
    name = sent(log, n)
    payload = {"message": f"they say {category}.", "category": category}
    log.write("OrderRejected", NOON + timedelta(seconds=at), client_order_id=name, payload=payload)
    return name


def started(log: Log, mode: Mode, n: int) -> None:
    """Everything before step `n` is done."""
    log.write("PlanStarted", payload={"mode": mode.value})
    filled(log, 1)
    if n == BUY_STEP:
        filled(log, 2)
        log.write("PlanAdvanced", payload={"to": "settling"})
        log.write("PlanAdvanced", payload={"to": "buying"})
        log.write("PhaseConfirmed", payload={"phase": "buy"})
    log.write("StepConfirmed", step=n)


def test_every_class_has_its_row_and_the_unheard_of_is_for_the_trader() -> None:
    assert set(REJECTIONS) == set(RejectionClass)
    assert treatment("quantum") is Treatment.ESCALATE
    assert treatment(None) is Treatment.RETRY, "we denied it ourselves: it never left"


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("n", [SELL_STEP, BUY_STEP])
@pytest.mark.parametrize("category", of(Treatment.PERMANENT))
def test_what_will_never_be_accepted_goes_back_to_the_analyst(
    log: Log, mode: Mode, n: int, category: str
) -> None:
    started(log, mode, n)
    refused(log, n, category)
    action = next_of(log)
    assert isinstance(action, d.GiveUp)
    assert action.step.n == n
    assert f"they say {category}; " in action.reason
    assert "back to the analyst" in action.reason
    goes_on = mode is Mode.AUTO and action.step.side is Side.BUY
    assert action.pause is not goes_on
    log.write("StepGivenUp", step=n, payload={"reason": action.reason})
    assert not isinstance(next_of(log), d.GiveUp), "once"
    assert not d.needs_order(log.run(), log.run().plan.step(n))


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("category", [*of(Treatment.FUNDS), *of(Treatment.ESCALATE)])
def test_money_and_doubt_are_for_the_trader_who_may_let_it_be_tried_again(
    log: Log, mode: Mode, category: str
) -> None:
    started(log, mode, BUY_STEP)
    name = refused(log, BUY_STEP, category)
    action = next_of(log)
    assert isinstance(action, d.Pause)
    assert "buy NVDA was refused" in action.reason
    log.write("PlanPaused", payload={"reason": action.reason})
    log.write("PlanContinued", NOON + timedelta(seconds=60), payload={"to": "buying"})
    assert isinstance(next_of(log, 60), d.Verify)
    log.write("RemainderVerified", client_order_id=name)
    again = next_of(log, 60)
    assert isinstance(again, d.Buy)
    assert again.order.attempt == 2


@pytest.mark.parametrize("category", of(Treatment.RETRY))
def test_the_temporary_is_tried_three_times_with_growing_waits(log: Log, category: str) -> None:
    started(log, Mode.AUTO, SELL_STEP)
    at = 0.0
    for attempt in (1, 2, 3):
        name = refused(log, SELL_STEP, category, at)
        assert name.endswith(f"-a{attempt}")
        if attempt == 3:
            break
        wait = next_of(log, at)
        assert isinstance(wait, d.Wait)
        assert wait.until is not None
        waited = (wait.until - NOON).total_seconds() - at
        assert 2 ** (attempt - 1) <= waited <= 2 ** (attempt - 1) * 1.25
        at += waited
        assert isinstance(next_of(log, at), d.Verify), "no order under the old id, provably"
        log.write("RemainderVerified", client_order_id=name)
        assert isinstance(next_of(log, at), d.Intend)
    stuck = next_of(log, at)
    assert isinstance(stuck, d.Pause)
    assert "sell AA could not be sent in 3 attempts" in stuck.reason


def test_the_same_history_gives_the_same_wait_and_another_order_another(log: Log) -> None:
    started(log, Mode.AUTO, SELL_STEP)
    refused(log, SELL_STEP, "rate_limit")
    first, again = next_of(log), next_of(log)
    assert first == again
    run = log.run()
    other = run.model_copy(
        update={
            "orders": tuple(
                o.model_copy(update={"client_order_id": f"{o.client_order_id}x"})
                for o in run.orders
            )
        }
    )
    step = run.plan.step(SELL_STEP)
    assert d.retry_at(run, step, LIMITS) != d.retry_at(other, step, LIMITS)


def test_a_refusal_that_comes_late_by_the_stream_is_for_the_trader(log: Log) -> None:
    started(log, Mode.AUTO, SELL_STEP)
    order = log.order(sent(log, SELL_STEP))
    log.add(absorbed(order, report_of(order, OrderState.ACKNOWLEDGED)))
    order = log.order(order.client_order_id)
    log.add(absorbed(order, report_of(order, OrderState.REJECTED)))
    assert isinstance(next_of(log), d.Pause)


# --- a step's state ---------------------------------------------------------------------------

KINDS = st.sampled_from(
    ["new", "ack", "part", "fill", "cancel", "cancel_again", "refuse", "unknown", "gone", "give_up"]
)


def happens(log: Log, kind: str) -> None:
    """One thing that may happen to step 2, where it may."""
    run = log.run()
    step, last = run.plan.step(SELL_STEP), run.last_order(SELL_STEP)
    if last is None or last.state.terminal:
        if kind == "give_up":
            log.write("StepGivenUp", step=SELL_STEP, payload={"reason": "asked"})
        elif kind == "new" and d.needs_order(run, step):
            if last is not None:
                log.write("RemainderVerified", client_order_id=last.client_order_id)
            sent(log, SELL_STEP)
        return
    name, open_qty = last.client_order_id, last.remaining_qty
    if kind == "unknown" and last.state is OrderState.SENT:
        log.write("OrderUnknown", client_order_id=name, payload={"reason": "silence"})
    elif kind == "gone" and last.state is OrderState.UNKNOWN:
        log.write("OrderNotFound", client_order_id=name)
    elif kind == "refuse" and last.state is OrderState.SENT:
        payload = {"message": "no", "category": "rate_limit"}
        log.write("OrderRejected", client_order_id=name, payload=payload)
    elif kind in ("part", "fill"):
        qty = open_qty if kind == "fill" or open_qty < 2 else open_qty // 2
        total = last.filled_qty + qty
        state = OrderState.FILLED if total == last.qty else OrderState.PARTIALLY_FILLED
        fill = fill_of(last, f"x-{name}-{total}", qty, "80")
        log.add(absorbed(last, report_of(last, state, total), fill))
    elif kind in ("cancel", "cancel_again"):
        reason = "resubmit" if kind == "cancel_again" else "rest"
        log.write("CancelRequested", client_order_id=name, payload={"reason": reason})
        log.add(absorbed(last, report_of(last, OrderState.CANCELED, last.filled_qty)))
    elif kind == "ack":
        log.add(absorbed(last, report_of(last, OrderState.ACKNOWLEDGED)))


@given(st.lists(KINDS, max_size=30))
def test_a_steps_state_only_moves_along_its_table(kinds: list[str]) -> None:
    log = Log()
    log.write("PlanCreated", payload={"plan": make_plan().to_json()})
    started(log, Mode.AUTO, SELL_STEP)
    step = log.run().plan.step(SELL_STEP)
    state = step_state(log.run(), step)
    assert state is StepState.PLANNED
    for kind in kinds:
        happens(log, kind)
        after = step_state(log.run(), step)
        assert after is state or after in STEP[state], (state, kind, after)
        state = after


def test_every_step_state_has_its_row() -> None:
    assert set(STEP) == set(StepState)
