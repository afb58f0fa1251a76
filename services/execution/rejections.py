"""What a broker's refusal means for the step: one table (spec 5, Submitting 4)."""

from collections.abc import Mapping
from enum import StrEnum

from services.brokers.port import RejectionClass as R


class Treatment(StrEnum):
    RETRY = "retry"
    """Temporary: tried again after a wait, when the broker provably has no such order."""
    FUNDS = "funds"
    """The account lacks the money: the plan pauses until cash was raised."""
    PERMANENT = "permanent"
    """It will never be accepted: the step goes back to the analyst."""
    ESCALATE = "escalate"
    """The trader decides."""


REJECTIONS: Mapping[R, tuple[Treatment, str]] = {
    R.RATE_LIMIT: (Treatment.RETRY, "too many requests"),
    R.CONNECTIVITY: (Treatment.RETRY, "the broker could not take it"),
    R.FUNDS: (Treatment.FUNDS, "raise cash first, then continue"),
    R.FORMAT: (Treatment.PERMANENT, "the order itself is wrong: back to the analyst"),
    R.RESTRICTED: (Treatment.PERMANENT, "it may not be traded here: back to the analyst"),
    R.WASH_TRADE: (Treatment.PERMANENT, "it would trade against an order of ours: back to the analyst"),
    R.REGULATORY: (Treatment.PERMANENT, "a rule of the market forbids it: back to the analyst"),
    R.DAY_TRADES: (Treatment.PERMANENT, "the account has no day trades left: back to the analyst"),
    R.HALTED: (Treatment.PERMANENT, "trading in it is halted: back to the analyst"),
    R.QUANTITY: (Treatment.ESCALATE, "compare the holding with the broker's, then decide"),
    R.DUPLICATE_ID: (Treatment.ESCALATE, "the broker knows the id already: look it up, then decide"),
    R.OTHER: (Treatment.ESCALATE, "decide what becomes of it"),
}  # fmt: skip


def treatment(category: str | None) -> Treatment:
    """Of the class as journalled. None: we denied it ourselves, it never left. A class that nobody
    knows is for the trader."""
    if category is None:
        return Treatment.RETRY
    return _row(category)[0]


def advice(category: str | None) -> str:
    """What the trader does about it, as the end of a sentence."""
    return "" if category is None else _row(category)[1]


def _row(category: str) -> tuple[Treatment, str]:
    try:
        return REJECTIONS[R(category)]
    except ValueError:
        return REJECTIONS[R.OTHER]
