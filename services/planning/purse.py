"""What sales bring and purchases cost at worst, and which account pays (spec 4: dry-run cash is
conservative)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from db.model.order import Side
from services.planning.draft import Draft
from services.planning.guidance import guide
from services.planning.sequence import price_of
from services.risk.facts import ZERO, Facts


@dataclass(frozen=True)
class Purse:
    """The account that buys, and what the sales before bring. Dollars, conservative."""

    account: str
    cash: Decimal
    """In the account when the sales are done: what other accounts hold can't pay."""
    proceeds: Decimal
    """Of all sales."""
    given_away: Decimal
    """By the sales, against the mid."""


def purse(facts: Facts, sells: Sequence[Draft], wanted: str | None = None) -> Purse:
    """Of the account wanted, else of the one that will hold most cash."""
    cash = {account.name: account.cash for account in facts.portfolio.accounts}
    proceeds, at_mid = ZERO, ZERO
    for draft in sells:
        value = draft.qty * worst_price(facts, draft)
        proceeds += value
        at_mid += draft.qty * (facts.price(draft.symbol) or ZERO)
        cash[draft.account] = cash.get(draft.account, ZERO) + value
    name = wanted if wanted in cash else max(cash, key=lambda account: cash[account])
    return Purse(name, cash[name], proceeds, at_mid - proceeds)


def worst_price(facts: Facts, draft: Draft) -> Decimal:
    """What a share is expected to bring or cost at worst; 0 for a sale that nobody can price."""
    guidance = guide(facts, draft.symbol, draft.side, draft.qty)
    price = price_of(facts, draft, guidance)
    if price is not None:
        return price
    mid = facts.price(draft.symbol) or ZERO
    return ZERO if draft.side is Side.SELL else mid * (1 + facts.policy.limit_band)


def buying_price(facts: Facts, account: str, symbol: str, qty: Decimal) -> Decimal:
    """What a share bought costs at worst."""
    return worst_price(facts, Draft(account, symbol, Side.BUY, qty, ""))


def whole(dollars: Decimal, price: Decimal) -> Decimal:
    """Whole shares for so many dollars."""
    return (dollars / price).to_integral_value(ROUND_FLOOR)
