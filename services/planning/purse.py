"""What sales bring and purchases cost at worst, and which account pays (spec 4: dry-run cash is
conservative)."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal

from db.model.order import Side
from services.planning.draft import Draft
from services.planning.guidance import guide
from services.planning.sequence import price_of
from services.risk.facts import ZERO, Facts


def value_of(facts: Facts, draft: Draft) -> Decimal:
    """Conservative proceeds of a sale."""
    guidance = guide(facts, draft.symbol, draft.side, draft.qty)
    priced = Draft(
        draft.account,
        draft.symbol,
        draft.side,
        draft.qty,
        "",
        type=guidance.type,
        limit_price=guidance.limit_price,
    )
    return draft.qty * (price_of(facts, priced) or ZERO)


def proceeds(facts: Facts, sells: Sequence[Draft]) -> Decimal:
    return sum((value_of(facts, draft) for draft in sells), ZERO)


def loss(facts: Facts, sells: Sequence[Draft]) -> Decimal:
    """What the sales give away against the mid."""
    at_mid = sum((draft.qty * (facts.price(draft.symbol) or ZERO) for draft in sells), ZERO)
    return at_mid - proceeds(facts, sells)


def purse(facts: Facts, sells: Sequence[Draft], wanted: str | None = None) -> tuple[Decimal, str]:
    """The account that buys, the one wanted or the one that will hold most cash when the sells are
    done, and how much that will be: what other accounts hold can't pay."""
    cash = {account.name: account.cash for account in facts.portfolio.accounts}
    for draft in sells:
        cash[draft.account] = cash.get(draft.account, ZERO) + value_of(facts, draft)
    name = wanted if wanted in cash else max(cash, key=lambda account: cash[account])
    return cash[name], name


def worst_price(facts: Facts, account: str, symbol: str, qty: Decimal) -> Decimal:
    """What a share bought is expected to cost at worst."""
    guidance = guide(facts, symbol, Side.BUY, qty)
    draft = Draft(
        account, symbol, Side.BUY, qty, "", type=guidance.type, limit_price=guidance.limit_price
    )
    price = price_of(facts, draft)
    mid = facts.price(symbol) or ZERO
    return mid * (1 + facts.policy.limit_band) if price is None else price


def whole(dollars: Decimal, price: Decimal) -> Decimal:
    """Whole shares for so many dollars."""
    return (dollars / price).to_integral_value(ROUND_FLOOR)
