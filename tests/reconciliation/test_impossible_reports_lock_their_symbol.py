"""A report that can't be changes no order and is a mismatch, once, until it is settled (inv. 7)."""

from datetime import UTC, datetime
from typing import Any

from db.model.event import Event
from db.model.reconciliation import MismatchKind
from services.reconciliation.impossible import after

AT = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)


def refused(why: str, **changed: Any) -> Event:
    told: dict[str, Any] = {
        "seq": 1,
        "at": AT,
        "prev_hash": "",
        "hash": "",
        "kind": "TransitionRefused",
        "plan_id": "p1",
        "client_order_id": "qd-p1-s01-c1-a1",
        "account": "main",
        "symbol": "NEM",
        "payload": {"why": why, "status": "filled", "filled_qty": "151"},
    }
    return Event.model_validate({**told, **changed})


def test_it_names_the_order_the_reason_and_the_symbol_it_locks() -> None:
    (found,) = after({}, [refused("filled 151 of an order for 150")]).values()
    assert (found.kind, found.symbol) == (MismatchKind.IMPOSSIBLE_REPORT, "NEM")
    assert "qd-p1-s01-c1-a1" in found.explanation
    assert "filled 151 of an order for 150" in found.explanation


def test_told_again_it_is_the_same_one() -> None:
    once = after({}, [refused("filled 151 of an order for 150")])
    assert after(once, [refused("filled 151 of an order for 150", seq=9)]) == once


def test_another_reason_is_another_one() -> None:
    both = after({}, [refused("filled 151 of an order for 150"), refused("canceled can't be new")])
    assert len(both) == 2


def test_a_plan_asked_to_move_where_it_may_not_locks_nothing() -> None:
    asked = refused("done can't become selling", client_order_id=None, symbol=None)
    assert after({}, [asked]) == {}
