"""A portfolio in figures, and what it becomes when steps are done at their expected prices."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from db.model.order import Side
from db.model.plan import Holding, SectorWeight, Standing, Step
from services.risk.facts import ZERO, Facts

WEIGHT = Decimal("0.000001")


def signed_value(step: Step) -> Decimal:
    """What the step does to cash: proceeds positive, cost negative."""
    value = step.qty * step.expected_price
    return value if step.side is Side.SELL else -value


def standing(facts: Facts, steps: Sequence[Step] = ()) -> Standing:
    """The portfolio when `steps` are done (see below); as it is now, computed once a look."""
    if steps:
        return _standing(facts, steps)
    now = facts.remembered.get(standing)
    if now is None:
        now = facts.remembered[standing] = _standing(facts, ())
    assert isinstance(now, Standing)
    return now


def _standing(facts: Facts, steps: Sequence[Step]) -> Standing:
    """The portfolio when `steps` are done: cash at their expected prices, holdings at the mids.

    Equity is cash plus what is held at our prices; while one is unknown, the broker's figure
    (less the steps' cost) stands in, and the checks that need weights say what is missing."""
    cash = {account.name: account.cash for account in facts.portfolio.accounts}
    shares = dict(facts.shares)
    reference: dict[str, Decimal] = {}
    for step in steps:
        cash[step.account] = cash.get(step.account, ZERO) + signed_value(step)
        signed = step.qty if step.side is Side.BUY else -step.qty
        shares[step.symbol] = shares.get(step.symbol, ZERO) + signed
        reference[step.symbol] = step.reference_price
    prices = {symbol: facts.price(symbol) or reference.get(symbol) for symbol in shares}
    values = {symbol: count * (prices[symbol] or ZERO) for symbol, count in shares.items() if count}
    total_cash = sum(cash.values(), ZERO)
    if facts.unpriced:
        equity = facts.portfolio.equity - cost(steps)
    else:
        equity = total_cash + sum(values.values(), ZERO)
    exposure = sum((abs(value) for value in values.values()), ZERO)
    sectors: dict[str, Decimal] = {}
    for symbol, value in values.items():
        sector = facts.sector(symbol)
        sectors[sector] = sectors.get(sector, ZERO) + value
    return Standing(
        equity=equity,
        cash=total_cash,
        cash_weight=weight(total_cash, equity),
        gross_exposure=exposure,
        leverage=weight(exposure, equity),
        accounts=dict(sorted(cash.items())),
        holdings=tuple(
            Holding(
                symbol=symbol,
                sector=facts.sector(symbol),
                qty=shares[symbol],
                value=value,
                weight=weight(value, equity),
            )
            for symbol, value in sorted(values.items(), key=lambda item: (-item[1], item[0]))
        ),
        sectors=tuple(
            SectorWeight(sector=sector, value=value, weight=weight(value, equity))
            for sector, value in sorted(sectors.items(), key=lambda item: (-item[1], item[0]))
        ),
    )


def weight(value: Decimal, equity: Decimal) -> Decimal:
    """A fraction of equity to a millionth; 0 where there is no equity to be a fraction of (the
    checks refuse that case themselves)."""
    if equity <= 0:
        return ZERO
    return (value / equity).quantize(WEIGHT, ROUND_HALF_EVEN)


def cost(steps: Sequence[Step]) -> Decimal:
    """Spread and slippage expected, dollars: what is given away against the mid."""
    return sum(
        (
            step.qty
            * (step.expected_price - step.reference_price)
            * (1 if step.side is Side.BUY else -1)
            for step in steps
        ),
        ZERO,
    )
