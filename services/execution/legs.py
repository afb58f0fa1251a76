"""The legs that a broker makes of an OCO: orders of ours under names of its own. Pure."""

from collections.abc import Callable

from db.model.base import plain
from db.model.event import EventDraft
from db.model.order import BrokerOrder, Fill, OrderState, OrderType
from db.model.run import ChildOrder
from services.execution.absorb import absorbed
from services.execution.drafts import of_order


def told(
    order: ChildOrder,
    report: BrokerOrder,
    fill: Fill | None,
    known: Callable[[BrokerOrder], bool],
) -> tuple[EventDraft, ...]:
    """Events for a report of `order`: legs that are new, what its pair sold, and the rest."""
    drafts = [_leg(order, leg) for leg in report.legs if order.oco and not known(leg)]
    if (qty := _resized(order, report)) is not None and report.qty is not None:
        drafts.append(qty)
        order = order.model_copy(update={"qty": report.qty})
    return (*drafts, *absorbed(order, report, fill))


def _resized(order: ChildOrder, report: BrokerOrder) -> EventDraft | None:
    """Of a pair that has sold a part, the other is for the rest only (alpaca.md §8.8)."""
    if not (order.oco or order.parent) or order.state.terminal or not report.qty:
        return None
    if not order.filled_qty <= report.qty < order.qty:
        return None
    return of_order(order, "LegResized", {"qty": plain(report.qty)})


def _leg(parent: ChildOrder, leg: BrokerOrder) -> EventDraft:
    order = ChildOrder(
        client_order_id=leg.client_order_id,
        plan_id=parent.plan_id,
        step=parent.step,
        child=parent.child,
        attempt=parent.attempt,
        account=parent.account,
        symbol=parent.symbol,
        side=parent.side,
        qty=leg.qty or parent.qty,
        type=OrderType.STOP,
        stop_price=leg.stop_price,
        time_in_force=parent.time_in_force,
        protective=True,
        parent=parent.client_order_id,
        state=OrderState.HELD,
        order_id=leg.order_id,
        resend=False,
    )
    return of_order(order, "LegAcknowledged", {"order": order.to_json()})
