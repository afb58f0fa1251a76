"""Which tax lots a sale takes, and what it realises (spec 4, Dry run). Estimates: the broker's own
statement wins."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from db.model.order import Side
from db.model.plan import Step
from db.model.policy import Policy
from db.model.record import TaxLot
from db.model.tax import TakenLot, TaxNotice
from services.risk.facts import ZERO, Facts, Key

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Undated:
    """Shares that were held before the first lot that is known: their day is not."""

    qty: Decimal
    price: Decimal | None
    """Their average cost; None where nobody knows it."""


def is_long_term(acquired: date, sold: date) -> bool:
    """Held for more than a year."""
    try:
        anniversary = acquired.replace(year=acquired.year + 1)
    except ValueError:  # 29 February
        anniversary = date(acquired.year + 1, 2, 28)
    return sold > anniversary


Lot = TaxLot | Undated
Order = Callable[[Lot], tuple[Decimal | date, ...]]


def _order(policy: Policy, price: Decimal, sold: date) -> Order:
    """FIFO; the highest cost; or the least tax, where a loss counts as tax saved. Shares without a
    day came first; those of which nobody knows the cost are chosen for it last."""

    def cost(lot: Lot) -> Decimal:
        return ZERO if lot.price is None else lot.price

    def tax(lot: Lot) -> Decimal:
        if lot.price is None:
            return Decimal("Infinity")
        long_term = isinstance(lot, TaxLot) and is_long_term(lot.acquired, sold)
        return (price - lot.price) * rate(policy, long_term)

    match policy.lot_method:
        case "highest_cost":
            return lambda lot: (-cost(lot), _day(lot))
        case "least_gain":
            return lambda lot: (tax(lot), _day(lot), -cost(lot))
    return lambda lot: (_day(lot), -cost(lot))


def _day(lot: Lot) -> date:
    return lot.acquired if isinstance(lot, TaxLot) else date.min


def rate(policy: Policy, long_term: bool) -> Decimal:
    return policy.long_term_tax if long_term else policy.short_term_tax


def taken(
    lots: Iterable[Lot], qty: Decimal, price: Decimal, sold: date, policy: Policy
) -> tuple[TakenLot, ...]:
    """Lots in the order of the policy's method until `qty` shares are there, or no more are known.
    Shares without a day take their turn, and are not told."""
    return tuple(
        TakenLot(
            acquired=lot.acquired,
            qty=part,
            price=lot.price,
            gain=part * (price - lot.price),
            long_term=is_long_term(lot.acquired, sold),
        )
        for lot, part in _picked(lots, qty, price, sold, policy)
        if isinstance(lot, TaxLot)
    )


def _picked(
    lots: Iterable[Lot], qty: Decimal, price: Decimal, sold: date, policy: Policy
) -> Iterator[tuple[Lot, Decimal]]:
    left = qty
    for lot in sorted(lots, key=_order(policy, price, sold)):
        if left <= 0:
            break
        part = min(lot.qty, left)
        left -= part
        yield lot, part


def notices(facts: Facts, steps: Sequence[Step]) -> tuple[TaxNotice, ...]:
    """What each sale of the plan realises; sales of one symbol take one another's lots."""
    open_lots: dict[Key, list[Lot]] = {}
    equity = facts.portfolio.equity
    found = []
    for step in steps:
        if step.side is Side.SELL and facts.held(step.account, step.symbol) > 0:
            key = (step.account, step.symbol)
            lots = open_lots.setdefault(key, _open(facts, key))
            found.append(_notice(facts, step, lots, equity))
    return tuple(found)


def _open(facts: Facts, key: Key) -> list[Lot]:
    """The lots that are known, and what is held besides."""
    qty, price = facts.undated(*key)
    return [*([Undated(qty, price)] if qty else ()), *facts.lots.get(key, ())]


def _notice(facts: Facts, step: Step, lots: list[Lot], equity: Decimal) -> TaxNotice:
    policy, price = facts.policy, step.expected_price
    picked = tuple(_picked(lots, step.qty, price, facts.today, policy))
    took = taken(lots, step.qty, price, facts.today, policy)
    rest = step.qty - sum((lot.qty for lot in took), ZERO)
    old = next((lot for lot, _ in picked if isinstance(lot, Undated)), None)
    undated = None if old is None or old.price is None else rest * (price - old.price)
    for lot, part in picked:
        _take(lots, lot, part)
    short = sum((lot.gain for lot in took if not lot.long_term), ZERO)
    long = sum((lot.gain for lot in took if lot.long_term), ZERO)
    tax = None
    if not rest or undated is not None:
        # Of shares whose day is not known the shorter term is assumed: the dearer of the two.
        tax = (
            (short + (undated or ZERO)) * policy.short_term_tax + long * policy.long_term_tax
        ).quantize(CENT)
    points = step.expected_value / equity * 100 if equity > 0 else ZERO
    return TaxNotice(
        step=step.n,
        account=step.account,
        symbol=step.symbol,
        method=policy.lot_method,
        lots=took,
        short_term=short,
        long_term=long,
        undated_qty=rest,
        undated=undated if rest else ZERO,
        tax=tax,
        tax_per_point=None if tax is None or not points else (tax / points).quantize(CENT),
    )


def _take(lots: list[Lot], lot: Lot, part: Decimal) -> None:
    place = next(i for i, one in enumerate(lots) if one is lot)
    left = lot.qty - part
    if not left:
        del lots[place]
    elif isinstance(lot, Undated):
        lots[place] = replace(lot, qty=left)
    else:
        lots[place] = lot.model_copy(update={"qty": left})
