"""Whether the desk itself stood still: stopped by a signal, starved, asleep with its machine. What it
knew from before is then not relied on (invariants 21, 29)."""

from collections.abc import Callable
from decimal import Decimal

from db.clock import Clock

BEAT_SECONDS = 0.5


class Pulse:
    """Beats twice a second. A beat that is overdue holds up every send from the first moment on, before
    anybody could have noticed."""

    def __init__(self, clock: Clock, limit: Callable[[], Decimal]) -> None:
        """`limit`: seconds between two beats that are no standstill yet."""
        self._clock = clock
        self._limit = limit
        self._beaten_at = clock.monotonic()
        self._awake_since = float("-inf")

    def beat(self, stood_still: Callable[[float], None]) -> float:
        """Seconds that the desk stood still since the last beat, 0 when it did not. `stood_still` is
        called with them while sends are still held up."""
        now = self._clock.monotonic()
        still = now - self._beaten_at
        over = still > self._limit()
        if over:
            stood_still(still)
            self._awake_since = now
        self._beaten_at = now
        return still if over else 0.0

    def overdue(self) -> str | None:
        """Why nothing may be sent, or None. Asked from any thread."""
        still = self._clock.monotonic() - self._beaten_at
        return f"the desk stood still for {still:.0f} s" if still > self._limit() else None

    def awake_seconds(self) -> float:
        """Since the desk stood still last: nothing has waited for it any longer than this."""
        return 0.0 if self.overdue() else self._clock.monotonic() - self._awake_since
