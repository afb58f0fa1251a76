"""What each step of a plan frees or costs, and what is left if the trader stops here. Pure.

By our own fills from the cash that the broker showed at the start: that it agrees with the
broker's cash afterwards is proven, not assumed."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from db.model.base import Exact, Noun
from db.model.order import OrderState, Side
from db.model.plan import Step
from db.model.run import PlanRun

ZERO = Decimal(0)
CENT = Decimal("0.01")
WEIGHT = Decimal("0.0001")


class Entry(Noun):
    """One step. Dollars, signed: what a sell frees is positive, what a buy costs negative."""

    n: int
    side: Side
    symbol: str
    planned: Exact
    actual: Exact
    reserved: Exact
    """What its working orders may still cost; 0 for a sell."""
    cash_planned: Exact
    """Running cash if every step up to here goes as planned."""
    cash: Exact
    """Running cash by what filled up to here."""


class HoldingLeft(Noun):
    symbol: str
    qty: Exact
    value: Exact | None
    """None: no price is known."""
    weight: Exact | None


class Stopped(Noun):
    """If nothing more of the plan fills."""

    cash: Exact
    cash_weight: Exact | None
    equity: Exact | None
    """None: a holding has no price."""
    holdings: tuple[HoldingLeft, ...]


class Ledger(Noun):
    opening_cash: Exact
    cash: Exact
    """After all fills so far."""
    reserved: Exact
    steps: tuple[Entry, ...]
    if_stopped: Stopped


def ledger(run: PlanRun, prices: Mapping[str, Decimal] | None = None) -> Ledger:
    """The funding of a run. `prices`: today's, where known; else those of fills and of the plan."""
    opening = run.plan.before.cash if run.cash_at_start is None else run.cash_at_start
    planned, cash = opening, opening
    entries = []
    for step in run.plan.steps:
        sign = 1 if step.side is Side.SELL else -1
        actual = sign * _traded(run, step)
        planned += sign * step.expected_value
        cash += actual
        entries.append(
            Entry(
                n=step.n,
                side=step.side,
                symbol=step.symbol,
                planned=_cents(sign * step.expected_value),
                actual=_cents(actual),
                reserved=_cents(_reserved(run, step)),
                cash_planned=_cents(planned),
                cash=_cents(cash),
            )
        )
    return Ledger(
        opening_cash=_cents(opening),
        cash=_cents(cash),
        reserved=sum((entry.reserved for entry in entries), ZERO),
        steps=tuple(entries),
        if_stopped=_stopped(run, cash, prices or {}),
    )


def _traded(run: PlanRun, step: Step) -> Decimal:
    return sum((o.filled_qty * (o.filled_avg_price or ZERO) for o in run.orders_of(step.n)), ZERO)


def _reserved(run: PlanRun, step: Step) -> Decimal:
    """An intent that never left reserves nothing."""
    if step.side is Side.SELL:
        return ZERO
    working = (
        o for o in run.orders_of(step.n) if o.state.working and o.state is not OrderState.INTENT
    )
    return sum((o.remaining_qty * (o.limit_price or step.expected_price) for o in working), ZERO)


def _stopped(run: PlanRun, cash: Decimal, prices: Mapping[str, Decimal]) -> Stopped:
    held = {holding.symbol: holding.qty for holding in run.plan.before.holdings}
    known = {h.symbol: h.value / h.qty for h in run.plan.before.holdings if h.qty}
    for step in run.plan.steps:
        filled = run.filled_qty(step.n)
        change = -filled if step.side is Side.SELL else filled
        held[step.symbol] = held.get(step.symbol, ZERO) + change
        if (paid := run.filled_avg_price(step.n)) is not None:
            known[step.symbol] = paid
    known |= prices
    values = {symbol: _value(qty, known.get(symbol)) for symbol, qty in held.items() if qty}
    whole = (
        None if None in values.values() else cash + sum((v or ZERO for v in values.values()), ZERO)
    )
    return Stopped(
        cash=_cents(cash),
        cash_weight=_share(cash, whole),
        equity=None if whole is None else _cents(whole),
        holdings=tuple(
            HoldingLeft(symbol=symbol, qty=held[symbol], value=value, weight=_share(value, whole))
            for symbol, value in sorted(values.items())
        ),
    )


def _value(qty: Decimal, price: Decimal | None) -> Decimal | None:
    return None if price is None else _cents(qty * price)


def _share(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    if part is None or not whole:
        return None
    return (part / whole).quantize(WEIGHT, ROUND_HALF_EVEN)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)
