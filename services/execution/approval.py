"""Approval: bound to what was shown, confirmed by a token, used once, expiring (spec 4, spec 8)."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from db.model.base import Exact, Noun, Utc
from db.model.order import OrderType, Side, TimeInForce
from db.model.plan import Finding, Phase, Severity, Verdict
from db.model.run import PlanRun, PlanState
from db.model.trading import TradingState
from services.execution.book import NotPossibleError
from services.execution.decide import needs_order
from services.execution.gate import worst_price
from services.execution.recheck import checked_again
from services.risk.facts import Facts

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Nothing that reads like something else: no 0/O, 1/I/L."""
TOKEN_LENGTH = 4


class CardOrder(Noun):
    n: int
    side: Side
    symbol: str
    qty: Exact
    type: OrderType
    limit_price: Exact | None
    extended_hours: bool = False
    stop_price: Exact | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    expected_value: Exact


class Drift(Noun):
    """How far a step's price moved since the plan was made. None: no price to compare."""

    n: int
    symbol: str
    reference_price: Exact
    price: Exact | None
    drift: Exact | None
    beyond: bool


class ApprovalCard(Noun):
    """Everything that is approved, on one card. Money in dollars."""

    plan_id: str
    revision: int
    hash: str
    token: str
    issued_at: Utc
    expires_at: Utc
    environment: str
    account: str
    trading_state: TradingState
    verdict: Verdict
    sells: int
    buys: int
    orders: tuple[CardOrder, ...]
    worst_case_cash: Exact
    """Lowest cash on the way, every buy at its worst price."""
    cash_after: Exact
    findings: tuple[Finding, ...]
    drift: tuple[Drift, ...]
    tolerance: Exact
    notes: tuple[str, ...] = ()

    @property
    def obstacle(self) -> str | None:
        """Why this card can't be approved as it is."""
        if self.verdict is Verdict.BLOCKED:
            blocks = [f.message for f in self.findings if f.severity is Severity.BLOCK]
            why = f": {blocks[0]}" if blocks else ""
            return f"The plan is BLOCKED{why}"
        for moved in self.drift:
            if moved.beyond and moved.drift is not None:
                return (
                    f"{moved.symbol} moved {moved.drift:+.2%} since the plan was made, more than "
                    f"{self.tolerance:.2%}. Propose it again."
                )
        return None


class Approvals:
    """Issues cards and takes each back at most once. Cards live in memory only: after a restart a
    new one is asked for."""

    def __init__(self, token: Callable[[], str] | None = None) -> None:
        self._token = token or new_token
        self._cards: dict[str, ApprovalCard] = {}

    def issue(
        self,
        run: PlanRun,
        facts: Facts,
        trading_state: TradingState,
        account: str,
        now: datetime,
    ) -> ApprovalCard:
        """A new card for the plan, checked on fresh facts. It replaces an earlier one."""
        previous = self._cards.get(run.plan.plan_id)
        token = self._token()
        while previous is not None and token == previous.token:
            token = self._token()
        card = approval_card(run, facts, trading_state, account, token, now)
        self._cards[run.plan.plan_id] = card
        return card

    def redeem(
        self, run: PlanRun, token: str, plan_hash: str, facts: Facts, now: datetime
    ) -> ApprovalCard:
        """The card whose token was typed, taken back. Raises NotPossibleError."""
        plan_id = run.plan.plan_id
        card = self._cards.get(plan_id)
        if card is None:
            raise NotPossibleError(f"No approval card of plan {plan_id} is open. Open it again.")
        if now > card.expires_at:
            del self._cards[plan_id]
            raise NotPossibleError("The approval card has expired. Open it again.")
        if not secrets.compare_digest(token.strip().upper().encode(), card.token.encode()):
            raise NotPossibleError("The token is not the one on the card.")
        shown = (card.revision, card.hash)
        if card.hash != plan_hash or shown != (run.plan.revision, run.plan.hash):
            del self._cards[plan_id]
            raise NotPossibleError("The plan changed since the card was shown. Open it again.")
        fresh = approval_card(run, facts, card.trading_state, card.account, card.token, now)
        if (why := fresh.obstacle) is not None:
            raise NotPossibleError(why)
        del self._cards[plan_id]
        return card


def new_token() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(TOKEN_LENGTH))


def approval_card(
    run: PlanRun,
    facts: Facts,
    trading_state: TradingState,
    account: str,
    token: str,
    now: datetime,
) -> ApprovalCard:
    """What is still to be sent of the plan, on fresh facts."""
    plan = run.plan
    remaining = [step for step in plan.steps if needs_order(run, step)]
    findings = checked_again(run, facts)
    shown = tuple(f for f in findings if f.severity is not Severity.PASS)
    blocked = any(f.severity is Severity.BLOCK for f in shown) or plan.verdict is Verdict.BLOCKED
    if blocked and not any(f.severity is Severity.BLOCK for f in shown):
        shown = tuple(f for f in plan.findings if f.severity is Severity.BLOCK) + shown
    verdict = Verdict.BLOCKED if blocked else (Verdict.CONDITIONAL if shown else Verdict.SAFE)
    notes = []
    if run.state is PlanState.PAUSED:
        notes.append("The plan is under way: this approves what remains of it.")
    notes += [
        f"Step {step.n} ({step.symbol}) is sent in pieces: {step.algorithm.words}."
        for step in remaining
        if step.algorithm is not None
    ]
    return ApprovalCard(
        plan_id=plan.plan_id,
        revision=plan.revision,
        hash=plan.hash,
        token=token,
        issued_at=now,
        expires_at=now + timedelta(minutes=facts.policy.approval_minutes),
        environment=plan.environment,
        account=account,
        trading_state=trading_state,
        verdict=verdict,
        sells=sum(step.phase is Phase.SELL for step in remaining),
        buys=sum(step.phase is Phase.BUY for step in remaining),
        orders=tuple(
            CardOrder(
                n=step.n,
                side=step.side,
                symbol=step.symbol,
                qty=step.qty - run.filled_qty(step.n),
                type=step.type,
                limit_price=step.limit_price,
                extended_hours=step.extended_hours,
                stop_price=step.stop_price,
                time_in_force=step.time_in_force,
                expected_value=step.expected_value,
            )
            for step in remaining
        ),
        worst_case_cash=worst_case_cash(run, facts),
        cash_after=plan.after.cash,
        findings=shown,
        drift=_drift(run, facts),
        tolerance=facts.policy.drift_tolerance,
        notes=tuple(notes),
    )


def worst_case_cash(run: PlanRun, facts: Facts) -> Decimal:
    """Lowest cash after any of the remaining steps, sells at their conservative expectation, buys at
    their worst price."""
    cash = facts.portfolio.cash
    on_the_way = []
    for step in run.plan.steps:
        if not needs_order(run, step):
            continue
        left = step.qty - run.filled_qty(step.n)
        if step.side is Side.SELL:
            cash += left * step.expected_price
        else:
            cash -= left * worst_price(step, facts.quotes.get(step.symbol), facts.policy)
        on_the_way.append(cash)
    return min(on_the_way, default=cash)


def _drift(run: PlanRun, facts: Facts) -> tuple[Drift, ...]:
    rows = []
    for step in run.plan.steps:
        if not needs_order(run, step):
            continue
        quote = facts.quotes.get(step.symbol)
        price = quote.mid if quote is not None else None
        drift = None if price is None else price / step.reference_price - 1
        rows.append(
            Drift(
                n=step.n,
                symbol=step.symbol,
                reference_price=step.reference_price,
                price=price,
                drift=drift,
                beyond=drift is not None and abs(drift) > facts.policy.drift_tolerance,
            )
        )
    return tuple(rows)
