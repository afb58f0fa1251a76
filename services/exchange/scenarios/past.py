"""Positions as they were: what a broker answers whose books lag behind."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime

from services.exchange.engine.accounts import Position

Holdings = Mapping[tuple[str, str], Position]
MOST = 10_000


class Past:
    """Remembers each change of the holdings it is shown, the latest ones at least."""

    def __init__(self) -> None:
        self._known: deque[tuple[datetime, dict[tuple[str, str], Position]]] = deque(maxlen=MOST)

    def note(self, at: datetime, holdings: Holdings) -> None:
        if not self._known or self._known[-1][1] != holdings:
            self._known.append((at, dict(holdings)))

    def holdings(self, at: datetime) -> dict[tuple[str, str], Position]:
        """As last noted up to `at`; the oldest known when all is later."""
        found = next((held for when, held in reversed(self._known) if when <= at), None)
        return dict(self._known[0][1]) if found is None and self._known else found or {}
