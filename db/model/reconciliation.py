"""Ours against the broker's (spec 6, Reconciliation)."""

from collections.abc import Mapping
from enum import StrEnum

from db.model.base import Exact, Noun, Utc, plain


class MismatchKind(StrEnum):
    GHOST = "ghost"
    """Only the broker has the position."""
    ORPHAN = "orphan"
    """Only we have it."""
    QUANTITY = "quantity"
    SIDE = "side"
    """Long on one side, short on the other."""
    AVERAGE_PRICE = "average_price"
    GHOST_FILL = "ghost_fill"
    """Executions of orders that we never sent, on a position that agrees all the same."""
    EXTERNAL_ORDER = "external_order"
    """An open order that we never sent."""
    LOST_ORDER = "lost_order"
    """An order of ours that the broker does not list as open."""
    FILLS = "fills"
    """What is filled of an order of ours, by our book, the broker's order and its executions."""
    CASH = "cash"
    EQUITY = "equity"
    """The broker's own equity is not its cash and positions."""
    IMPOSSIBLE_REPORT = "impossible_report"
    """The broker said of an order of ours what can't be: nothing was changed, the symbol is locked."""


class Action(StrEnum):
    """What the trader signs of one mismatch. There is no "all"."""

    ADOPT = "adopt"
    """The broker wins: its figure becomes ours."""
    INVESTIGATE = "investigate"
    """Seen, and looked into: it stays open and its symbol locked."""
    IGNORE = "ignore"
    """Left alone, as long as the difference is the same."""
    CANCEL = "cancel"
    """Of an order that is not ours: cancelled at the broker."""


_SEEN = (Action.INVESTIGATE, Action.IGNORE)

ACTIONS: Mapping[MismatchKind, tuple[Action, ...]] = {
    MismatchKind.GHOST: (Action.ADOPT, *_SEEN),
    MismatchKind.ORPHAN: (Action.ADOPT, *_SEEN),
    MismatchKind.QUANTITY: (Action.ADOPT, *_SEEN),
    MismatchKind.SIDE: (Action.ADOPT, *_SEEN),
    MismatchKind.AVERAGE_PRICE: (Action.ADOPT, *_SEEN),
    MismatchKind.GHOST_FILL: (Action.ADOPT, *_SEEN),
    MismatchKind.EXTERNAL_ORDER: (Action.ADOPT, *_SEEN, Action.CANCEL),
    MismatchKind.LOST_ORDER: (Action.ADOPT, *_SEEN),
    MismatchKind.FILLS: _SEEN,
    MismatchKind.CASH: (Action.ADOPT, *_SEEN),
    MismatchKind.EQUITY: _SEEN,
    MismatchKind.IMPOSSIBLE_REPORT: _SEEN,
}
"""What may be signed of which mismatch: the one table."""


class Mismatch(Noun):
    kind: MismatchKind
    account: str
    subject: str
    """Symbol, client order id, or for money the account's name."""
    symbol: str
    """Locked while this is open; empty for money, which is spent by the broker's own figure."""
    ours: Exact | None
    broker: Exact | None
    explanation: str
    critical: bool = False
    """Executions that we did not ask for are behind it."""
    found_at: Utc | None = None
    """When a comparison first found it."""
    note: str = ""
    """Who investigates it, and what was noted."""

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.account}:{self.subject}"

    @property
    def standing(self) -> str:
        """The key and the difference: what a signature covers. Another difference asks for another
        one, while trades that move both sides alike ask for none."""
        if self.ours is None or self.broker is None:
            figure = "" if self.broker is None else plain(self.broker)
        else:
            figure = plain(self.broker - self.ours)
        return f"{self.key}:{figure}"


class Reconciliation(Noun):
    """One comparison. Clean means that no mismatch is open."""

    at: Utc
    mismatches: tuple[Mismatch, ...] = ()
    ignored: tuple[Mismatch, ...] = ()
    """Left alone by the trader, and still there."""

    @property
    def clean(self) -> bool:
        return not self.mismatches
