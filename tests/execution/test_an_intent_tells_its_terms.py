"""What is written before an order leaves: all that it asks for, and nothing that comes of it."""

from decimal import Decimal
from typing import Any

import pytest
from execution_makers import Log, intended
from plan_makers import NOON, make_plan

from db.model.order import OrderRequest, OrderState, OrderType, TimeInForce
from db.model.run import ChildOrder
from services.execution.decide import next_child

NAMES = {"plan_id", "step", "child", "attempt", "protective", "parent"}
"""Which part of which step it is. The rest of its terms is in the request."""


def planned() -> tuple[Log, ChildOrder]:
    log = Log()
    log.write("PlanCreated", payload={"plan": make_plan().to_json()})
    return log, next_child(log.run(), log.run().plan.step(1))


def test_the_terms_are_the_request_and_whose_it_is() -> None:
    _, order = planned()
    request = OrderRequest.model_fields.keys() - {"notional"}
    assert order.terms().keys() == request | NAMES


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"attempt": 2, "child": 3, "qty": Decimal("0.5")},
        {"type": OrderType.STOP_LIMIT, "stop_price": Decimal("79.5"), "limit_price": Decimal(79)},
        {"time_in_force": TimeInForce.GTC, "extended_hours": True},
        {"protective": True, "oco": True, "parent": "qd-3f9a-s01-p1-a1"},
    ],
    ids=str,
)
def test_the_journal_gives_back_the_order_that_was_meant(terms: dict[str, Any]) -> None:
    log, order = planned()
    order = order.model_copy(update=terms)
    became = {
        "state": OrderState.SENT,
        "order_id": "b-1",
        "filled_qty": Decimal(1),
        "sent_at": NOON,
    }
    log.add([intended(order.model_copy(update=became))])
    intent = {"state": OrderState.INTENT, "intended_at": NOON}
    assert log.order(order.client_order_id) == order.model_copy(update=intent)
