"""The console's two clocks, injected, and market time kept between two looks at the broker's clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from db.model.market import MarketClock


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """`monotonic` for ages and time limits, `now` for what is written down."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = field(default=_now)

    def since(self, earlier: float) -> timedelta:
        """Monotonic time since `earlier`."""
        return timedelta(seconds=self.monotonic() - earlier)


@dataclass(slots=True)
class MarketTime:
    """The broker's clock, running on between the moments at which the desk asks for it."""

    clock: Clock
    _at: datetime | None = None
    _seen: float = 0.0

    def take(self, market: "MarketClock | None") -> None:
        """Set it when the broker's clock was read anew."""
        if market is not None and market.at != self._at:
            self._at, self._seen = market.at, self.clock.monotonic()

    @property
    def now(self) -> datetime | None:
        """Market time; None before the broker's clock was first read."""
        return None if self._at is None else self._at + self.clock.since(self._seen)
