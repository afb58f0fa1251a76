"""How a plan goes: its state, its approval and the child orders of its steps. A fold of events."""

from decimal import Decimal
from enum import StrEnum
from typing import Any

from db.model.base import Exact, Noun, Positive, Utc
from db.model.escalation import Escalation, Outcome
from db.model.order import OrderRequest, OrderState, OrderType, Side, TimeInForce
from db.model.plan import Phase, Plan, Step
from db.model.slicing import Slice


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


class StepState(StrEnum):
    """Where a step stands, derived from its orders (`services/execution/transitions.py`)."""

    PLANNED = "planned"
    WORKING = "working"
    UNKNOWN = "unknown"
    AGAIN = "again"
    """Its last order came to nothing, or to a part: the verified rest is still to be sent."""
    FILLED = "filled"
    SHORT = "short"
    """Over, with fewer shares than planned."""
    GIVEN_UP = "given_up"


class CancelReason(StrEnum):
    """Why we ask for a cancel, and so what becomes of the rest (`RESENDING`)."""

    TRADER = "trader"
    HALT = "halt"
    ABORT = "abort"
    TIME_LIMIT = "time_limit"
    ACCEPT = "accept"
    RESUBMIT = "resubmit"
    REPRICE = "reprice"
    REST = "rest"
    EXCESS = "excess"
    HURRY = "hurry"
    """To be out in a hurry: what the marketable limit did not fill goes at the market."""
    SLICE = "slice"
    """The next child of a sliced step takes its rest along."""
    PAUSE = "pause"
    """A sliced step rests while its plan does."""
    EXIT = "exit"
    """Protection that goes before its shares are sold."""
    RENEW = "renew"
    """Protection that the broker would soon let expire."""
    UNPROTECT = "unprotect"
    """Protection that the trader does without, typed."""


RESENDING = frozenset(
    {
        CancelReason.HALT,
        CancelReason.RESUBMIT,
        CancelReason.REPRICE,
        CancelReason.PAUSE,
        CancelReason.HURRY,
    }
)
"""After these cancels the verified remainder is sent as the next attempt."""


class Approval(Noun):
    """One approval authorises at most one execution of the content with this hash."""

    plan_hash: str
    approver: str
    mode: Mode
    approved_at: Utc
    expires_at: Utc
    session_ends_at: Utc | None = None
    """Market time: a plan that has not started by then is `expired` (spec 5, Plan states)."""
    caveats: tuple[str, ...] = ()
    """What was worth a word, and approved all the same."""
    acknowledged: str = ""
    """What the approver typed to go on with a stale portfolio."""


class LookUp(Noun):
    """What the broker said when it was asked for an order whose answer never came."""

    at: Utc
    answer: str


_BECOMES = {
    "state", "order_id", "filled_qty", "filled_avg_price", "executions", "reason", "resend",
    "rejection", "verified", "past", "cancel_reason", "look_ups", "absent", "chain", "chain_filled",
    "chain_avg_price", "intended_at", "sent_at", "acknowledged_at", "cancel_requested_at",
    "closed_at",
}  # fmt: skip
"""Of an order, what it becomes by later events."""


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
    extended_hours: bool = False
    protective: bool = False
    """Not a part of its step but what protects its shares; `child` counts the parts of these."""
    oco: bool = False
    """`limit_price` is the target, `stop_price` the stop. The stop is an order of its own."""
    parent: str | None = None
    """Of the leg of an OCO: our id of the pair. The leg's own id is of the broker's making."""
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
    """Once terminal, what is left of it may be sent as the next attempt: it never came to be, or
    it was cancelled for that."""
    rejection: str | None = None
    """Class of the broker's refusal; None when there was none, or we denied the order ourselves."""
    verified: bool = False
    """Terminal, and proven so: it never left, or the broker said after the end that it is closed
    with just the fills that we know, or that it never existed."""
    past: bool = False
    """Closed before the trader last let the phase go on: its failure asks for nothing any more."""
    cancel_reason: str | None = None
    """A `CancelReason`, of the last cancel that we asked for."""
    look_ups: tuple[LookUp, ...] = ()
    """Answers to our look-ups while it was unknown, the changes only."""
    absent: bool = False
    """Unknown, and the broker said twice, two seconds apart, that it has no such order."""
    chain: tuple[str, ...] = ()
    """Broker ids of orders that were replaced at the broker; `order_id` is the tail (invariant 13)."""
    chain_filled: Exact | None = None
    """Shares filled before the tail that the tail's own figure does not count. None: not known."""
    chain_avg_price: Exact | None = None
    """What they cost on average."""
    intended_at: Utc | None = None
    sent_at: Utc | None = None
    acknowledged_at: Utc | None = None
    cancel_requested_at: Utc | None = None
    closed_at: Utc | None = None

    def terms(self) -> dict[str, Any]:
        """What is intended, as JSON values: nothing of what becomes of an order once it is."""
        return self.model_dump(mode="json", exclude=_BECOMES)

    @property
    def remaining_qty(self) -> Decimal:
        return self.qty - self.filled_qty

    @property
    def carries_on(self) -> bool:
        """Closed as a child of a sliced step should: the next one may follow."""
        return self.state is OrderState.FILLED or self.cancel_reason == CancelReason.SLICE

    @property
    def followed(self) -> bool:
        """The tail of its chain is known; true of an order that nobody replaced."""
        return not self.chain or self.chain_filled is not None

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
            extended_hours=self.extended_hours,
            oco=self.oco,
        )


class PlanRun(Noun):
    """A plan and everything that happened to it."""

    plan: Plan
    earlier: tuple[Plan, ...] = ()
    """What the trader's edits may be undone to, the last of them last. None once it has started."""
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
    """Of its steps. What protects them is in `protective`."""
    protective: tuple[ChildOrder, ...] = ()
    """Protective orders of bought steps, and the legs that the broker made of them."""
    protected: dict[int, str] = {}
    """Bought steps whose protection the broker has acknowledged, and for how many shares."""
    watched: dict[int, str] = {}
    """Bought steps that the desk watches itself, and why the broker does not."""
    unprotected: dict[int, str] = {}
    """Bought steps whose protection the trader took away, and why."""
    repriced: dict[int, Exact] = {}
    """Step → the limit of its next attempt, moved inside the approval's tolerance."""
    slices: dict[int, Slice] = {}
    """Step → its pieces, once its turn has come."""
    escalations: tuple[Escalation, ...] = ()
    """Every exception that was asked for, and what became of it."""
    caveats: tuple[str, ...] = ()
    """What was worth a word at the start of a phase."""
    cash_at_start: Exact | None = None
    """The broker's cash when the plan started; None: not noted."""
    phase_opened_at: Utc | None = None
    started_at: Utc | None = None
    ended_at: Utc | None = None

    @property
    def escalation(self) -> Escalation | None:
        """The request that waits for its answer."""
        return next((one for one in self.escalations if one.outcome is Outcome.OPEN), None)

    @property
    def exceptions(self) -> tuple[Escalation, ...]:
        """Granted, and for the plan as it is now."""
        return tuple(one for one in self.escalations if one.outcome is Outcome.GRANTED)

    def orders_of(self, step: int) -> tuple[ChildOrder, ...]:
        return tuple(order for order in self.orders if order.step == step)

    def last_order(self, step: int) -> ChildOrder | None:
        """The latest attempt of the step's latest child."""
        orders = self.orders_of(step)
        return max(orders, key=lambda order: (order.child, order.attempt), default=None)

    def limit_price(self, step: Step) -> Decimal | None:
        """The limit of the step's next attempt."""
        return self.repriced.get(step.n, step.limit_price)

    @property
    def all_orders(self) -> tuple[ChildOrder, ...]:
        """Of its steps, and what protects them."""
        return (*self.orders, *self.protective)

    def order(self, client_order_id: str) -> ChildOrder | None:
        return next((o for o in self.all_orders if o.client_order_id == client_order_id), None)

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
        last = max(orders, key=lambda order: (order.child, order.attempt))
        goes_on = last.resend or (step.n in self.slices and last.carries_on)
        return not goes_on or self.filled_qty(step.n) >= step.qty

    @property
    def unknown_orders(self) -> tuple[ChildOrder, ...]:
        """Orders whose answer never came: nothing else is sent for this plan meanwhile."""
        return tuple(order for order in self.all_orders if order.state is OrderState.UNKNOWN)
