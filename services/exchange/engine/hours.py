"""When an order may work (alpaca.md §8.2)."""

from services.exchange.engine.order_types import TIMES_IN_FORCE
from services.exchange.engine.orders import Terms
from services.exchange.sessions import Phase

EXTENDED = frozenset({Phase.PRE_MARKET, Phase.AFTER_HOURS})


def works_in(terms: Terms, phase: Phase) -> bool:
    """In the regular session everything; before and after it limits flagged for it alone."""
    if phase in EXTENDED:
        return terms.extended_hours and terms.type == "limit"
    return phase is Phase.REGULAR


def matches_in(terms: Terms, phase: Phase) -> bool:
    """As `works_in`; what waits for an auction meets no quote."""
    return works_in(terms, phase) and not TIMES_IN_FORCE[terms.time_in_force].auction
