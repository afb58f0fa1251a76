"""Runs the catalogue over a plan, and again over what remains of it."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from db.model.plan import Finding, Plan, Step
from services.risk import account, cash, exposure, history, ideas, market_risk, orders
from services.risk.case import Case, Findings, case_of
from services.risk.catalogue import CHECKS, Group
from services.risk.estimate import expected_price, expected_range
from services.risk.facts import Facts
from services.risk.standing import signed_value

RULES: dict[str, Callable[[Case], Findings]] = {
    rule.__name__: rule
    for rule in (
        exposure.sector_cap,
        exposure.position_cap,
        exposure.sector_increase,
        exposure.leverage,
        exposure.leveraged_cap,
        exposure.position_count,
        cash.cash_buffer,
        cash.cash_path,
        cash.buying_power,
        cash.account_cash,
        orders.restricted,
        orders.share_sufficiency,
        orders.settled_funds,
        orders.market_hours,
        orders.min_position,
        orders.min_trade,
        orders.order_value,
        orders.adv_share,
        orders.quote_fresh,
        orders.price_collar,
        orders.tradable,
        orders.duplicate_order,
        orders.opposite_order,
        orders.halted_symbol,
        history.wash_sale,
        account.intraday_margin,
        account.day_trades,
        market_risk.risk_per_trade,
        market_risk.portfolio_at_risk,
        account.trading_state,
        account.daily_loss,
        account.min_equity,
        account.loss_streak,
        market_risk.correlation,
        market_risk.value_at_risk,
        account.portfolio_age,
        ideas.signal_fresh,
        ideas.signal_unique,
        ideas.conviction,
        ideas.sector_rank,
        ideas.conflicting_signal,
        ideas.duplicate_ticker,
    )
}
"""Check id → rule. `stated_weight` compares a proposal, which only planning sees."""
TOO_SMALL = ("min_trade", "min_position")


def check(case: Case) -> tuple[Finding, ...]:
    """Every finding, in the catalogue's order."""
    return tuple(
        finding for entry in CHECKS if entry.id in RULES for finding in RULES[entry.id](case)
    )


PRE_TRADE = tuple(
    RULES[entry.id]
    for entry in CHECKS
    if entry.id in RULES and entry.group in (Group.ORDER, Group.ACCOUNT)
)


def check_order(facts: Facts, step: Step) -> tuple[Finding, ...]:
    """The checks of one order and of its account, without those of the whole book: what may be asked
    before every send. 0.3 ms on facts that are already priced."""
    case = case_of(facts, (step,))
    return tuple(finding for rule in PRE_TRADE for finding in rule(case))


def still_to_send(plan: Plan, facts: Facts, left: Mapping[int, Decimal]) -> Case:
    """The plan's steps in `left` on fresh facts, each for as many shares as are left of it: at approval
    all of them, at the start of each phase those not yet sent."""
    steps = [step.model_copy(update={"qty": left[step.n]}) for step in plan.steps if step.n in left]
    return case_of(facts, repriced(facts, steps))


def recheck(plan: Plan, case: Case) -> tuple[Finding, ...]:
    """What is `still_to_send` of the plan, checked. The rest of an approved step is not held to be too
    small for being a rest."""
    rests = {step.n for step in case.steps if step.qty < plan.step(step.n).qty}
    return tuple(
        finding
        for finding in check(case)
        if not (finding.check in TOO_SMALL and finding.step in rests)
    )


def repriced(facts: Facts, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The same orders at today's conservative prices, with their running cash. Where a quote is
    missing the old price stays, and `quote_fresh` says so."""
    running = {account.name: account.cash for account in facts.portfolio.accounts}
    fresh: list[Step] = []
    for step in steps:
        price = expected_price(
            facts,
            step.symbol,
            step.side,
            step.qty,
            limit_price=step.limit_price,
            stop_price=step.stop_price,
            kind=step.type,
        )
        price = step.expected_price if price is None else price
        reference = facts.price(step.symbol) or step.reference_price
        low, high = expected_range(facts, step.symbol, step.side, price)
        moved = step.model_copy(
            update={
                "expected_price": price,
                "expected_value": step.qty * price,
                "reference_price": reference,
                "expected_low": low,
                "expected_high": high,
            }
        )
        running[step.account] = running.get(step.account, Decimal(0)) + signed_value(moved)
        fresh.append(moved.model_copy(update={"expected_cash_after": running[step.account]}))
    return tuple(fresh)
