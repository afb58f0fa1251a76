"""Drafts as the desk writes them, for the journal's tests: every folded kind, over few ids."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from db.model.alert import Alert, AlertSeverity
from db.model.event import EventDraft
from db.model.order import Fill, OrderState, OrderType, Side
from db.model.plan import Phase, Plan, Standing, Step, Verdict
from db.model.run import Approval, ChildOrder, Mode

NOON = datetime(2026, 1, 5, 17, 0, tzinfo=UTC)
ACCOUNT = "main"
SYMBOLS = ("NEM", "NVDA")
ORDERS = ("qd-p1-s1-1", "qd-p1-s2-1", "qd-p2-s1-1")
PLANS = ("p1", "p2")


class Ticking:
    """A clock that moves a millisecond each time it is read."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


def plan(plan_id: str = "p1", revision: int = 1, qty: str = "10") -> Plan:
    standing = Standing(
        equity=Decimal(100_000), cash=Decimal(2_500), cash_weight=Decimal("0.025"),
        gross_exposure=Decimal(97_500), leverage=Decimal("0.975"), accounts={ACCOUNT: Decimal(2500)},
        holdings=(), sectors=(),
    )  # fmt: skip
    step = Step(
        n=1, phase=Phase.SELL, account=ACCOUNT, symbol="NEM", side=Side.SELL, qty=Decimal(qty),
        type=OrderType.MARKET, reference_price=Decimal("45.5"), expected_price=Decimal("45.45"),
        expected_value=Decimal("454.5"), expected_cash_after=Decimal("2954.5"), sector="Materials",
        reason="Materials above its target",
    )  # fmt: skip
    return Plan(
        plan_id=plan_id, revision=revision, created_at=NOON, source="Portfolio.md",
        proposal_sha256="0" * 64, policy="standard", policy_hash="1" * 64, environment="sim",
        steps=(step,), findings=(), before=standing, after=standing, verdict=Verdict.SAFE,
    )  # fmt: skip


def order(client_order_id: str = ORDERS[0], symbol: str = "NEM", qty: str = "10") -> ChildOrder:
    return ChildOrder(
        client_order_id=client_order_id, plan_id="p1", step=1, account=ACCOUNT, symbol=symbol,
        side=Side.SELL, qty=Decimal(qty), type=OrderType.MARKET, intended_at=NOON,
    )  # fmt: skip


def fill(
    execution_id: str = "e1",
    client_order_id: str = ORDERS[0],
    symbol: str = "NEM",
    side: Side = Side.SELL,
    qty: str = "4",
    price: str = "45.5",
) -> Fill:
    return Fill(
        execution_id=execution_id, account=ACCOUNT, order_id=f"broker-{client_order_id}",
        client_order_id=client_order_id, symbol=symbol, side=side, qty=Decimal(qty),
        price=Decimal(price), at=NOON,
    )  # fmt: skip


def alert(alert_id: str = "a1") -> Alert:
    return Alert(
        alert_id=alert_id, condition="stop_hit", subject="NEM", severity=AlertSeverity.CRITICAL,
        raised_at=NOON, sentence="NEM is through its stop.",
    )  # fmt: skip


def draft(kind: str, **given: Any) -> EventDraft:
    columns = {name: given.pop(name) for name in tuple(given) if name in EventDraft.model_fields}
    return EventDraft(kind=kind, **{"payload": given, **columns})


def intended(child: ChildOrder) -> EventDraft:
    return draft(
        "OrderIntended", client_order_id=child.client_order_id, plan_id=child.plan_id,
        step=child.step, account=child.account, symbol=child.symbol, order=child.to_json(),
    )  # fmt: skip


def received(execution: Fill) -> EventDraft:
    return draft(
        "FillReceived", client_order_id=execution.client_order_id, account=execution.account,
        symbol=execution.symbol, fill=execution.to_json(),
    )  # fmt: skip


_money = st.decimals("0.01", "9999", places=2).map(str)
_qty = st.integers(1, 30).map(str)
_words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
"""SQLite reads a text up to a NUL: no broker sends one."""
_symbol = st.sampled_from(SYMBOLS)
_order_id = st.sampled_from(ORDERS)
_plan_id = st.sampled_from(PLANS)


def _of_plan(kind: str, **payload: st.SearchStrategy[Any]) -> st.SearchStrategy[EventDraft]:
    return st.builds(draft, st.just(kind), plan_id=_plan_id, **payload)


def _of_order(kind: str, **payload: st.SearchStrategy[Any]) -> st.SearchStrategy[EventDraft]:
    return st.builds(draft, st.just(kind), client_order_id=_order_id, **payload)


def _of_symbol(kind: str, **payload: st.SearchStrategy[Any]) -> st.SearchStrategy[EventDraft]:
    columns = {"account": st.just(ACCOUNT), "symbol": _symbol}
    return st.builds(draft, st.just(kind), **columns, **payload)


def _approval() -> Approval:
    return Approval(plan_hash="h", approver="me", mode=Mode.AUTO, approved_at=NOON, expires_at=NOON)


ORDER_DRAFTS: st.SearchStrategy[EventDraft] = st.one_of(
    st.builds(lambda key, qty: intended(order(key, qty=qty)), _order_id, _qty),
    _of_order("OrderSent"),
    _of_order("OrderDenied", reason=_words),
    _of_order("OrderRejected", message=_words, category=_words, status=st.none(), code=st.none()),
    _of_order("OrderUnknown", reason=_words),
    _of_order("OrderNotFound"),
    _of_order(
        "OrderUpdated", state=st.sampled_from([state.value for state in OrderState]),
        status=_words, order_id=st.one_of(st.none(), _words),
    ),
    st.builds(
        lambda *values: received(fill(*values)),
        st.integers(0, 40).map(str), _order_id, _symbol, st.sampled_from(Side), _qty, _money,
    ),
)  # fmt: skip
DRAFTS: st.SearchStrategy[EventDraft] = st.one_of(
    st.builds(
        lambda plan_id, revision, kind: draft(
            kind, plan_id=plan_id, plan=plan(plan_id, revision).to_json()
        ),
        _plan_id,
        st.integers(1, 9),
        st.sampled_from(("PlanCreated", "PlanEdited")),
    ),
    _of_plan("PlanApproved", approval=st.just(_approval().to_json())),
    _of_plan("PlanStarted", mode=st.sampled_from([mode.value for mode in Mode])),
    _of_plan("PlanAdvanced", **{"from": st.just("selling"), "to": st.just("settling")}),
    _of_plan("PlanPaused", reason=_words),
    _of_plan("PlanHalted", reason=_words),
    _of_plan("PlanContinued", to=st.just("selling")),
    _of_plan("PlanEnded", state=st.just("done"), reason=_words),
    _of_plan("ApprovalVoided", reason=_words),
    ORDER_DRAFTS,
    _of_symbol("PositionAdopted", qty=st.integers(-20, 20).map(str), avg_entry_price=_money),
    _of_symbol("ProtectionSet", stop_price=_money, target_price=_money, qty=_qty),
    st.builds(
        lambda key: draft("AlertRaised", alert=alert(key).to_json()), st.sampled_from("abc")
    ),
    st.builds(draft, st.just("AlertAcknowledged"), alert_id=st.sampled_from("abc")),
    st.builds(draft, st.just("AlertCleared"), alert_id=st.sampled_from("abc")),
    st.builds(draft, st.just("Halted"), by=_words, reason=_words),
    st.builds(draft, st.just("HaltCompleted"), report=st.just({"remaining": 0})),
    st.builds(draft, st.just("TradingResumed"), reason=_words),
    st.builds(draft, st.just("DayStarted"), date=st.dates().map(str), equity=_money),
    st.builds(draft, st.just("MismatchIgnored"), key=_words, reason=_words),
    st.builds(draft, st.just("ReportWritten"), path=_words, ok=st.booleans(), n=st.integers()),
)  # fmt: skip
