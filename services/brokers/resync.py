"""After every (re)connect of the order stream: REST snapshots and the updates buffered meanwhile,
merged. Nothing is replayed by the broker, so the order of arrival must not matter (alpaca.md §5.6).

Pure. `later` is associative, commutative and idempotent: any interleaving ends in the same state."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from db.model.base import Noun
from db.model.order import BrokerOrder, Fill, OrderState
from services.brokers.port import OrderUpdate

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_RANK = {
    state: rank
    for rank, states in enumerate(
        (
            (None,),
            (OrderState.HELD,),
            (OrderState.ACKNOWLEDGED,),
            (OrderState.SUSPENDED, OrderState.DONE_FOR_DAY),
            (OrderState.PARTIALLY_FILLED,),
            (OrderState.PENDING_CANCEL,),
        )
    )
    for state in states
}
"""Between reports of the same instant the one further along wins."""


class Resynced(Noun):
    """What is known once snapshots and buffered updates are merged."""

    orders: dict[str, BrokerOrder]
    """By broker order id."""
    fills: tuple[Fill, ...]
    """Each execution once, oldest first."""


def merged(
    orders: Iterable[BrokerOrder], fills: Iterable[Fill], updates: Iterable[OrderUpdate]
) -> Resynced:
    """Snapshot `orders` and `fills` with `updates` buffered since the stream was listening."""
    buffered = tuple(updates)
    known: dict[str, BrokerOrder] = {}
    for order in (*orders, *(update.order for update in buffered)):
        other = known.get(order.order_id)
        known[order.order_id] = order if other is None else later(other, order)
    executions: dict[str, Fill] = {}
    for fill in (*fills, *(update.fill for update in buffered if update.fill is not None)):
        other_fill = executions.get(fill.execution_id)
        if other_fill is None or (not other_fill.client_order_id and fill.client_order_id):
            executions[fill.execution_id] = fill
    return Resynced(
        orders=known,
        fills=tuple(sorted(executions.values(), key=lambda fill: (fill.at, fill.execution_id))),
    )


def later(one: BrokerOrder, other: BrokerOrder) -> BrokerOrder:
    """Two reports of one order as one: a terminal state is never left, else the newer report
    counts, and the filled quantity only grows."""
    newest = max(one, other, key=_age)
    fullest = max(one, other, key=_filled)
    if _filled(newest) == _filled(fullest):
        return newest
    return newest.model_copy(
        update={
            "filled_qty": fullest.filled_qty,
            "filled_avg_price": fullest.filled_avg_price,
        }
    )


def _age(order: BrokerOrder) -> tuple[bool, datetime, int, str]:
    terminal = order.state is not None and order.state.terminal
    return (terminal, order.updated_at or _EPOCH, _RANK.get(order.state, len(_RANK)), order.status)


def _filled(order: BrokerOrder) -> tuple[Decimal, Decimal]:
    return (order.filled_qty, order.filled_avg_price or Decimal(0))
