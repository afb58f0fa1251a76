"""Orders: open ones that are not ours, ours that are gone, and fills that do not add up. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from db.model.base import plain
from db.model.order import BrokerOrder, OrderState
from db.model.reconciliation import Mismatch, MismatchKind
from db.model.run import ChildOrder
from services.reconciliation.words import minute, of_theirs

LISTED = frozenset(
    {
        OrderState.ACKNOWLEDGED,
        OrderState.PARTIALLY_FILLED,
        OrderState.PENDING_CANCEL,
        OrderState.HELD,
    }
)
"""States in which the broker must list an order as open. Intended, sent and unknown orders are
resolved by their own look-up."""

EXECUTIONS_LAG = timedelta(seconds=60)
"""Activities may be behind their order by this much."""


def order_mismatches(
    ours: Sequence[ChildOrder], listed: Sequence[BrokerOrder], external: Collection[str]
) -> Iterator[Mismatch]:
    """`listed`: open at the broker. `external`: broker ids of orders that the trader adopted."""
    by_name = {order.client_order_id: order for order in ours}
    by_id = {order.order_id: order for order in ours if order.order_id is not None}
    names = {order.client_order_id for order in listed} | {order.order_id for order in listed}
    for order in listed:
        mine = by_name.get(order.client_order_id) or by_id.get(order.order_id)
        if mine is None and (order.order_id in external or order.replaces in by_id):
            continue
        if mine is None or mine.state.terminal:
            yield _external(order, mine)
    for mine in ours:
        name = mine.order_id if mine.chain or mine.parent is not None else mine.client_order_id
        if mine.state in LISTED and name not in names:
            yield _lost(mine)


def fill_mismatches(
    ours: Iterable[ChildOrder],
    reports: Mapping[str, BrokerOrder],
    executed: Mapping[str, Decimal] | None,
    market_now: datetime,
) -> Iterator[Mismatch]:
    """Per order its fills sum to the broker's figure, or it is flagged (invariant 11). `reports`:
    by our id, what the broker says of our orders, as whole legs. `executed`: broker order id →
    shares of its executions, where the whole day was read; None where it was not."""
    for mine in ours:
        report = reports.get(mine.client_order_id)
        if report is None:
            continue
        if report.filled_qty != mine.filled_qty:
            yield _fills(mine, report.filled_qty, "by the broker's order", critical=False)
        elif (found := _executions(mine, report, executed, market_now)) is not None:
            over = found > mine.filled_qty
            yield _fills(mine, found, "by the broker's executions", critical=over)


def _executions(
    mine: ChildOrder,
    report: BrokerOrder,
    executed: Mapping[str, Decimal] | None,
    market_now: datetime,
) -> Decimal | None:
    """Shares by the executions, where they are another number than the order's; chains are told
    apart by their own look-up, and executions that may be on their way are waited for."""
    if executed is None or mine.chain:
        return None
    found = executed.get(report.order_id)
    if found is None or found == mine.filled_qty:
        return None
    young = report.updated_at is None or market_now - report.updated_at < EXECUTIONS_LAG
    return None if young and found < mine.filled_qty else found


def _fills(mine: ChildOrder, theirs: Decimal, by: str, *, critical: bool) -> Mismatch:
    above = " More was executed than we ordered." if theirs > mine.qty else ""
    return Mismatch(
        kind=MismatchKind.FILLS,
        account=mine.account,
        subject=mine.client_order_id,
        symbol=mine.symbol,
        ours=mine.filled_qty,
        broker=theirs,
        explanation=(
            f"Of our order {mine.client_order_id} ({mine.side.value} {plain(mine.qty)} "
            f"{mine.symbol}, {mine.state.value}) {plain(mine.filled_qty)} are filled by our book, "
            f"{plain(theirs)} {by}.{above}"
        ),
        critical=critical or theirs > mine.qty,
    )


def _external(order: BrokerOrder, mine: ChildOrder | None) -> Mismatch:
    if mine is None:
        why = "we never sent it."
    else:
        closed = f" since {minute(mine.closed_at)}" if mine.closed_at else ""
        why = f"ours says {mine.state.value}{closed}."
    return Mismatch(
        kind=MismatchKind.EXTERNAL_ORDER,
        account=order.account,
        subject=order.client_order_id or order.order_id,
        symbol=order.symbol,
        ours=None if mine is None else mine.remaining_qty,
        broker=None if order.qty is None else order.qty - order.filled_qty,
        explanation=f"The broker lists order {of_theirs(order)} as open; {why}",
    )


def _lost(order: ChildOrder) -> Mismatch:
    sent = f" sent {minute(order.sent_at)}," if order.sent_at else ""
    return Mismatch(
        kind=MismatchKind.LOST_ORDER,
        account=order.account,
        subject=order.client_order_id,
        symbol=order.symbol,
        ours=order.remaining_qty,
        broker=None,
        explanation=(
            f"Our order {order.client_order_id} ({order.side.value} {plain(order.qty)} "
            f"{order.symbol},{sent} {plain(order.filled_qty)} filled) is {order.state.value} by our "
            "journal, but the broker neither lists it as open nor knows how it ended."
        ),
    )
