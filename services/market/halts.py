"""Which symbols their exchange halts, as far as the market data stream tells.

It tells of changes only: what was halted before it was connected is not known, and after it was away
what it told before may be over. No request of Alpaca's answers the question, so nothing else does."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from db.model.market import TradingStatus

_NEW_YORK = ZoneInfo("America/New_York")

HALTS = frozenset({"H", "P", "2"})
"""Halt and volatility pause (UTP: tapes C and O), halt (CTA: A and B)."""
RESUMES = frozenset({"T", "3"})
"""Trading, not yet quotation, resumes."""


class Halts:
    """Everything told. `told`: whether anything would be, were it so."""

    def __init__(self) -> None:
        self.told = False
        self._halted: dict[str, TradingStatus] = {}
        self._before: dict[str, TradingStatus] = {}

    def hear(self, status: TradingStatus) -> None:
        if status.code in HALTS:
            self._before.pop(status.symbol, None)
            self._halted[status.symbol] = status
        elif status.code in RESUMES:
            self._before.pop(status.symbol, None)
            self._halted.pop(status.symbol, None)

    def connected(self, *, told: bool) -> None:
        """The stream is another one from here on, or is lost: a resumption may have been missed."""
        self.told = told
        self._before |= self._halted
        self._halted = {}

    @property
    def halted(self) -> Mapping[str, str]:
        """Symbol → why, of those that are halted now."""
        return {symbol: status.why for symbol, status in self._halted.items()}

    def halted_before(self, now: datetime) -> Mapping[str, str]:
        """Symbol → why, of those that were halted today when the stream was lost."""
        today = now.astimezone(_NEW_YORK).date()
        return {
            symbol: status.why
            for symbol, status in self._before.items()
            if status.at.astimezone(_NEW_YORK).date() == today
        }
