"""Makers of plans and tickets for the rules of the manual environment."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from plan_makers import BUY, SELL, make_plan, make_step

from db.model.order import OrderRequest, OrderState, OrderType, Side
from db.model.plan import Plan
from db.model.run import ChildOrder, Mode, PlanRun, PlanState
from db.model.ticket import Ticket
from services.brokers.manual.typed import read_claim

AT = datetime(2026, 1, 5, 15, 30, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def ticket(
    *fills: tuple[str, str], limit: str | None = None, side: Side = Side.SELL, **typed: str
) -> Ticket:
    """A ticket of step 1 for 150 NEM, filled so far."""
    request = OrderRequest(
        client_order_id="qd-3f9a-s01-c1-a1",
        account="main",
        symbol="NEM",
        side=side,
        qty=Decimal(150),
        type=OrderType.LIMIT if limit else OrderType.MARKET,
        limit_price=None if limit is None else Decimal(limit),
    )
    made = Ticket(
        order_id="ticket-1", request=request, plan_id="3f9a", step=1, shown_at=AT, updated_at=AT
    )
    for qty, price in fills:
        claim = read_claim(made, {"qty": qty, "price": price, **typed}, AT, NEW_YORK)
        made = made.model_copy(update={"claims": (*made.claims, claim)})
    return made


def plan_of(source: str = "Portfolio.md", environment: str = "manual") -> Plan:
    return make_plan(
        make_step(1, SELL, "NEM", 150, "80"),
        make_step(2, SELL, "AA", 125, "40"),
        make_step(3, BUY, "NVDA", 18, "180"),
        created_at=AT,
        source=source,
        environment=environment,
    )


def selling(environment: str, state: OrderState, **order: Any) -> PlanRun:
    """Step 1 let go, its order in this state."""
    child = ChildOrder(
        client_order_id="qd-3f9a-s01-c1-a1",
        plan_id="3f9a",
        step=1,
        account="main",
        symbol="NEM",
        side=Side.SELL,
        qty=Decimal(150),
        type=OrderType.MARKET,
        state=state,
        order_id="ticket-1",
        intended_at=AT,
        sent_at=AT,
        **order,
    )
    return PlanRun(
        plan=plan_of(environment=environment),
        state=PlanState.SELLING,
        mode=Mode.STEP,
        confirmed_steps=frozenset({1}),
        phase_opened_at=AT,
        orders=(child,),
    )
