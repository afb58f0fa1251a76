"""Control sequences on their way to the terminal: in order, and never more than matter."""

from threading import Lock

BELL = "\x07"
OSC = "\x1b]"  # operating system command: title, clipboard, notification, pointer


class Controls:
    """A queue of control sequences. Any thread may put one.

    While it waits for the terminal it stays small: a title, clipboard or the like replaces one of its kind
    that still waits, one bell is enough, and modes are switched but a few times in a program's life.
    """

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._lock = Lock()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def size(self) -> int:
        """Characters waiting."""
        with self._lock:
            return sum(map(len, self._waiting))

    def put(self, sequence: str) -> None:
        """Queue one sequence."""
        kind = _kind(sequence)
        with self._lock:
            if kind:
                self._waiting = [other for other in self._waiting if _kind(other) != kind]
            self._waiting.append(sequence)

    def take(self) -> str:
        """All that waits, in order."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        return "".join(waiting)


def _kind(sequence: str) -> str:
    """What replaces its like; nothing for a mode switch, of which each counts."""
    if sequence == BELL:
        return BELL
    return sequence.partition(";")[0] if sequence.startswith(OSC) else ""
