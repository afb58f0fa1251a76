"""Looks once a second whether trading must stop by itself, and stops it."""

import logging
from collections.abc import Collection
from decimal import Decimal
from functools import partial

from db.clock import Clock
from db.journal import Journal
from db.model.event import Event
from db.model.record import DayState
from db.model.run import PlanState
from db.model.trading import TradingState
from services.desk.facts import FactsSource
from services.desk.operators import Operators
from services.desk.pulse import Pulse
from services.desk.reconcile import Reconciler
from services.desk.supervision import Supervisor
from services.desk.watch import Watch
from services.execution.engine import Engine
from services.monitoring.rates import Rates, over
from services.monitoring.streak import RoundTrips
from services.monitoring.triggers import Danger, Trip, tripped, true_now

log = logging.getLogger(__name__)

STOPS = ("Halted", "TradingReduced")
SELF_MOVING = (PlanState.SELLING, PlanState.SETTLING, PlanState.BUYING, PlanState.PROTECTING)


class Sentry:
    """Keeps the counts that triggers look at, and acts on `services/monitoring/triggers.py`."""

    def __init__(
        self,
        engine: Engine,
        facts: FactsSource,
        reconciler: Reconciler,
        watch: Watch,
        operators: Operators,
        journal: Journal,
        workers: Supervisor,
        pulse: Pulse,
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._facts = facts
        self._reconciler = reconciler
        self._watch = watch
        self._operators = operators
        self._journal = journal
        self._workers = workers
        self._pulse = pulse
        self._clock = clock
        self._rates = Rates()
        self._trips = RoundTrips()
        self._tripped: set[str] = set()
        """Triggers that are true and have tripped already."""
        self._mismatch: tuple[str, float] | None = None
        """The open differences, and since when there are any."""
        self._seeing_at = clock.monotonic()

    def recover(self, events: Collection[Event]) -> None:
        """A cause that tripped before the restart and is still true does not trip again."""
        self._trips.apply(events)
        self._tripped = {event.payload.get("cause", "") for event in events if event.kind in STOPS}

    def apply(self, events: Collection[Event]) -> None:
        """As events come. What goes over a cap stops at once: the next order is looked at after
        this one's intent was written."""
        self._trips.apply(events)
        self._rates.apply(events)
        if any(event.kind in ("OrderIntended", "OrderRejected") for event in events):
            counts = self._rates.counts(self._clock.now())
            if over(counts, self._facts.policy) - self._tripped:
                self._engine.safety.reduce_in_memory()

    def _rates_now(self) -> Danger:
        counts = self._rates.counts(self._clock.now())
        return Danger(policy=self._facts.policy, **counts._asdict())

    async def look(self) -> None:
        """Once a second. Stopping is done beside: whoever looks must go on looking."""
        true = true_now(self.danger())
        trips = tripped(true, self._tripped)
        self._tripped = set(true)
        for trip in trips:
            self._workers.once(f"trigger {trip.trigger.id}", partial(self._stop, trip))

    async def _stop(self, trip: Trip) -> None:
        trigger = trip.trigger
        log.critical("%s: %s", trigger.id, trip.sentence)
        if trigger.state is TradingState.HALTED:
            await self._engine.halt(trigger.by, trip.sentence, trigger.id)
        else:
            await self._engine.switch.reduce(trigger.by, trip.sentence, trigger.id)

    async def persists(self, cause: str) -> str:
        """What of the cause is still true, as a sentence; empty when nothing is."""
        if cause == "journal_error":
            return self._journal.failed or ""
        return true_now(self.danger()).get(cause, "")

    def day(self) -> DayState:
        """What the checks may know of the day."""
        return DayState(
            start_equity=self._watch.day.start_equity,
            losses_in_a_row=self._trips.losses_in_a_row,
        )

    def danger(self) -> Danger:
        return self._rates_now().model_copy(
            update={
                "lost": self._watch.day.loss(),
                "losses_in_a_row": self._trips.losses_in_a_row,
                "mismatch": self._open_mismatch(),
                "mismatch_seconds": self._mismatch_seconds(),
                "blind_seconds": self._blind_seconds(),
                "stall_seconds": _seconds(
                    min(self._journal.waiting_seconds, self._pulse.awake_seconds())
                ),
                "idle_seconds": _seconds(self._operators.idle_seconds()),
                "plans_working": sum(
                    run.state in SELF_MOVING for run in self._engine.book.runs.values()
                ),
            }
        )

    def _open_mismatch(self) -> str:
        found = self._reconciler.open
        if not found:
            self._mismatch = None
            return ""
        since = self._clock.monotonic() if self._mismatch is None else self._mismatch[1]
        self._mismatch = (found[0].explanation, since)
        return found[0].explanation

    def _mismatch_seconds(self) -> Decimal:
        if self._mismatch is None:
            return Decimal(0)
        return _seconds(self._clock.monotonic() - self._mismatch[1])

    def _blind_seconds(self) -> Decimal:
        feed, now = self._watch.feed_health(), self._clock.monotonic()
        if feed.orders_connected or feed.quotes_connected:
            self._seeing_at = now
        read = self._facts.portfolio_at
        seen = max(self._seeing_at, read if read is not None else self._seeing_at)
        return _seconds(min(now - seen, self._pulse.awake_seconds()))


def _seconds(seconds: float) -> Decimal:
    return Decimal(f"{max(seconds, 0.0):.1f}")
