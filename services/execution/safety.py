"""The trading state, who may change it, and the two files that hold it besides the journal (spec 5,
Kill switch). What is stricter wins, at every look: memory, latch, file."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from db.model.run import ChildOrder
from db.model.trading import Setter as By
from db.model.trading import TradingState
from db.model.trading import TradingState as T

CHANGES: Mapping[tuple[T, T], frozenset[By]] = {
    (T.ACTIVE, T.REDUCING): frozenset({By.TRADER, By.TRIGGER}),
    (T.ACTIVE, T.HALTED): frozenset({By.TRADER, By.TRIGGER, By.FLATTEN}),
    (T.REDUCING, T.HALTED): frozenset({By.TRADER, By.TRIGGER, By.FLATTEN}),
    # A flatten needs its closing orders to leave, and nothing else: never from ACTIVE at once.
    (T.HALTED, T.REDUCING): frozenset({By.FLATTEN}),
    # Back to ACTIVE: typed, with a reason, and only while the books agree.
    (T.REDUCING, T.ACTIVE): frozenset({By.TRADER}),
    (T.HALTED, T.ACTIVE): frozenset({By.TRADER}),
}
"""Who may set what. Setting the state it has already changes nothing, and is allowed to all."""

STRICTNESS = (T.ACTIVE, T.REDUCING, T.HALTED)


def may_set(now: T, wanted: T, by: By) -> bool:
    return now is wanted or by in CHANGES[now, wanted]


def stricter(*states: T) -> T:
    """The strictest of the states."""
    return max(states, key=STRICTNESS.index)


class Latch(Protocol):
    """Files that any process can create; looked at before every send."""

    def state(self) -> TradingState:
        """What the files say. Every doubt about one counts as that it is there."""
        ...

    def set(self, by: str, reason: str, at: datetime) -> None: ...

    def set_reducing(self, by: str, reason: str, at: datetime) -> None: ...

    def unlatch(self) -> None:
        """Takes the latch away; what holds REDUCING stays."""
        ...

    def clear(self) -> None:
        """Takes both away."""
        ...


Reduces = Callable[[ChildOrder], str | None]
"""Why an order might do more than reduce its position, or None (invariant 27)."""


class Safety:
    """The stricter of memory (from the journal) and files wins, at every look."""

    def __init__(self, latch: Latch, state: TradingState = TradingState.ACTIVE) -> None:
        self._latch = latch
        self._state = state
        self._locked_by: list[Callable[[], str | None]] = []
        self._passing: list[Callable[[], str | None]] = []
        self._reduces: Reduces = lambda order: "the positions are not known"
        self._oversells: Reduces = lambda order: None
        self.halts = 0
        """How often trading was halted in this process: what began before one must not undo it."""

    @property
    def state(self) -> TradingState:
        return stricter(self._state, self._latch.state())

    @property
    def own_state(self) -> TradingState:
        """What this desk knows of by itself, whatever the files say."""
        return self._state

    @property
    def halted(self) -> bool:
        return self.state is TradingState.HALTED

    def halt_in_memory(self) -> None:
        """The instant from which nothing leaves, before anything slower is tried."""
        self.halts += 1
        self._state = TradingState.HALTED

    def reduce_in_memory(self) -> None:
        """From this instant only what reduces leaves. Never loosens."""
        self._state = stricter(self._state, TradingState.REDUCING)

    def latch(self, by: str, reason: str, at: datetime) -> None:
        self._latch.set(by, reason, at)

    def write_reducing(self, by: str, reason: str, at: datetime) -> None:
        self._latch.set_reducing(by, reason, at)

    def loosen_to_reducing(self, by: str, reason: str, at: datetime) -> None:
        """From HALTED, for a flatten. The second file is there before the first goes."""
        self._latch.set_reducing(by, reason, at)
        self._latch.unlatch()
        self._state = TradingState.REDUCING

    def resume(self) -> None:
        self._latch.clear()
        self._state = TradingState.ACTIVE

    def require(self, condition: Callable[[], str | None], *, passing: bool = False) -> None:
        """Another reason why nothing may be sent: a sentence, or None when all is well. For one
        that is `passing` a plan waits; any other interrupts it."""
        (self._passing if passing else self._locked_by).append(condition)

    def measure_by(self, reduces: Reduces) -> None:
        """What tells whether an order only reduces. Before it is given, none does."""
        self._reduces = reduces

    def sell_no_more_than_held(self, oversells: Reduces) -> None:
        """What tells, at every send, whether a sale might sell what is not held any more: another
        plan or another hand may have sold it since the check (invariants 19, 21)."""
        self._oversells = oversells

    def refuses(self, order: ChildOrder) -> str | None:
        """Why this order may not leave now, or None. Asked in the last moment before it does."""
        state = self.state
        if state is TradingState.REDUCING and (why := self._reduces(order)) is not None:
            return f"trading is REDUCING: {why}"
        return self._forbidden(state, reducing=True) or self._oversells(order)

    def forbids(self, *, reducing: bool) -> str | None:
        """Why nothing of the kind may leave now, or None, before there is an order to judge."""
        return self._forbidden(self.state, reducing=reducing)

    def _forbidden(self, state: TradingState, *, reducing: bool) -> str | None:
        if state is TradingState.HALTED:
            return "trading is HALTED"
        if state is TradingState.REDUCING and not reducing:
            return "trading is REDUCING: only orders that reduce a position may leave"
        return _first(self._locked_by) or self.awaits()

    def awaits(self) -> str | None:
        """What must pass before anything leaves: the stream, the books, the last read (invariant
        29), or None."""
        return _first(self._passing)


def _first(conditions: Iterable[Callable[[], str | None]]) -> str | None:
    return next((why for condition in conditions if (why := condition()) is not None), None)
