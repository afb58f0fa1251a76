"""Snapshots and buffered updates in any order, any number of times, end in one state."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st
from wire_rows import activity_row, order_row, update_message

from db.model.order import BrokerOrder
from services.brokers.alpaca import parsing
from services.brokers.resync import later, merged

BASE = datetime(2026, 3, 3, 14, 31, tzinfo=UTC)


def report(status: str, filled: int, seconds: int) -> BrokerOrder:
    row = order_row(
        status=status,
        filled_qty=str(filled),
        filled_avg_price="45.48" if filled else None,
        updated_at=(BASE + timedelta(seconds=seconds)).isoformat(),
    )
    return parsing.order(row, "main")


REPORTS = st.builds(
    report,
    st.sampled_from([*parsing.STATES, "from_the_future"]),
    st.integers(0, 12),
    st.integers(0, 5),
)


@given(REPORTS, REPORTS, REPORTS)
def test_two_reports_as_one_in_any_order_and_grouping(
    a: BrokerOrder, b: BrokerOrder, c: BrokerOrder
) -> None:
    assert later(a, a) == a
    assert later(a, b) == later(b, a)
    assert later(later(a, b), c) == later(a, later(b, c))


@given(REPORTS, REPORTS)
def test_a_terminal_state_is_never_left_and_fills_only_grow(a: BrokerOrder, b: BrokerOrder) -> None:
    result = later(a, b)
    assert result.filled_qty == max(a.filled_qty, b.filled_qty)
    ended = [order for order in (a, b) if order.state is not None and order.state.terminal]
    if ended:
        assert result.status in {order.status for order in ended}


def test_a_story_told_in_any_order_ends_the_same() -> None:
    snapshot = parsing.order(order_row(status="partially_filled", filled_qty="5"), "main")
    fills = [
        parsing.update(
            update_message(
                event,
                execution_id=execution,
                price="45.48",
                qty=qty,
                timestamp=(BASE + timedelta(minutes=minute)).isoformat(),
                order=order_row(
                    status=status,
                    filled_qty=filled,
                    updated_at=(BASE + timedelta(minutes=minute)).isoformat(),
                ),
            ),
            "main",
        )
        for event, execution, qty, status, filled, minute in (
            ("partial_fill", "e1", "5", "partially_filled", "5", 1),
            ("partial_fill", "e2", "3", "partially_filled", "8", 2),
            ("fill", "e3", "4", "filled", "12", 3),
        )
    ]
    activity = parsing.activity_fill(activity_row(id="20260303::e1"), "main")
    results = [merged([snapshot], [activity], (*order, *order)) for order in permutations(fills)]
    assert all(result == results[0] for result in results)
    only = results[0].orders[snapshot.order_id]
    assert (only.status, only.filled_qty) == ("filled", Decimal(12))
    assert [fill.execution_id for fill in results[0].fills] == ["e1", "e2", "e3"]
    assert results[0].fills[0].client_order_id == snapshot.client_order_id
