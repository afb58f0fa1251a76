"""Orders, refusals and repeats of the last minute (invariant 24): a fold of events."""

from collections import Counter, deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from db.model.event import Event
from db.model.policy import Policy

WINDOW = timedelta(minutes=1)


class Counts(NamedTuple):
    sends: int
    """Orders about to be sent: counted before their first byte leaves."""
    rejects: int
    repeats: int
    """Orders of the same account, symbol and side, without the first of each."""


CAPS = {field: f"max_{field}_per_minute" for field in Counts._fields}
"""Count, and trigger of the same name → the policy's field that caps it."""


def over(counts: Counts, policy: Policy) -> frozenset[str]:
    """The counts that are over their cap."""
    limits = {name: getattr(policy, field) for name, field in CAPS.items()}
    return frozenset(
        name
        for name, limit in limits.items()
        if limit is not None and getattr(counts, name) > limit
    )


class Rates:
    """What happened within the last minute."""

    def __init__(self) -> None:
        self._sends: deque[tuple[datetime, tuple[str | None, str | None, str]]] = deque()
        self._rejects: deque[datetime] = deque()

    def apply(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.kind == "OrderIntended":
                side = str(event.payload["order"].get("side"))
                self._sends.append((event.at, (event.account, event.symbol, side)))
            elif event.kind == "OrderRejected":
                self._rejects.append(event.at)

    def counts(self, now: datetime) -> Counts:
        since = now - WINDOW
        while self._sends and self._sends[0][0] <= since:
            self._sends.popleft()
        while self._rejects and self._rejects[0] <= since:
            self._rejects.popleft()
        same = Counter(what for _, what in self._sends)
        return Counts(
            sends=len(self._sends),
            rejects=len(self._rejects),
            repeats=sum(same.values()) - len(same),
        )
