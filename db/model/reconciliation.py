"""Ours against the broker's (spec 6, Reconciliation)."""

from enum import StrEnum

from db.model.base import Exact, Noun, Utc


class MismatchKind(StrEnum):
    GHOST = "ghost"
    """Only the broker has the position."""
    ORPHAN = "orphan"
    """Only we have it."""
    QUANTITY = "quantity"
    EXTERNAL_ORDER = "external_order"
    """An open order that we never sent."""
    LOST_ORDER = "lost_order"
    """An order of ours that the broker does not list as open."""
    IMPOSSIBLE_REPORT = "impossible_report"
    """The broker said of an order of ours what can't be: nothing was changed, the symbol is locked."""


class Mismatch(Noun):
    kind: MismatchKind
    account: str
    subject: str
    """Symbol, or client order id."""
    symbol: str
    ours: Exact | None
    broker: Exact | None
    explanation: str

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.account}:{self.subject}"


class Reconciliation(Noun):
    """One comparison. Clean means that no mismatch is open."""

    at: Utc
    mismatches: tuple[Mismatch, ...] = ()

    @property
    def clean(self) -> bool:
        return not self.mismatches
