"""Makers of plans, runs and reports for the rules of execution."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from db.model.event import Event, EventDraft
from db.model.order import BrokerOrder, Fill, OrderState, OrderType, Side
from db.model.plan import Phase, Plan, Standing, Step, Verdict
from db.model.run import ChildOrder, PlanRun
from services.execution.fold import folded

NOON = datetime(2026, 1, 5, 17, 0, tzinfo=UTC)
FLAT = Standing(
    equity=Decimal(100000),
    cash=Decimal(2500),
    cash_weight=Decimal("0.025"),
    gross_exposure=Decimal(97500),
    leverage=Decimal("0.975"),
    accounts={"main": Decimal(2500)},
    holdings=(),
    sectors=(),
)


def make_step(n: int, side: Side, symbol: str, qty: int, price: str) -> Step:
    return Step(
        n=n,
        phase=Phase.SELL if side is Side.SELL else Phase.BUY,
        account="main",
        symbol=symbol,
        side=side,
        qty=Decimal(qty),
        type=OrderType.MARKET,
        reference_price=Decimal(price),
        expected_price=Decimal(price),
        expected_value=Decimal(price) * qty,
        expected_cash_after=Decimal(0),
        sector="Technology",
        reason="a test",
    )


SELL, BUY = Side.SELL, Side.BUY


def make_plan(*steps: Step) -> Plan:
    made = steps or (
        make_step(1, SELL, "NEM", 150, "80"),
        make_step(2, SELL, "AA", 125, "40"),
        make_step(3, BUY, "NVDA", 18, "180"),
        make_step(4, BUY, "LLY", 6, "800"),
    )
    return Plan(
        plan_id="3f9a",
        created_at=NOON,
        source="Portfolio.md",
        proposal_sha256="0" * 64,
        policy="standard",
        policy_hash="1" * 64,
        environment="sim",
        steps=made,
        findings=(),
        before=FLAT,
        after=FLAT,
        verdict=Verdict.SAFE,
    )


class Log:
    """A list of drafts turned into events, as the journal would, without its file."""

    def __init__(self) -> None:
        self.events: list[Event] = []

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
        return folded(self.events)["3f9a"]

    def order(self, client_order_id: str) -> ChildOrder:
        order = self.run().order(client_order_id)
        assert order is not None
        return order


def intended(order: ChildOrder) -> EventDraft:
    return EventDraft(
        kind="OrderIntended",
        plan_id=order.plan_id,
        step=order.step,
        client_order_id=order.client_order_id,
        account=order.account,
        symbol=order.symbol,
        payload={"order": order.to_json()},
    )


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
