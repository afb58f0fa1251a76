"""How much is on its way to the terminal, and whether more may follow."""

from collections import deque
from dataclasses import dataclass

WINDOW = 4096  # bytes on their way; a key's answer waits behind no more than these and a row
LEAST = 512  # bytes; less room than this is waited for to grow
PATIENCE = 5.0  # seconds without an answer after which the question is put again


@dataclass(frozen=True, slots=True)
class Line:
    """The line to the terminal as it is now.

    A frame is skipped when a newer one took its place before it was begun. `round_trip` (seconds) is the
    last one measured, None when the terminal answers no probes; `waiting` is how long (seconds) it has
    owed an answer, or the kernel been full.
    """

    bytes_written: int = 0
    frames_offered: int = 0
    frames_sent: int = 0
    frames_skipped: int = 0
    round_trip: float | None = None
    waiting: float = 0.0


class Flow:
    """Counts what the terminal has not yet said it read. Until its first answer it is not relied upon."""

    def __init__(self) -> None:
        self._asked: deque[tuple[float, int]] = deque()
        self.answers_at_all = False
        self.round_trip: float | None = None

    @property
    def room(self) -> int:
        """How many more bytes may be sent now; none when it is too few to be worth a question."""
        if not self.answers_at_all:
            return WINDOW
        room = WINDOW - sum(size for _, size in self._asked)
        return room if room >= LEAST else 0

    @property
    def asks(self) -> int:
        """Answers still to come."""
        return len(self._asked)

    def asked(self, now: float, size: int) -> None:
        """A probe was sent behind `size` bytes."""
        self._asked.append((now, size))

    def answered(self, now: float) -> None:
        """The terminal answered the oldest probe."""
        self.answers_at_all = True
        if self._asked:
            self.round_trip = now - self._asked.popleft()[0]

    def waiting(self, now: float) -> float:
        """How long the oldest probe has gone unanswered, in seconds."""
        return now - self._asked[0][0] if self._asked else 0.0

    def ask_again(self, now: float) -> bool:
        """Whether to put the question once more, all earlier ones given up; the flow stays closed till then.

        An answer can be lost on the way. It must not close the line for good. Who never answered is not
        asked again.
        """
        if self.waiting(now) < PATIENCE:
            return False
        self._asked.clear()
        if not self.answers_at_all:
            return False
        self._asked.append((now, WINDOW))
        return True

    def restart(self) -> None:
        """Another terminal, perhaps: nothing is known of it."""
        self._asked.clear()
        self.answers_at_all = False
        self.round_trip = None
