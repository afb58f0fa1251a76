"""Approval: bound to what was shown, confirmed by a token, used once, expiring (spec 4, spec 8)."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from db.model.base import Exact, Noun, Utc
from db.model.order import OrderType, Side, TimeInForce
from db.model.plan import Finding, Phase, Severity, Verdict, verdict_of
from db.model.run import PlanRun, PlanState
from db.model.trading import TradingState
from services.execution.book import NotPossibleError
from services.execution.decide import needs_order
from services.execution.gate import worst_price
from services.execution.recheck import checked_again, in_force
from services.risk.exceptions import blocks_of, excepted, key_of
from services.risk.facts import Facts
from services.risk.freshness import Rung, age_minutes, caveats, rung

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
    caveats: tuple[str, ...] = ()
    """What is worth a word in the audit record: an older portfolio, a minor change of it."""
    exceptions: tuple[str, ...] = ()
    """Each that was granted: how many of the day, what it covers, by whom and why."""
    waiting: str | None = None
    """A stale portfolio is being read again: until when there is nothing to approve."""
    acknowledge: str | None = None
    """What must be acknowledged with words of one's own: it could not be read again."""

    @property
    def obstacle(self) -> str | None:
        """Why this card can't be approved as it is."""
        if self.verdict is Verdict.BLOCKED:
            blocks = [f.message for f in self.findings if f.severity is Severity.BLOCK]
            why = f": {blocks[0]}" if blocks else ""
            return f"The plan is BLOCKED{why}"
        if self.waiting is not None:
            return self.waiting
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
        self._stale_since: dict[str, datetime] = {}
        """Plan → when its portfolio was first found stale; each look since has read it again."""

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
        card = self._card(run, facts, trading_state, account, token, now)
        self._cards[run.plan.plan_id] = card
        return card

    def _card(
        self,
        run: PlanRun,
        facts: Facts,
        trading_state: TradingState,
        account: str,
        token: str,
        now: datetime,
    ) -> ApprovalCard:
        card = approval_card(run, facts, trading_state, account, token, now)
        if rung(age_minutes(facts), facts.policy) is not Rung.STALE:
            self._stale_since.pop(run.plan.plan_id, None)
            return card
        since = self._stale_since.setdefault(run.plan.plan_id, now)
        return card.model_copy(update=stale(facts, since, now))

    def redeem(
        self,
        run: PlanRun,
        token: str,
        plan_hash: str,
        facts: Facts,
        now: datetime,
        acknowledged: str = "",
    ) -> ApprovalCard:
        """The card whose token was typed, taken back, as it is now. Raises NotPossibleError."""
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
        fresh = self._card(run, facts, card.trading_state, card.account, card.token, now)
        if (why := fresh.obstacle) is not None:
            raise NotPossibleError(why)
        if fresh.acknowledge is not None and not acknowledged.strip():
            raise NotPossibleError(fresh.acknowledge)
        del self._cards[plan_id]
        return fresh


def stale(facts: Facts, since: datetime, now: datetime) -> dict[str, str]:
    """Of a card on a stale portfolio: it is read again at every look, for the policy's minutes; after
    that a typed word takes it as it is (spec 3, Freshness)."""
    until = since + timedelta(minutes=facts.policy.portfolio_refresh_minutes)
    shown = f"The portfolio is {age_minutes(facts):.0f} min old"
    if now < until:
        return {"waiting": f"{shown}: it is being read again, until {until:%H:%M} UTC. Open the card again."}  # fmt: skip
    return {"acknowledge": f"{shown} and could not be read again. To go on with it, type why."}


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
    if not blocks_of(shown):  # what only planning sees still blocks, unless somebody let it pass
        of_plan = excepted(blocks_of(plan.findings), in_force(run, facts))
        now_seen = {key_of(finding) for finding in shown}
        shown = (
            tuple(f for f in of_plan if f.severity is Severity.BLOCK or key_of(f) not in now_seen)
            + shown
        )
    unsaid = plan.verdict is Verdict.BLOCKED and not blocks_of(plan.findings)
    verdict = Verdict.BLOCKED if unsaid else verdict_of(shown)
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
        caveats=caveats(findings),
        exceptions=tuple(exception.words for exception in in_force(run, facts)),
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
