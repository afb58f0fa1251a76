"""Puts drafts in order, prices them, and says what pays for what (spec 4, Sequencing)."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from db.model.order import Side
from db.model.plan import Phase, Step
from services.planning.acts import acts_of
from services.planning.draft import Draft
from services.planning.funding import Funded, Trade, funding
from services.planning.guidance import Guidance, as_asked, guide
from services.risk.estimate import down, expected_price, expected_range, up
from services.risk.facts import ZERO, Facts

EASY_SHARE = Decimal("0.001")
"""Orders under 0.1% of a day's volume are equally liquid: size decides among them."""
NO_QUOTE_HAIRCUT = Decimal("0.01")
"""A position sold without a quote is expected to bring this much less than its last price."""


def steps_of(facts: Facts, drafts: Iterable[Draft]) -> tuple[Step, ...]:
    """Sells, then buys, numbered from 1, with running cash and funding."""
    priced = [_priced(facts, draft) for draft in drafts]
    sells = sorted(
        (one for one in priced if one.draft.side is Side.SELL), key=lambda p: _sell_key(facts, p)
    )
    buys = sorted((one for one in priced if one.draft.side is Side.BUY), key=_buy_key)
    ordered = [*sells, *buys]
    trades = [
        Trade(n, one.draft.account, one.draft.side, one.draft.qty * one.price)
        for n, one in enumerate(ordered, 1)
    ]
    funded = funding(facts, trades)
    return tuple(
        _step(facts, trade.n, one, paid)
        for trade, one, paid in zip(trades, ordered, funded, strict=True)
    )


def price_of(facts: Facts, draft: Draft, guidance: Guidance) -> Decimal | None:
    """The conservative price of a draft; for what is held and has no quote, the broker's last
    price less a haircut: getting out must not wait for a quote. None when nobody knows."""
    price = expected_price(
        facts,
        draft.symbol,
        draft.side,
        draft.qty,
        limit_price=guidance.limit_price,
        stop_price=draft.stop_price,
        kind=guidance.type,
    )
    if price is not None or draft.side is Side.BUY:
        return price
    last = facts.price(draft.symbol)
    return None if last is None else down(last * (1 - NO_QUOTE_HAIRCUT))


class _Priced(NamedTuple):
    """A draft with its price, before it has a place."""

    draft: Draft
    guidance: Guidance
    price: Decimal
    reference: Decimal
    value: Decimal
    """At the reference: what sizes are ranked by."""


def _priced(facts: Facts, draft: Draft) -> _Priced:
    if draft.type is None:
        guidance = guide(facts, draft.symbol, draft.side, draft.qty, urgent=draft.urgent)
    else:
        guidance = as_asked(facts, draft.symbol, draft.type, draft.limit_price)
    price = price_of(facts, draft, guidance)
    reference = facts.price(draft.symbol) or guidance.limit_price
    if price is None or reference is None:
        raise ValueError(f"{draft.symbol} has no price")
    return _Priced(draft, guidance, price, reference, draft.qty * reference)


class _Protection(NamedTuple):
    """What protects what a draft buys, as its acts are told by."""

    account: str
    symbol: str
    side: Side
    qty: Decimal
    protection: str
    stop_loss_price: Decimal | None
    target_price: Decimal | None


def _step(facts: Facts, n: int, priced: _Priced, funded: Funded) -> Step:
    draft, guidance, price = priced.draft, priced.guidance, priced.price
    low, high = expected_range(facts, draft.symbol, draft.side, price)
    stop, target = _protection(facts, draft, price)
    protection = facts.policy.protection
    kept = _Protection(draft.account, draft.symbol, draft.side, draft.qty, protection, stop, target)
    return Step(
        n=n,
        phase=Phase.SELL if draft.side is Side.SELL else Phase.BUY,
        account=draft.account,
        symbol=draft.symbol,
        side=draft.side,
        qty=draft.qty,
        type=guidance.type,
        limit_price=guidance.limit_price,
        stop_price=draft.stop_price,
        time_in_force=draft.time_in_force,
        extended_hours=draft.extended_hours,
        reference_price=priced.reference,
        expected_price=price,
        expected_value=draft.qty * price,
        expected_low=low,
        expected_high=high,
        expected_seconds=guidance.seconds,
        urgency=guidance.urgency,
        expected_cash_after=funded.cash,
        funded_by=funded.by,
        needs=funded.by,
        sector=facts.sector(draft.symbol),
        conviction=draft.conviction,
        underlying=draft.underlying,
        reason=draft.reason,
        guidance=guidance.why,
        algorithm=guidance.algorithm,
        stop_loss_price=stop,
        stop_condition=facts.policy.stop_condition,
        protection=protection,
        target_price=target,
        acts=acts_of(facts, kept),
    )


def _protection(
    facts: Facts, draft: Draft, price: Decimal
) -> tuple[Decimal | None, Decimal | None]:
    """Stop and target of a buy that opens or adds, from its expected price and the policy."""
    if draft.side is Side.SELL or facts.reduces(draft.account, draft.symbol, draft.side, draft.qty):
        return None, None
    stop = draft.stop_loss or facts.policy.stop_loss
    target = draft.profit_target or facts.policy.profit_target
    return (
        None if stop is None else up(price * (1 - stop)),
        None if target is None else up(price * (1 + target)),
    )


def _sell_key(facts: Facts, priced: _Priced) -> tuple[bool, Decimal, Decimal, str, str]:
    """Leveraged first, most liquid first, largest first; names break ties."""
    draft = priced.draft
    share = facts.adv_share(draft.symbol, draft.qty)
    if share is None:
        share = Decimal("Infinity")
    plain = abs(facts.leverage_factor(draft.symbol)) == 1
    easy = ZERO if share < EASY_SHARE else share
    return plain, easy, -priced.value, draft.symbol, draft.account


def _buy_key(priced: _Priced) -> tuple[Decimal, Decimal, str, str]:
    """Highest conviction first, then largest."""
    draft = priced.draft
    return -(draft.conviction or ZERO), -priced.value, draft.symbol, draft.account
