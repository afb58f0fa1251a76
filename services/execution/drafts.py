"""An event about an order, with all that it is about."""

from collections.abc import Mapping
from typing import Any

from db.model.event import EventDraft
from db.model.run import ChildOrder


def of_order(order: ChildOrder, kind: str, payload: Mapping[str, Any] | None = None) -> EventDraft:
    return EventDraft(
        kind=kind,
        plan_id=order.plan_id,
        step=order.step,
        client_order_id=order.client_order_id,
        account=order.account,
        symbol=order.symbol,
        payload=dict(payload or {}),
    )
