"""Makers of bought lots and of what protects them."""

from datetime import timedelta
from decimal import Decimal

from execution_makers import Log, fill_of, intended
from plan_makers import BUY, NOON, make_plan, make_step

from db.model.event import EventDraft
from db.model.order import BrokerOrder, Fill, OrderState, Side
from db.model.plan import StopCondition
from db.model.run import ChildOrder, PlanRun
from services.execution import lots
from services.execution.decide import next_child
from services.execution.drafts import of_order
from services.execution.legs import told
from services.execution.protection import Held, due, held_lots, reserved_by_sales

KEY = ("main", "NVDA")


class Bought:
    """A plan of one buy: 18 NVDA at 180, stop 165.60, target 208.80 unless said otherwise."""

    def __init__(
        self,
        stop: str | None = "165.60",
        target: str | None = "208.80",
        condition: StopCondition = StopCondition.TOUCH,
        protection: str = "broker",
    ) -> None:
        step = make_step(1, BUY, "NVDA", 18, "180").model_copy(
            update={
                "stop_loss_price": None if stop is None else Decimal(stop),
                "target_price": None if target is None else Decimal(target),
                "stop_condition": condition,
                "protection": protection,
            }
        )
        self.log = Log()
        self.log.write("PlanCreated", payload={"plan": make_plan(step).to_json()})
        self.log.write("PlanStarted", payload={"mode": "auto"})
        self.now = NOON
        self.entry = next_child(self.run, step, NOON)
        self.log.add([intended(self.entry)])
        self._n = 0

    @property
    def run(self) -> PlanRun:
        return self.log.run()

    @property
    def holdings(self) -> dict[lots.Key, lots.Holding]:
        return lots.after({}, self.log.events)

    def held(self, *, sold: str = "0") -> Held:
        runs = {"3f9a": self.run}
        reserved = reserved_by_sales(runs, {"a sale": (KEY, Decimal(sold))})
        (found,) = held_lots(runs, self.holdings, reserved)
        return found

    def due(self, *, sold: str = "0", buying: bool = False, market: bool = True) -> object:
        return due(self.held(sold=sold), self.now, buying=buying, open_market=market)

    def fills(self, qty: int | str, price: str = "180") -> None:
        self._fill(self.entry, qty, price)

    def _fill(self, order: ChildOrder, qty: int | str, price: str) -> None:
        self._n += 1
        fill: Fill = fill_of(order, f"x-{self._n}", Decimal(qty), price)
        self.log.add([of_order(order, "FillReceived", {"fill": fill.to_json()})], self.now)

    def places(self, order: ChildOrder, *, acknowledged: bool = True) -> None:
        """The protective order is intended, sent, and answered with its leg."""
        self.log.add([intended(order), of_order(order, "OrderSent")], self.now)
        if acknowledged:
            self.hears(order, self.report(order))

    def report(self, order: ChildOrder, **changed: object) -> BrokerOrder:
        leg = BrokerOrder(
            order_id=f"leg-{order.client_order_id}",
            client_order_id=f"made-{order.client_order_id}",
            account="main",
            symbol="NVDA",
            side=Side.SELL,
            type="stop",
            order_class="oco",
            qty=order.qty,
            stop_price=order.stop_price,
            status="held",
            state=OrderState.HELD,
            updated_at=self.now,
        )
        told_of = BrokerOrder(
            order_id=f"b-{order.client_order_id}",
            client_order_id=order.client_order_id,
            account="main",
            symbol="NVDA",
            side=Side.SELL,
            type="limit",
            order_class="oco" if order.oco else "",
            qty=order.qty,
            status="new",
            state=OrderState.ACKNOWLEDGED,
            legs=(leg,) if order.oco else (),
            updated_at=self.now,
        )
        return told_of.model_copy(update=changed)

    def hears(self, order: ChildOrder, report: BrokerOrder) -> None:
        """As the sender books it: an order first, then its legs."""
        known = self.log.order(order.client_order_id)
        run = self.run

        def knows(leg: BrokerOrder) -> bool:
            return run.order(leg.client_order_id) is not None

        self.log.add(told(known, report, None, knows), self.now)
        for leg in report.legs:
            self.hears(self.log.order(leg.client_order_id), leg)

    def leg(self, order: ChildOrder) -> ChildOrder:
        return self.log.order(f"made-{order.client_order_id}")

    def sells(self, order: ChildOrder, qty: int, price: str) -> None:
        """A protective order is executed."""
        self._fill(self.log.order(order.client_order_id), qty, price)

    def refused(self, order: ChildOrder, words: str = "no") -> None:
        payload = {"message": words, "category": "format"}
        self.log.add([of_order(order, "OrderRejected", payload)], self.now)

    def asked_to_cancel(self, order: ChildOrder) -> None:
        payload = {"reason": "exit", "words": "exit"}
        self.log.add([of_order(order, "CancelRequested", payload)], self.now)

    def cancelled(self, order: ChildOrder) -> None:
        payload = {"state": "canceled", "status": "canceled"}
        self.log.add([of_order(order, "OrderUpdated", payload)], self.now)

    def adopted(self, qty: str) -> None:
        draft = EventDraft(
            kind="PositionAdopted", account="main", symbol="NVDA", payload={"qty": qty}
        )
        self.log.add([draft], self.now)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
