"""Makers of plans, runs and reports for the rules of execution."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from plan_makers import NOON

from db.model.event import Event, EventDraft
from db.model.order import BrokerOrder, Fill, OrderState
from db.model.run import ChildOrder, PlanRun
from services.execution.drafts import of_order
from services.execution.fold import folded


class Log:
    """A list of drafts turned into events, as the journal would, without its file."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._folded = 0
        self._runs: dict[str, PlanRun] = {}

    def add(self, drafts: Iterable[EventDraft], at: datetime = NOON) -> None:
        for draft in drafts:
            self.events.append(
                Event(
                    **draft.model_dump(),
                    seq=len(self.events) + 1,
                    at=at,
                    prev_hash="",
                    hash="",
                )
            )

    def write(self, kind: str, at: datetime = NOON, **fields: object) -> None:
        self.add([EventDraft.model_validate({"kind": kind, "plan_id": "3f9a", **fields})], at)

    def run(self) -> PlanRun:
        self._runs = folded(self.events[self._folded :], self._runs)
        self._folded = len(self.events)
        return self._runs["3f9a"]

    def restarted(self) -> PlanRun:
        """Folded from the first event, as after a restart."""
        return folded(self.events)["3f9a"]

    def order(self, client_order_id: str) -> ChildOrder:
        order = self.run().order(client_order_id)
        assert order is not None
        return order


def intended(order: ChildOrder) -> EventDraft:
    return of_order(order, "OrderIntended", {"order": order.terms()})


def report_of(
    order: ChildOrder,
    state: OrderState,
    filled: int | Decimal = 0,
    price: str | Decimal = "80",
    second: int = 0,
) -> BrokerOrder:
    """What the broker would say of `order`."""
    return BrokerOrder(
        order_id="b-1",
        client_order_id=order.client_order_id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        type=order.type.value,
        qty=order.qty,
        status=state.value,
        state=state,
        filled_qty=Decimal(filled),
        filled_avg_price=Decimal(price) if filled else None,
        updated_at=NOON + timedelta(seconds=second),
    )


def fill_of(order: ChildOrder, execution_id: str, qty: int | Decimal, price: str) -> Fill:
    return Fill(
        execution_id=execution_id,
        account=order.account,
        order_id="b-1",
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        qty=Decimal(qty),
        price=Decimal(price),
        at=NOON,
    )
