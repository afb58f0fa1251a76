"""What a broker's report of one of our orders means: the events that it adds, if any.

Reports come from the stream, from polling and from look-ups, late, twice and out of order. They
all go through here, so any interleaving ends in the same state (invariant 10): a fill counts by the
broker's cumulative figure, which only grows, and a status only moves along the table."""

from decimal import Decimal

from db.model.event import EventDraft
from db.model.order import BrokerOrder, Fill, OrderState
from db.model.run import ChildOrder
from services.execution.chain import replaced
from services.execution.drafts import of_order
from services.execution.transitions import order_may

_CENT_OF_CENT = Decimal("0.000001")


def absorbed(
    order: ChildOrder, report: BrokerOrder, fill: Fill | None = None
) -> tuple[EventDraft, ...]:
    """Events for `report` (an order after some event, and the execution if it was one).

    Empty when it tells nothing new."""
    fills = _fill_events(order, report, fill)
    if any(draft.kind == "TransitionRefused" for draft in fills):
        return fills  # what can't be in one part is believed in none (invariant 7)
    if not fills and report.filled_qty > order.filled_qty and _ends(report):
        # Fills that can't be booked yet: the end waits for them, or the rest would be too big.
        return ()
    return (*fills, *_status_events(order, report))


def _ends(report: BrokerOrder) -> bool:
    return report.state is not None and report.state.terminal


def _fill_events(
    order: ChildOrder, report: BrokerOrder, fill: Fill | None
) -> tuple[EventDraft, ...]:
    gained = report.filled_qty - order.filled_qty
    if gained <= 0:
        return ()
    if report.filled_qty > order.qty:
        return (_refusal(order, report, f"filled {report.filled_qty} of an order for {order.qty}"),)
    if fill is None or fill.qty != gained or fill.execution_id in order.executions:
        fill = _missed_fill(order, report, gained)
    if fill is None:
        return ()
    return (of_order(order, "FillReceived", {"fill": fill.to_json()}),)


def _missed_fill(order: ChildOrder, report: BrokerOrder, gained: Decimal) -> Fill | None:
    """The fill between what we booked and the broker's cumulative figure, priced so that the
    average agrees. Its id is derived, so the same gap is never booked twice. None while the broker
    reports no average price: nothing is invented."""
    if not report.filled_avg_price or report.updated_at is None:
        return None
    booked = order.filled_qty * (order.filled_avg_price or Decimal(0))
    price = (report.filled_qty * report.filled_avg_price - booked) / gained
    return Fill(
        execution_id=f"cum:{report.order_id}:{report.filled_qty}",
        account=order.account,
        order_id=report.order_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        qty=gained,
        price=price.quantize(_CENT_OF_CENT),
        at=report.updated_at,
    )


def _status_events(order: ChildOrder, report: BrokerOrder) -> tuple[EventDraft, ...]:
    state = report.state
    if state is None:
        return (
            _refusal(order, report, f"the broker's status {report.status!r} is not one we know"),
        )
    if state is OrderState.REPLACED and not order.state.terminal:
        if report.replaced_by:
            return (replaced(order, report),)
        return (_refusal(order, report, "replaced, and the broker does not say by which order"),)
    if state in (OrderState.FILLED, OrderState.PARTIALLY_FILLED) and report.filled_qty > 0:
        # Said by the fill itself; only the broker's id may still be news.
        if order.order_id is None and report.filled_qty <= order.filled_qty:
            return (_acknowledged(order, report, order.state),)
        return ()
    if state is order.state and order.order_id is not None:
        return ()
    if state is OrderState.FILLED and not order.state.terminal:
        return (_refusal(order, report, "filled, and by the broker's own figure of nothing"),)
    if order.state in (OrderState.INTENT, OrderState.SENT, OrderState.UNKNOWN):
        return (_acknowledged(order, report, state),)
    if _is_stale(order, state):
        return ()
    if not order_may(order.state, state):
        return (_refusal(order, report, f"{order.state.value} can't become {state.value}"),)
    return (of_order(order, "OrderUpdated", _known(report, state)),)


def _is_stale(order: ChildOrder, state: OrderState) -> bool:
    """A report from before what we know: of a working order that has since closed or filled."""
    if order.state.terminal:
        return True
    return state is OrderState.ACKNOWLEDGED and order.filled_qty > 0


def _acknowledged(order: ChildOrder, report: BrokerOrder, state: OrderState) -> EventDraft:
    return of_order(order, "OrderAcknowledged", _known(report, state))


def _known(report: BrokerOrder, state: OrderState) -> dict[str, str]:
    said = {"message": report.reason} if report.reason else {}
    return {"state": state.value, "status": report.status, "order_id": report.order_id, **said}


def _refusal(order: ChildOrder, report: BrokerOrder, why: str) -> EventDraft:
    return of_order(
        order,
        "TransitionRefused",
        {"why": why, "status": report.status, "filled_qty": str(report.filled_qty)},
    )
