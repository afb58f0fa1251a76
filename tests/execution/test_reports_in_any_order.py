"""Stream, polling and look-ups tell of an order late, twice and out of order: the end is the same
(spec 5, Order states; invariants 7, 9, 10, 12)."""

from decimal import Decimal
from itertools import pairwise

import pytest
from execution_makers import Log, fill_of, intended, report_of
from hypothesis import given
from hypothesis import strategies as st
from plan_makers import make_plan

from db.model.order import BrokerOrder, Fill, OrderState
from db.model.run import ChildOrder
from services.execution.absorb import absorbed
from services.execution.decide import next_child

S = OrderState
Report = tuple[BrokerOrder, Fill | None]


def a_sent_order() -> tuple[Log, ChildOrder]:
    log = Log()
    log.write("PlanCreated", payload={"plan": make_plan().to_json()})
    run = log.run()
    order = next_child(run, run.plan.step(1))
    log.add([intended(order)])
    log.write("OrderSent", client_order_id=order.client_order_id)
    return log, order


def absorb(log: Log, order: ChildOrder, report: Report) -> None:
    log.add(absorbed(log.order(order.client_order_id), *report))


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[int], list[str]]:
    """How one order for 150 fills: cumulative quantities and the price of each part."""
    cuts = draw(st.lists(st.integers(1, 149), max_size=4, unique=True).map(sorted))
    prices = draw(
        st.lists(
            st.decimals("79", "81", places=2).map(str),
            min_size=len(cuts) + 1,
            max_size=len(cuts) + 1,
        )
    )
    return [*cuts, 150], prices


def told(order: ChildOrder, life: tuple[list[int], list[str]]) -> list[Report]:
    """The broker's reports of that life, in the order it happened."""
    reports: list[Report] = [(report_of(order, S.ACKNOWLEDGED), None)]
    paid = Decimal(0)
    for second, ((before, after), price) in enumerate(
        zip(pairwise([0, *life[0]]), life[1], strict=True), start=1
    ):
        paid += (after - before) * Decimal(price)
        state = S.FILLED if after == 150 else S.PARTIALLY_FILLED
        report = report_of(order, state, after, paid / after, second)
        reports.append((report, fill_of(order, f"x{second}", after - before, price)))
    return reports


@given(lives(), st.data())
def test_any_interleaving_with_loss_and_repetition_ends_as_the_last_report_says(
    life: tuple[list[int], list[str]], data: st.DataObject
) -> None:
    log, order = a_sent_order()
    reports = told(order, life)
    heard = data.draw(st.lists(st.sampled_from(reports), max_size=8))
    for report in [*heard, reports[-1]]:
        # A look-up carries no execution, only the order.
        if data.draw(st.booleans()):
            report = (report[0], None)
        before = log.order(order.client_order_id).filled_qty
        absorb(log, order, report)
        assert log.order(order.client_order_id).filled_qty >= before
    after = log.order(order.client_order_id)
    assert after.state is S.FILLED
    assert after.filled_qty == 150
    booked = [e.payload["fill"] for e in log.events if e.kind == "FillReceived"]
    assert sum(Decimal(fill["qty"]) for fill in booked) == 150
    assert len({fill["execution_id"] for fill in booked}) == len(booked)
    last = reports[-1][0].filled_avg_price
    assert last is not None and after.filled_avg_price is not None
    assert abs(after.filled_avg_price - last) < Decimal("0.0001")


@given(lives(), st.data())
def test_hearing_everything_again_writes_nothing(
    life: tuple[list[int], list[str]], data: st.DataObject
) -> None:
    log, order = a_sent_order()
    reports = told(order, life)
    for report in reports:
        absorb(log, order, report)
    known = len(log.events)
    for report in data.draw(st.permutations(reports)):
        absorb(log, order, report)
    assert len(log.events) == known


def test_a_fill_before_the_answer_to_our_own_request_counts() -> None:
    log, order = a_sent_order()
    absorb(log, order, (report_of(order, S.FILLED, 150), fill_of(order, "x1", 150, "80")))
    absorb(log, order, (report_of(order, S.ACKNOWLEDGED), None))
    after = log.order(order.client_order_id)
    assert (after.state, after.filled_qty, after.order_id) == (S.FILLED, 150, "b-1")


def test_a_fill_after_the_cancel_is_booked_never_discarded() -> None:
    log, order = a_sent_order()
    absorb(log, order, (report_of(order, S.CANCELED), None))
    absorb(log, order, (report_of(order, S.CANCELED, 40), fill_of(order, "x1", 40, "80")))
    after = log.order(order.client_order_id)
    assert (after.state, after.filled_qty) == (S.CANCELED, 40)


def test_more_filled_than_ordered_is_refused_and_said() -> None:
    log, order = a_sent_order()
    absorb(log, order, (report_of(order, S.FILLED, 151), None))
    assert log.order(order.client_order_id).filled_qty == 0
    assert log.events[-1].kind == "TransitionRefused"
    assert "151" in log.events[-1].payload["why"]


def test_a_status_that_nobody_knows_changes_nothing_and_is_said() -> None:
    log, order = a_sent_order()
    report = report_of(order, S.ACKNOWLEDGED).model_copy(
        update={"state": None, "status": "quantum"}
    )
    absorb(log, order, (report, None))
    assert log.order(order.client_order_id).state is S.SENT
    assert "quantum" in log.events[-1].payload["why"]


@pytest.mark.parametrize("state", [S.CANCELED, S.EXPIRED, S.REJECTED])
def test_a_closed_order_does_not_open_again(state: OrderState) -> None:
    log, order = a_sent_order()
    absorb(log, order, (report_of(order, state), None))
    for late in (S.ACKNOWLEDGED, S.PENDING_CANCEL, S.HELD):
        absorb(log, order, (report_of(order, late), None))
    assert log.order(order.client_order_id).state is state
