"""The gate before every buy: only cash that is there is spent (spec 5, Phases; invariant 16)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal

from db.model.market import Quote
from db.model.order import BrokerOrder, OrderState, OrderType, Side
from db.model.plan import Step
from db.model.policy import Policy
from db.model.run import ChildOrder, PlanRun

_CENT = Decimal("0.01")
_SHARE = Decimal(1)


@dataclass(frozen=True)
class GateResult:
    """How many shares the cash allows, and the figures that say so."""

    qty: Decimal
    worst_price: Decimal
    worst_cost: Decimal
    spendable: Decimal
    reserved: Decimal

    def to_payload(self) -> dict[str, str]:
        return {name: format(value, "f") for name, value in self.__dict__.items()}


def worst_price(step: Step, quote: Quote | None, policy: Policy) -> Decimal:
    """The most a share may cost: the limit, or for a market order the dearer of expectation and
    ask, plus the policy's limit band. Without a quote the expectation stands in, banded as well."""
    if step.type is OrderType.LIMIT and step.limit_price is not None:
        return step.limit_price
    ask = quote.ask if quote is not None and quote.ask is not None else step.expected_price
    dearest = max(ask, step.expected_price) * (1 + policy.limit_band)
    return dearest.quantize(_CENT, ROUND_CEILING)


def gate(
    step: Step, wanted: Decimal, price: Decimal, spendable: Decimal, reserved: Decimal
) -> GateResult:
    """Whole shares of `wanted` that `spendable` minus `reserved` pays for at `price`. Never more
    than wanted: within an approval a buy only shrinks."""
    left = max(spendable - reserved, Decimal(0))
    affordable = wanted if wanted * price <= left else (left / price).quantize(_SHARE, ROUND_DOWN)
    return GateResult(
        qty=min(wanted, affordable),
        worst_price=price,
        worst_cost=wanted * price,
        spendable=spendable,
        reserved=reserved,
    )


def open_buys(runs: Iterable[PlanRun]) -> Iterator[tuple[PlanRun, ChildOrder]]:
    """Working buys of all plans. An intent that has not left is none: it passes the gate itself."""
    return (
        (run, order)
        for run in runs
        for order in run.orders
        if order.side is Side.BUY and order.state.working and order.state is not OrderState.INTENT
    )


def reserved_by(runs: Iterable[PlanRun], account: str, policy: Policy) -> Decimal:
    """What open buys may still cost: cash that the broker still shows but that is already spoken
    for."""
    return sum(
        (
            _open_cost(run, order, policy)
            for run, order in open_buys(runs)
            if order.account == account
        ),
        Decimal(0),
    )


def reserved_elsewhere(
    orders: Iterable[BrokerOrder], account: str, quotes: Mapping[str, Quote], policy: Policy
) -> Decimal:
    """What open buys that are not ours may still cost. One at the market whose price nobody knows
    counts by the broker's buying power alone."""
    return sum(
        (
            _cost_elsewhere(order, quotes.get(order.symbol), policy)
            for order in orders
            if order.side is Side.BUY and order.account == account
        ),
        Decimal(0),
    )


def _cost_elsewhere(order: BrokerOrder, quote: Quote | None, policy: Policy) -> Decimal:
    if order.qty is None:
        return order.notional or Decimal(0)
    price = order.limit_price
    if price is None:
        ask = quote.ask if quote is not None else None
        dearest = max((p for p in (order.stop_price, ask) if p is not None), default=Decimal(0))
        price = dearest * (1 + policy.limit_band)
    return max(order.qty - order.filled_qty, Decimal(0)) * price


def _open_cost(run: PlanRun, order: ChildOrder, policy: Policy) -> Decimal:
    step = next((s for s in run.plan.steps if s.n == order.step), None)
    price = order.limit_price or (worst_price(step, None, policy) if step else Decimal(0))
    return order.remaining_qty * price
