"""Stops that only the desk watches, and which of them the price has reached (spec 6, Exit strategies).
Pure."""

from collections.abc import Callable, Collection, Iterable
from decimal import ROUND_DOWN, Decimal

from services.execution.lots import ZERO, LotKey
from services.execution.protection import Held

PriceOf = Callable[[str], Decimal | None]
"""Symbol → its price; None: unknown."""


def free(held: Held) -> Decimal:
    """Shares of a lot that neither the broker's protection holds, or may hold, nor a sale takes."""
    whole = held.qty.quantize(Decimal(1), ROUND_DOWN)
    left = held.qty if held.wanted >= whole else held.wanted
    return max(left - held.covered - held.pending, ZERO)


def first_stop(lots: Iterable[Held]) -> Decimal | None:
    """Of one position: the stop that a falling price reaches first."""
    return max((lot.stop for lot in lots if lot.stop is not None), default=None)


def touched(
    lots: Iterable[Held], price_of: PriceOf, bare: Collection[LotKey]
) -> tuple[tuple[Held, Decimal], ...]:
    """Lots at or through their own stop that the broker does not protect, with the shares of each
    that can be sold. `bare`: those that it should protect, and does not."""
    found = []
    for lot in lots:
        price = price_of(lot.step.symbol)
        watched = lot.by_desk or lot.key in bare
        if lot.stop is None or price is None or price > lot.stop or not watched:
            continue
        if (qty := free(lot)) > 0:
            found.append((lot, qty))
    return tuple(found)
