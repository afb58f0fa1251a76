"""Cash and equity: what our books expect of an account against what the broker shows. Pure."""

from collections.abc import Iterator
from decimal import Decimal

from db.model.policy import Policy
from db.model.portfolio import Account, Portfolio
from db.model.reconciliation import Mismatch, MismatchKind
from services.reconciliation.expected import ZERO, Books, cash_of
from services.reconciliation.words import dollars


def money_mismatches(books: Books, portfolio: Portfolio, policy: Policy) -> Iterator[Mismatch]:
    for account in portfolio.accounts:
        if cash_differs(books, account, policy.cash_tolerance):
            yield _cash(account, _expected(books, account.name))
        parts = _parts(account, portfolio)
        tolerance = policy.equity_tolerance
        if tolerance is None or parts is None:
            continue
        if abs(account.equity - parts) > tolerance * abs(account.equity):
            yield _equity(account, parts)


def cash_differs(books: Books, account: Account, tolerance: Decimal | None) -> bool:
    """Whether the broker's cash is further from ours than the policy lets it be."""
    if tolerance is None or account.name not in books.cash:
        return False
    return abs(account.cash - _expected(books, account.name)) > tolerance


def _expected(books: Books, account: str) -> Decimal:
    """By our books, with the executions that are a mismatch of their own: they explain theirs."""
    outside = (cash_of(fill) for fill in books.outside.values() if fill.account == account)
    return books.cash[account] + sum(outside, ZERO)


def _parts(account: Account, portfolio: Portfolio) -> Decimal | None:
    """The broker's cash and what it holds, at its own prices; None where one is missing."""
    total = account.cash
    for position in portfolio.positions:
        if position.account != account.name:
            continue
        if position.market_value is None:
            return None
        total += position.market_value
    return total


def _cash(account: Account, expected: Decimal) -> Mismatch:
    more = account.cash - expected
    return Mismatch(
        kind=MismatchKind.CASH,
        account=account.name,
        subject=account.name,
        symbol="",
        ours=expected,
        broker=account.cash,
        explanation=(
            f"The broker's cash in {account.name} is {dollars(account.cash)}, by our fills and its "
            f"own fees, interest and dividends it should be {dollars(expected)}: "
            f"{dollars(abs(more))} {'more' if more > 0 else 'less'}, which no activity explains."
        ),
    )


def _equity(account: Account, parts: Decimal) -> Mismatch:
    return Mismatch(
        kind=MismatchKind.EQUITY,
        account=account.name,
        subject=account.name,
        symbol="",
        ours=parts,
        broker=account.equity,
        explanation=(
            f"The broker's equity in {account.name} is {dollars(account.equity)}, but its own cash "
            f"and positions come to {dollars(parts)}."
        ),
    )
