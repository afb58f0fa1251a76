"""Running cash of a sequence, and which sells pay for which buy (spec 4, Funding ledger)."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from db.model.order import Side
from db.model.plan import Step
from services.planning.acts import acts_of
from services.risk.facts import ZERO, Facts


class Trade(NamedTuple):
    """As much of a step as cash is moved by."""

    n: int
    account: str
    side: Side
    value: Decimal


class Funded(NamedTuple):
    cash: Decimal
    """Of the account, when this is done."""
    by: tuple[int, ...]
    """The sells that pay; empty when cash at hand does."""


def funding(facts: Facts, trades: Iterable[Trade]) -> Iterator[Funded]:
    """Cash at hand above the buffer is used first, then proceeds in the order of the sells; where no
    loan is allowed, proceeds first fill cash up to the buffer."""
    policy = facts.policy
    running = {account.name: account.cash for account in facts.portfolio.accounts}
    free: dict[str, Decimal] = {}
    for account in facts.portfolio.accounts:
        buffer = (policy.min_cash_weight or ZERO) * max(account.equity, ZERO)
        free[account.name] = account.cash - buffer
        if policy.allows_leverage:
            free[account.name] = max(free[account.name], ZERO)
    proceeds: dict[str, deque[tuple[int, Decimal]]] = {}
    for n, account_name, side, value in trades:
        at_hand = free.get(account_name, ZERO)
        paid_by: list[int] = []
        if side is Side.SELL:
            running[account_name] = running.get(account_name, ZERO) + value
            left = value
            if at_hand < 0:
                free[account_name] = min(at_hand + value, ZERO)
                left = max(at_hand + value, ZERO)
            if left > 0:
                proceeds.setdefault(account_name, deque()).append((n, left))
        else:
            running[account_name] = running.get(account_name, ZERO) - value
            used = max(min(at_hand, value), ZERO)
            free[account_name] = at_hand - used
            need = value - used
            sales = proceeds.get(account_name, deque())
            while need > 0 and sales:
                seller, amount = sales.popleft()
                paid_by.append(seller)
                if amount > need:
                    sales.appendleft((seller, amount - need))
                need -= min(amount, need)
        yield Funded(running[account_name], tuple(paid_by))


def ledger(facts: Facts, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps, edited perhaps, with their running cash, what pays for them, and their acts."""
    trades = [Trade(step.n, step.account, step.side, step.expected_value) for step in steps]
    return tuple(
        step.model_copy(
            update={
                "expected_cash_after": funded.cash,
                "funded_by": funded.by,
                "needs": funded.by,
                "acts": acts_of(facts, step),
            }
        )
        for step, funded in zip(steps, funding(facts, trades), strict=True)
    )
