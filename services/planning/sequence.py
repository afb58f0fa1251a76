"""Puts drafts in order, prices them, and says what pays for what (spec 4, Sequencing)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from db.model.order import OrderType, Side
from db.model.plan import Phase, Step
from services.planning.draft import Draft
from services.planning.guidance import guide
from services.risk.estimate import down, expected_price, up
from services.risk.facts import ZERO, Facts
from services.risk.standing import signed_value

EASY_SHARE = Decimal("0.001")
"""Orders under 0.1% of a day's volume are equally liquid: size decides among them."""
NO_QUOTE_HAIRCUT = Decimal("0.01")
"""A position sold without a quote is expected to bring this much less than its last price."""


def steps_of(facts: Facts, drafts: Iterable[Draft]) -> tuple[Step, ...]:
    """Sells, then buys, numbered from 1, with running cash and funding."""
    priced = [_priced(facts, draft) for draft in drafts]
    sells = sorted(
        (step for step in priced if step.side is Side.SELL), key=lambda s: _sell_key(facts, s)
    )
    buys = sorted((step for step in priced if step.side is Side.BUY), key=_buy_key)
    numbered = [step.model_copy(update={"n": n}) for n, step in enumerate([*sells, *buys], 1)]
    return ledger(facts, numbered)


def price_of(facts: Facts, draft: Draft) -> Decimal | None:
    """The conservative price of a draft; for what is held and has no quote, the broker's last
    price less a haircut: getting out must not wait for a quote. None when nobody knows."""
    price = expected_price(
        facts,
        draft.symbol,
        draft.side,
        draft.qty,
        limit_price=draft.limit_price,
        stop_price=draft.stop_price,
        kind=draft.type or OrderType.MARKET,
    )
    if price is not None or draft.side is Side.BUY:
        return price
    last = facts.price(draft.symbol)
    return None if last is None else down(last * (1 - NO_QUOTE_HAIRCUT))


def _priced(facts: Facts, draft: Draft) -> Step:
    reason, algorithm = draft.reason, None
    if draft.type is None:
        guidance = guide(facts, draft.symbol, draft.side, draft.qty)
        algorithm = guidance.algorithm
        kind, limit = guidance.type, guidance.limit_price
        reason = f"{reason} {guidance.why}."
    else:
        kind, limit = draft.type, draft.limit_price
    price = price_of(facts, replace(draft, type=kind, limit_price=limit))
    reference = facts.price(draft.symbol) or limit
    if price is None or reference is None:
        raise ValueError(f"{draft.symbol} has no price")
    return Step(
        n=1,
        phase=Phase.SELL if draft.side is Side.SELL else Phase.BUY,
        account=draft.account,
        symbol=draft.symbol,
        side=draft.side,
        qty=draft.qty,
        type=kind,
        limit_price=limit,
        stop_price=draft.stop_price,
        time_in_force=draft.time_in_force,
        reference_price=reference,
        expected_price=price,
        expected_value=draft.qty * price,
        expected_cash_after=ZERO,
        sector=facts.sector(draft.symbol),
        conviction=draft.conviction,
        reason=reason,
        algorithm=algorithm,
        **_protection(facts, draft, price),
    )


def _protection(facts: Facts, draft: Draft, price: Decimal) -> dict[str, Any]:
    """Stop and target of a buy that opens or adds, from its expected price and the policy."""
    policy = facts.policy
    opens = draft.side is Side.BUY and not facts.reduces(
        draft.account, draft.symbol, draft.side, draft.qty
    )
    stop = (draft.stop_loss or policy.stop_loss) if opens else None
    target = (draft.profit_target or policy.profit_target) if opens else None
    return {
        "stop_loss_price": None if stop is None else up(price * (1 - stop)),
        "stop_condition": policy.stop_condition,
        "protection": policy.protection,
        "target_price": None if target is None else up(price * (1 + target)),
    }


def _sell_key(facts: Facts, step: Step) -> tuple[bool, Decimal, Decimal, str, str]:
    """Leveraged first, most liquid first, largest first; names break ties."""
    share = facts.adv_share(step.symbol, step.qty)
    if share is None:
        share = Decimal("Infinity")
    plain = abs(facts.leverage_factor(step.symbol)) == 1
    value = step.qty * step.reference_price
    return plain, ZERO if share < EASY_SHARE else share, -value, step.symbol, step.account


def _buy_key(step: Step) -> tuple[Decimal, Decimal, str, str]:
    """Highest conviction first, then largest."""
    value = step.qty * step.reference_price
    return -(step.conviction or ZERO), -value, step.symbol, step.account


def ledger(facts: Facts, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps with their running cash, and each buy with the sells that pay for it.

    Cash at hand above the buffer is used first, then proceeds in the order of the sells; where no
    loan is allowed, proceeds first fill cash up to the buffer."""
    policy = facts.policy
    running = {account.name: account.cash for account in facts.portfolio.accounts}
    free: dict[str, Decimal] = {}
    for account in facts.portfolio.accounts:
        buffer = (policy.min_cash_weight or ZERO) * max(account.equity, ZERO)
        free[account.name] = account.cash - buffer
        if policy.allows_leverage:
            free[account.name] = max(free[account.name], ZERO)
    proceeds: dict[str, list[tuple[int, Decimal]]] = {}
    done: list[Step] = []
    for step in steps:
        running[step.account] = running.get(step.account, ZERO) + signed_value(step)
        funding: list[int] = []
        if step.side is Side.SELL:
            left = free.get(step.account, ZERO) + step.expected_value
            if free.get(step.account, ZERO) < 0:
                free[step.account] = min(left, ZERO)
                left = max(left, ZERO)
            else:
                left = step.expected_value
            if left > 0:
                proceeds.setdefault(step.account, []).append((step.n, left))
        else:
            need = step.expected_value
            at_hand = max(min(free.get(step.account, ZERO), need), ZERO)
            free[step.account] = free.get(step.account, ZERO) - at_hand
            need -= at_hand
            sales = proceeds.get(step.account, [])
            while need > 0 and sales:
                n, amount = sales.pop(0)
                funding.append(n)
                if amount > need:
                    sales.insert(0, (n, amount - need))
                need -= min(amount, need)
        done.append(
            step.model_copy(
                update={
                    "expected_cash_after": running[step.account],
                    "funded_by": tuple(funding),
                    "needs": tuple(funding),
                }
            )
        )
    return tuple(done)
