"""May anything be sent at all? The order stream is authorised, the books were compared since it was
and agree or are signed, and the broker was read a moment ago (invariant 29)."""

from collections.abc import Callable

from db.clock import Clock
from services.desk.facts import FactsSource
from services.desk.reconcile import Reconciler
from services.execution.safety import Safety


class Clearance:
    """The three conditions, and what brings the books into doubt."""

    def __init__(
        self,
        reconciler: Reconciler,
        facts: FactsSource,
        orders_connected: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._reconciler = reconciler
        self._facts = facts
        self._orders_connected = orders_connected
        self._clock = clock

    def guard(self, safety: Safety) -> None:
        """Each ends by itself or by a signature: a plan waits for it."""
        for condition in (self.stream, self.books, self.poll):
            safety.require(condition, passing=True)
        self._facts.before_reading = self.note_silence

    def stream(self) -> str | None:
        if self._orders_connected():
            return None
        return "the order stream is not connected"

    def books(self) -> str | None:
        return self._reconciler.disagreement()

    def poll(self) -> str | None:
        age = self.unread_seconds()
        if age is not None and age <= self._facts.policy.poll_fresh_seconds:
            return None
        said = "not read yet" if age is None else f"last read {age:.0f} s ago"
        return f"the broker's account was {said}"

    def unread_seconds(self) -> float | None:
        """Since the last complete read of account, positions and open orders was begun; None
        before the first."""
        read = self._facts.portfolio_at
        return None if read is None else self._clock.monotonic() - read

    def note_silence(self) -> None:
        """Before each read: more silence than the policy allows brings the books into doubt,
        whatever is read now."""
        if self.poll() is not None and not self._reconciler.in_doubt:
            self._reconciler.distrust("the broker could not be read for a while")
