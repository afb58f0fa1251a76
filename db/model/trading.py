"""The trading state and what a halt did."""

from enum import StrEnum

from db.model.base import Noun, Utc


class TradingState(StrEnum):
    """ACTIVE; REDUCING: only orders that reduce; HALTED: nothing but cancels (spec 5)."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class HaltedOrder(Noun):
    """What became of one working order when trading was halted."""

    order_id: str
    client_order_id: str
    symbol: str
    side: str
    outcome: str
    """canceled, filled, protective (kept), or what the broker answered."""


class HaltReport(Noun):
    """What a halt cancelled, what filled meanwhile, what remains."""

    at: Utc
    by: str
    reason: str
    orders: tuple[HaltedOrder, ...] = ()
    remaining: int | None = None
    """Working and not protective at the last look; None while nobody could look."""
    complete: bool = False
