"""The trading state and the latch that holds a halt twice (spec 5, Kill switch)."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from db.model.trading import TradingState


class Latch(Protocol):
    """A file that any process can create; checked before every send."""

    def is_set(self) -> bool: ...

    def set(self, by: str, reason: str, at: datetime) -> None: ...

    def clear(self) -> None: ...


class Safety:
    """The stricter of memory (from the journal) and latch wins, at every look."""

    def __init__(self, latch: Latch, state: TradingState = TradingState.ACTIVE) -> None:
        self._latch = latch
        self._state = state
        self._locked_by: list[Callable[[], str | None]] = []

    @property
    def state(self) -> TradingState:
        return TradingState.HALTED if self._latch.is_set() else self._state

    @property
    def halted(self) -> bool:
        return self.state is TradingState.HALTED

    def halt_in_memory(self) -> None:
        """The instant from which nothing leaves, before anything slower is tried."""
        self._state = TradingState.HALTED

    def latch(self, by: str, reason: str, at: datetime) -> None:
        self._latch.set(by, reason, at)

    def resume(self) -> None:
        self._latch.clear()
        self._state = TradingState.ACTIVE

    def require(self, condition: Callable[[], str | None]) -> None:
        """Another reason why nothing may be sent: a sentence, or None when all is well."""
        self._locked_by.append(condition)

    def forbids(self, *, reducing: bool) -> str | None:
        """Why an order may not leave now, or None. HALTED forbids all; REDUCING what adds."""
        state = self.state
        if state is TradingState.HALTED:
            return "trading is HALTED"
        if state is TradingState.REDUCING and not reducing:
            return "trading is REDUCING: only orders that reduce a position may leave"
        for condition in self._locked_by:
            if (why := condition()) is not None:
                return why
        return None
