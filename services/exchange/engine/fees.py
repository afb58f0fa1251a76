"""What a trade costs besides its price: commission and the regulators' fees. Pure.

Rates are settings of a schedule; the defaults are of the shape real ones have (SEC section 31 fee
and FINRA trading activity fee on sales, CAT fee on both sides), not a promise of today's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from services.exchange.engine.booking import Cost
from services.exchange.engine.orders import ZERO, Order, Side

CENT = Decimal("0.01")
MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class FeeSchedule:
    """Dollars: a share (a contract is a hundred), a million of proceeds, an order."""

    commission_per_share: Decimal = Decimal("0.0035")
    least_commission: Decimal = Decimal("0.35")
    most_commission: Decimal = Decimal("0.01")  # as a fraction of the order's value
    sec_per_million: Decimal = Decimal("27.80")
    taf_per_share: Decimal = Decimal("0.000166")
    most_taf: Decimal = Decimal("8.30")
    cat_per_share: Decimal = Decimal("0.000035")


def fees_of_fill(schedule: FeeSchedule, before: Order, after: Order) -> Iterable[Cost]:
    """What a fill adds to the fees of its order, so that many small fills cost what one does.

    Each kind is due on the whole order so far, rounded up to the cent; a fill pays the
    difference. `before` and `after` are the order around the fill; kinds are commission, sec,
    taf and cat.
    """
    paid = _due(schedule, before)
    for kind, amount in _due(schedule, after).items():
        if amount > paid.get(kind, ZERO):
            yield Cost(kind, amount - paid.get(kind, ZERO))


def _due(schedule: FeeSchedule, order: Order) -> dict[str, Decimal]:
    if not order.filled_qty:
        return {}
    shares, value = order.filled_qty * order.units, order.filled_cost * order.units
    due = {
        "commission": _commission(schedule, shares, value),
        "cat": schedule.cat_per_share * shares,
    }
    if order.side is Side.SELL:
        due["sec"] = schedule.sec_per_million * value / MILLION
        due["taf"] = min(schedule.taf_per_share * shares, schedule.most_taf)
    return {kind: amount.quantize(CENT, ROUND_CEILING) for kind, amount in due.items()}


def _commission(schedule: FeeSchedule, shares: Decimal, value: Decimal) -> Decimal:
    due = max(schedule.commission_per_share * shares, schedule.least_commission)
    return min(due, schedule.most_commission * value)
