"""Makers of steps, plans and requests for exceptions, for every room that is given one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from db.model.escalation import Escalation, Trigger, Violation
from db.model.order import OrderType, Side
from db.model.plan import Phase, Plan, Standing, Step, Verdict

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
SELL, BUY = Side.SELL, Side.BUY


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


def make_plan(
    *steps: Step,
    created_at: datetime = NOON,
    source: str = "Portfolio.md",
    environment: str = "sim",
) -> Plan:
    made = steps or (
        make_step(1, SELL, "NEM", 150, "80"),
        make_step(2, SELL, "AA", 125, "40"),
        make_step(3, BUY, "NVDA", 18, "180"),
        make_step(4, BUY, "LLY", 6, "800"),
    )
    return Plan(
        plan_id="3f9a",
        created_at=created_at,
        source=source,
        proposal_sha256="0" * 64,
        policy="standard",
        policy_hash="1" * 64,
        environment=environment,
        steps=made,
        findings=(),
        before=FLAT,
        after=FLAT,
        verdict=Verdict.SAFE,
    )


def make_escalation(**changed: object) -> Escalation:
    """Of the plan `3f9a`: a position of 16% where 15% are allowed."""
    asked = Escalation(
        escalation_id="3f9a-x1",
        plan_id="3f9a",
        revision=1,
        plan_hash="2" * 64,
        trigger=Trigger.BLOCKED,
        violations=(
            Violation(
                check="position_cap",
                subject="CCC",
                message="CCC would weigh 16.0%, over the position cap of 15.0%.",
                bounds={"after": Decimal("0.161")},
                covered="after ≤ 0.161",
            ),
        ),
        report="3f9a-r1-dry-run.md",
        asked="Approve an exception to position_cap (CCC), or modify the plan.",
        to="Jane Roe",
        by="ana",
        requested_at=NOON,
        deadline=NOON + timedelta(minutes=30),
    )
    return Escalation.model_validate({**asked.model_dump(), **changed})
