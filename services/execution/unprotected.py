"""Shares that nothing at the broker protects, and why: what alerts and plans are told. Pure."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from services.execution.lots import ZERO
from services.execution.protection import Held, last_word, on_close


@dataclass(frozen=True)
class Bare:
    """Shares of a lot that nothing at the broker protects, and why."""

    held: Held
    qty: Decimal
    why: str
    by_desk: bool = False
    """As intended: the desk watches these itself."""


def bare(held: Held, forbidden: str | None) -> tuple[Bare, ...]:
    """What of a lot has no working protection. `forbidden`: why nothing may be sent now."""
    if held.step.protection == "desk":
        return ()
    left = held.qty - held.covered
    found = []
    fraction = held.qty - held.qty.quantize(Decimal(1), ROUND_DOWN)
    if fraction and left >= fraction:
        why = "the broker protects whole shares only"
        found.append(Bare(held, fraction, why, by_desk=True))
        left -= fraction
    if on_close(held.step):
        shares = held.qty - fraction
        why = "its stop counts at the official close only"
        if shares:
            found.append(Bare(held, shares, why, by_desk=True))
        left = min(left, ZERO) if held.target is None else left
    if left > 0:
        found.append(Bare(held, left, _why_bare(held, forbidden)))
    return tuple(found)


def _why_bare(held: Held, forbidden: str | None) -> str:
    if held.step.n in held.run.unprotected:
        return f"the trader took its protection away: {held.run.unprotected[held.step.n]}"
    if held.wanted < held.qty - (held.qty % 1) and held.covered + held.pending >= held.wanted:
        return "a sale of it is under way"
    if forbidden is not None:
        return forbidden
    return last_word(held)
