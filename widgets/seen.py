"""What a pane is given to show: the desk's snapshot, how long ago it came, and whether more will come."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from db.model.snapshot import DeskSnapshot


@dataclass(frozen=True, slots=True)
class Seen:
    """The last snapshot. `lost`: the desk does not answer, so this is how things were."""

    snapshot: "DeskSnapshot"
    elapsed: timedelta = timedelta(0)
    """Monotonic time since it arrived."""
    lost: bool = False

    @property
    def now(self) -> datetime:
        """The desk's time now."""
        return self.snapshot.at + self.elapsed

    def age(self, moment: datetime | None) -> timedelta | None:
        """How long ago `moment` was; None when it never was."""
        return None if moment is None else self.now - moment
