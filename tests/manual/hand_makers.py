"""Makers of plans and tickets for the rules of the manual environment."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from db.model.order import OrderRequest, OrderState, OrderType, Side
from db.model.plan import Phase, Plan, Standing, Step, Verdict
from db.model.run import ChildOrder, Mode, PlanRun, PlanState
from db.model.ticket import Ticket
from services.brokers.manual.typed import read_claim

AT = datetime(2026, 1, 5, 15, 30, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
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
    return Plan(
        plan_id="3f9a",
        created_at=AT,
        source=source,
        proposal_sha256="0" * 64,
        policy="standard",
        policy_hash="1" * 64,
        environment=environment,
        steps=(
            _step(1, Side.SELL, "NEM", 150, "80"),
            _step(2, Side.SELL, "AA", 125, "40"),
            _step(3, Side.BUY, "NVDA", 18, "180"),
        ),
        findings=(),
        before=FLAT,
        after=FLAT,
        verdict=Verdict.SAFE,
    )


def _step(n: int, side: Side, symbol: str, qty: int, price: str) -> Step:
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
