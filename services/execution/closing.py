"""Which orders would close everything, and what that would bring and cost. Pure."""

from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal

from db.model.base import plain
from db.model.order import BrokerOrder, OrderType, Side
from db.model.plan import Phase, Plan, Step, Verdict
from db.model.portfolio import Position
from db.model.trading import Closing
from services.planning.guidance import marketable_limit
from services.risk.estimate import expected_price
from services.risk.facts import Facts
from services.risk.policy import policy_hash
from services.risk.standing import cost, signed_value, standing

ZERO = Decimal(0)
FLATTEN = "flatten"
"""Source of the plan that closes everything."""


def closings(facts: Facts, locked: Collection[str]) -> tuple[Closing, ...]:
    """Every position with what closing it is expected to bring and to cost, the largest first."""
    rows = [_closing(facts, held, locked) for held in facts.portfolio.positions if held.qty]
    return tuple(sorted(rows, key=lambda row: (-abs(row.value or ZERO), row.symbol)))


def _closing(facts: Facts, held: Position, locked: Collection[str]) -> Closing:
    side, qty = _way_out(held)
    mid = facts.price(held.symbol)
    price = expected_price(facts, held.symbol, side, qty)
    sign = 1 if side is Side.SELL else -1
    obstacle = ""
    if held.symbol in locked:
        obstacle = "our book and the broker differ on it: settle that first"
    return Closing(
        account=held.account,
        symbol=held.symbol,
        side=side.value,
        qty=qty,
        value=None if mid is None else held.qty * mid,
        proceeds=None if price is None else sign * qty * price,
        cost=None if price is None or mid is None else sign * qty * (mid - price),
        protective=tuple(o.client_order_id for o in protecting(held, facts.portfolio.orders)),
        obstacle=obstacle,
    )


def _way_out(held: Position) -> tuple[Side, Decimal]:
    return (Side.SELL if held.qty > 0 else Side.BUY), abs(held.qty)


def protecting(held: Position, orders: Iterable[BrokerOrder]) -> tuple[BrokerOrder, ...]:
    """Protective orders that hold the position's shares: they go before it can be closed."""
    side, _ = _way_out(held)
    return tuple(
        order
        for order in orders
        if order.protective and order.symbol == held.symbol and order.side in (side, None)
    )


def closing_steps(facts: Facts, held: Iterable[Position]) -> tuple[Step, ...]:
    """An order for each position that is to be out in a hurry: a marketable limit where the price is
    fresh, then the market (spec 4, Order guidance). Buys to cover stand in the first phase too: they wait for no
    sell, and no gate asks for their cash (invariant 20)."""
    return tuple(_step(facts, n, position) for n, position in enumerate(held, start=1))


def _step(facts: Facts, n: int, held: Position) -> Step:
    side, qty = _way_out(held)
    mid = facts.price(held.symbol) or held.current_price or held.avg_entry_price
    limit = marketable_limit(facts, held.symbol, side) if facts.fresh(held.symbol) else None
    price = expected_price(facts, held.symbol, side, qty, limit_price=limit) or mid
    return Step(
        n=n,
        phase=Phase.SELL,
        account=held.account,
        symbol=held.symbol,
        side=side,
        qty=qty,
        type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        limit_price=limit,
        urgency="high",
        reference_price=mid,
        expected_price=price,
        expected_value=qty * price,
        expected_cash_after=ZERO,
        sector=facts.sector(held.symbol),
        reason=f"close {plain(held.qty)}",
    )


def exit_plan(
    facts: Facts,
    steps: Iterable[Step],
    *,
    plan_id: str,
    source: str,
    environment: str,
    created_at: datetime,
) -> Plan:
    """The plan of these steps, with their running cash."""
    running = {account.name: account.cash for account in facts.portfolio.accounts}
    ordered = []
    for step in steps:
        running[step.account] = running.get(step.account, ZERO) + signed_value(step)
        ordered.append(step.model_copy(update={"expected_cash_after": running[step.account]}))
    return Plan(
        plan_id=plan_id,
        created_at=created_at,
        source=source,
        proposal_sha256="",
        policy=facts.policy.name,
        policy_hash=policy_hash(facts.policy),
        environment=environment,
        steps=tuple(ordered),
        findings=(),
        before=standing(facts),
        after=standing(facts, ordered),
        estimated_cost=cost(ordered),
        verdict=Verdict.SAFE,
    )
