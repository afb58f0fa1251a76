"""Splits and dividends that happened, as the activities of who held the shares tell of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

from services.exchange.engine.activities import DIVIDEND, SPLIT, Activity, Entry


@dataclass(frozen=True)
class CorporateAction:
    """`new_rate` shares for each `old_rate`, or `cash` dollars a share; the others are zero."""

    kind: str
    symbol: str
    day: date
    cash: Decimal = Decimal(0)
    new_rate: Decimal = Decimal(0)
    old_rate: Decimal = Decimal(0)

    @property
    def id(self) -> str:
        said = f"{self.kind} {self.symbol} {self.day} {self.cash} {self.new_rate}/{self.old_rate}"
        return str(uuid5(NAMESPACE_URL, f"simulated exchange corporate action {said}"))

    @property
    def is_split(self) -> bool:
        return self.kind == SPLIT


def announced(journal: Iterable[Activity]) -> list[CorporateAction]:
    """Each one once, in the order they happened."""
    entries = (a for a in journal if isinstance(a, Entry) and a.kind in (SPLIT, DIVIDEND))
    return list(dict.fromkeys(_action(entry) for entry in entries))


def _action(entry: Entry) -> CorporateAction:
    symbol = entry.symbol or ""
    if entry.kind == DIVIDEND:
        cash = entry.per_share_amount or Decimal(0)
        return CorporateAction(entry.kind, symbol, entry.date, cash=cash)
    new, _, old = entry.description.partition(" for ")
    return CorporateAction(
        entry.kind, symbol, entry.date, new_rate=Decimal(new), old_rate=Decimal(old)
    )
