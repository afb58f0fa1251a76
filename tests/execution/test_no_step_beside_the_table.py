"""Whatever a broker reports of an order in whatever state: it moves along the table or stays, and what
is not listed is refused and said (spec 5, Order states; invariants 7, 9)."""

from itertools import product

import pytest
from execution_makers import Log, intended, report_of
from plan_makers import make_plan

from db.model.order import OrderState
from services.execution.absorb import absorbed
from services.execution.decide import next_child
from services.execution.transitions import ORDER, order_may

S = OrderState
REPORTED = sorted(ORDER[S.SENT] - {S.UNKNOWN})
HELD = sorted(set(ORDER) - {S.PLANNED, S.ARMED})
"""An order of the book has its intent on disk: before that there is none to report of."""


@pytest.mark.parametrize("state", HELD)
def test_every_report_in_every_state_moves_along_the_table_or_is_refused(state: S) -> None:
    for reported, filled in product(REPORTED, (0, 40, 150, 151)):
        log = Log()
        log.write("PlanCreated", payload={"plan": make_plan().to_json()})
        order = next_child(log.run(), log.run().plan.step(1))
        log.add([intended(order)])
        name = order.client_order_id
        told = {"state": state.value, "order_id": "b-1"}
        log.write("OrderUpdated", client_order_id=name, payload=told)
        before = log.order(name)
        drafts = absorbed(before, report_of(order, reported, filled))
        log.add(drafts)
        after = log.order(name)
        assert 0 <= after.filled_qty <= order.qty
        assert after.filled_qty >= before.filled_qty
        kinds = [draft.kind for draft in drafts]
        assert after.state is before.state or order_may(before.state, after.state)
        if kinds == ["TransitionRefused"]:
            assert after == before, "refused, and nothing changed"
        elif "TransitionRefused" in kinds:
            assert after.state in (before.state, S.PARTIALLY_FILLED, S.FILLED), "its fills alone"
        assert filled <= order.qty or kinds == ["TransitionRefused"], "never more than ordered"
