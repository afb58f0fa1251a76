"""How a plan goes: its state, its approval and the child orders of its steps. A fold of events."""

from decimal import Decimal
from enum import StrEnum

from db.model.base import Exact, Noun, Positive, Utc
from db.model.order import OrderRequest, OrderState, OrderType, Side, TimeInForce
from db.model.plan import Phase, Plan, Step


class PlanState(StrEnum):
    """Spec 5, Plan states. `checked` carries its verdict in the plan."""

    DRAFT = "draft"
    CHECKED = "checked"
    ESCALATED = "escalated"
    APPROVED = "approved"
    SELLING = "selling"
    SETTLING = "settling"
    BUYING = "buying"
    PROTECTING = "protecting"
    PAUSED = "paused"
    HALTED = "halted"
    DONE = "done"
    DONE_WITH_EXCEPTIONS = "done_with_exceptions"
    ABORTED = "aborted"
    EXPIRED = "expired"

    @property
    def ended(self) -> bool:
        return self in (
            PlanState.DONE,
            PlanState.DONE_WITH_EXCEPTIONS,
            PlanState.ABORTED,
            PlanState.EXPIRED,
        )

    @property
    def working(self) -> bool:
        """Started and not ended: what a restart must resume."""
        return self in WORKING


WORKING = frozenset(
    {
        PlanState.SELLING,
        PlanState.SETTLING,
        PlanState.BUYING,
        PlanState.PROTECTING,
        PlanState.PAUSED,
        PlanState.HALTED,
    }
)


class Mode(StrEnum):
    """How much the trader confirms: each order, each phase, or the approved plan as a whole."""

    STEP = "step"
    PHASE = "phase"
    AUTO = "auto"


class Approval(Noun):
    """One approval authorises at most one execution of the content with this hash."""

    plan_hash: str
    approver: str
    mode: Mode
    approved_at: Utc
    expires_at: Utc


class ChildOrder(Noun):
    """One order that a step sends. Its id is derived from plan, step, child and attempt."""

    client_order_id: str
    plan_id: str
    step: int
    child: int = 1
    attempt: int = 1
    account: str
    symbol: str
    side: Side
    qty: Positive
    type: OrderType
    limit_price: Exact | None = None
    stop_price: Exact | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    state: OrderState = OrderState.PLANNED
    order_id: str | None = None
    """The broker's id, once it has answered."""
    filled_qty: Exact = Decimal(0)
    """Cumulative, as booked from executions or the broker's own figure; never falls."""
    filled_avg_price: Exact | None = None
    executions: tuple[str, ...] = ()
    reason: str = ""
    """Why it was rejected, canceled or is unknown."""
    resend: bool = False
    """Terminal, and what is left of it may be sent as the next attempt: it provably never left, or
    a halt cancelled it."""
    intended_at: Utc | None = None
    sent_at: Utc | None = None
    acknowledged_at: Utc | None = None
    cancel_requested_at: Utc | None = None
    closed_at: Utc | None = None

    @property
    def remaining_qty(self) -> Decimal:
        return self.qty - self.filled_qty

    def request(self) -> OrderRequest:
        """What is sent to the broker for it."""
        return OrderRequest(
            client_order_id=self.client_order_id,
            account=self.account,
            symbol=self.symbol,
            side=self.side,
            qty=self.qty,
            type=self.type,
            limit_price=self.limit_price,
            stop_price=self.stop_price,
            time_in_force=self.time_in_force,
        )


class PlanRun(Noun):
    """A plan and everything that happened to it."""

    plan: Plan
    state: PlanState = PlanState.DRAFT
    paused_from: PlanState | None = None
    """The working state that `paused` or `halted` interrupted."""
    reason: str = ""
    approval: Approval | None = None
    mode: Mode | None = None
    confirmed_phase: Phase | None = None
    """Phase mode: the phase that the trader let run."""
    confirmed_steps: frozenset[int] = frozenset()
    """Step mode: the steps that the trader let run."""
    given_up: dict[int, str] = {}
    """Steps that will not be sent, and why."""
    orders: tuple[ChildOrder, ...] = ()
    phase_opened_at: Utc | None = None
    started_at: Utc | None = None
    ended_at: Utc | None = None

    def orders_of(self, step: int) -> tuple[ChildOrder, ...]:
        return tuple(order for order in self.orders if order.step == step)

    def order(self, client_order_id: str) -> ChildOrder | None:
        return next((o for o in self.orders if o.client_order_id == client_order_id), None)

    def filled_qty(self, step: int) -> Decimal:
        """Shares filled over all child orders and attempts of the step."""
        return sum((order.filled_qty for order in self.orders_of(step)), Decimal(0))

    def filled_avg_price(self, step: int) -> Decimal | None:
        """Average price over all fills of the step; None before the first."""
        filled = [o for o in self.orders_of(step) if o.filled_qty and o.filled_avg_price]
        qty = sum((o.filled_qty for o in filled), Decimal(0))
        if not qty:
            return None
        paid = sum((o.filled_qty * (o.filled_avg_price or Decimal(0)) for o in filled), Decimal(0))
        return paid / qty

    def step_done(self, step: Step) -> bool:
        """Nothing of the step works and nothing of it is to be sent again."""
        orders = self.orders_of(step.n)
        if not orders or step.n in self.given_up:
            return step.n in self.given_up
        if any(not order.state.terminal for order in orders):
            return False
        last = max(orders, key=lambda order: order.attempt)
        return not last.resend or self.filled_qty(step.n) >= step.qty

    @property
    def unknown_orders(self) -> tuple[ChildOrder, ...]:
        """Orders whose answer never came: nothing else is sent for this plan meanwhile."""
        return tuple(order for order in self.orders if order.state is OrderState.UNKNOWN)
