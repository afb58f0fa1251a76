"""Which tax lots a sale takes, and what it realises (spec 4, Dry run). Estimates: the broker's own
statement wins."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from db.model.order import Side
from db.model.plan import Step
from db.model.policy import Policy
from db.model.record import TaxLot
from db.model.tax import TakenLot, TaxNotice
from services.risk.facts import ZERO, Facts, Key

CENT = Decimal("0.01")


def is_long_term(acquired: date, sold: date) -> bool:
    """Held for more than a year."""
    try:
        anniversary = acquired.replace(year=acquired.year + 1)
    except ValueError:  # 29 February
        anniversary = date(acquired.year + 1, 2, 28)
    return sold > anniversary


Order = Callable[[TaxLot], tuple[Decimal | date, ...]]


def _order(policy: Policy, price: Decimal, sold: date) -> Order:
    """FIFO; the highest cost; or the least tax, where a loss counts as tax saved."""

    def tax(lot: TaxLot) -> Decimal:
        return (price - lot.price) * rate(policy, is_long_term(lot.acquired, sold))

    match policy.lot_method:
        case "highest_cost":
            return lambda lot: (-lot.price, lot.acquired)
        case "least_gain":
            return lambda lot: (tax(lot), lot.acquired, -lot.price)
    return lambda lot: (lot.acquired, -lot.price)


def rate(policy: Policy, long_term: bool) -> Decimal:
    return policy.long_term_tax if long_term else policy.short_term_tax


def taken(
    lots: Sequence[TaxLot], qty: Decimal, price: Decimal, sold: date, policy: Policy
) -> tuple[TakenLot, ...]:
    """Lots in the order of the policy's method until `qty` shares are there, or no more are known."""
    left, found = qty, []
    for lot in sorted(lots, key=_order(policy, price, sold)):
        if left <= 0:
            break
        part = min(lot.qty, left)
        left -= part
        found.append(
            TakenLot(
                acquired=lot.acquired,
                qty=part,
                price=lot.price,
                gain=part * (price - lot.price),
                long_term=is_long_term(lot.acquired, sold),
            )
        )
    return tuple(found)


def notices(facts: Facts, steps: Sequence[Step]) -> tuple[TaxNotice, ...]:
    """What each sale of the plan realises; sales of one symbol take one another's lots."""
    open_lots = {key: list(lots) for key, lots in facts.lots.items()}
    equity = facts.portfolio.equity
    found = []
    for step in steps:
        if step.side is Side.SELL and facts.held(step.account, step.symbol) > 0:
            found.append(_notice(facts, step, open_lots, equity))
    return tuple(found)


def _notice(
    facts: Facts, step: Step, open_lots: Mapping[Key, list[TaxLot]], equity: Decimal
) -> TaxNotice:
    key, policy = (step.account, step.symbol), facts.policy
    lots = open_lots.get(key, [])
    took = taken(lots, step.qty, step.expected_price, facts.today, policy)
    known = sum((lot.qty for lot in took), ZERO)
    held = facts.position(*key)
    average = held.avg_entry_price if held is not None and held.avg_entry_price else None
    rest = step.qty - known
    undated = None if average is None else rest * (step.expected_price - average)
    if took:
        _take(lots, took)
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


def _take(lots: list[TaxLot], took: Sequence[TakenLot]) -> None:
    for part in took:
        place = next(
            i
            for i, lot in enumerate(lots)
            if (lot.acquired, lot.price) == (part.acquired, part.price) and lot.qty >= part.qty
        )
        left = lots[place].qty - part.qty
        if left:
            lots[place] = lots[place].model_copy(update={"qty": left})
        else:
            del lots[place]
