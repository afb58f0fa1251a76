"""By hand the trader's word is waited for, however long; elsewhere the same order is over its limit."""

from datetime import timedelta

import pytest
from hand_makers import AT, selling

from db.model.order import OrderState
from services.execution.decide import Pause, Wait, decide
from services.execution.time_limit import Limits

LATER = AT + timedelta(days=2)


@pytest.mark.parametrize(
    "state", [OrderState.SENT, OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED]
)
def test_a_ticket_waits_for_ever(state: OrderState) -> None:
    action = decide(selling("manual", state), LATER, Limits())
    assert isinstance(action, Wait)
    assert action.until is None, "nothing but the trader's word ends it (invariant 8)"
    assert "your word on sell NEM" in action.reason
    assert isinstance(decide(selling("paper", state), LATER, Limits()), Pause)


def test_a_cancel_by_hand_is_asked_for_once() -> None:
    asked = selling("manual", OrderState.PENDING_CANCEL, cancel_requested_at=AT)
    assert isinstance(decide(asked, LATER, Limits()), Wait)


def test_an_unknown_one_is_still_looked_up_first() -> None:
    action = decide(selling("manual", OrderState.UNKNOWN), LATER, Limits())
    assert isinstance(action, Wait)
    assert "looking up" in action.reason
