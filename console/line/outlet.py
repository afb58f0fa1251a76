"""The way out to the terminal: bytes handed over as it takes them, never waited for."""

import asyncio
import curses
import os
import select
from collections.abc import Callable
from contextlib import suppress
from time import monotonic


def open_terminal(fd: int) -> tuple[int, bool]:
    """A descriptor of our own to write to the terminal at `fd` without ever blocking, and whether to close it.

    It is opened anew where possible: O_NONBLOCK belongs to the open file, and that of the standard streams
    is shared with the shell that started us. After `su` the terminal may not be ours to open; then, as with
    a pipe, the shared one is made non-blocking until `Outlet.close`.
    """
    with suppress(OSError):
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY), True
    os.set_blocking(fd, False)
    return fd, False


def erases_with_ground() -> bool:
    """Whether this terminal erases with the ground of the pen (terminfo's `bce`); False when not known."""
    try:
        curses.setupterm()
    except curses.error:
        return False
    return curses.tigetflag("bce") > 0


class Outlet:
    """Takes one piece at a time: `send` only when not `busy`, which ends when the kernel took all of it."""

    def __init__(
        self,
        fd: int,
        loop: asyncio.AbstractEventLoop,
        on_taken: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._fd, self._own = open_terminal(fd)
        self._loop = loop
        self._on_taken = on_taken
        self._on_lost = on_lost
        self._rest = b""
        self._since = 0.0
        self.lost = False
        self.bytes_taken = 0

    @property
    def busy(self) -> bool:
        """Whether something is still on its way."""
        return bool(self._rest)

    def waiting(self, now: float) -> float:
        """For how long the kernel has been too full to take all, in seconds."""
        return now - self._since if self._rest else 0.0

    def send(self, data: bytes) -> None:
        """Hand over what the terminal takes now; the rest goes as it takes more. Nothing goes once lost."""
        if self.lost:
            return
        self._rest += data
        self._push()
        if self._rest:
            self._since = monotonic()
            self._loop.add_writer(self._fd, self._push_on)

    def shout(self, data: bytes) -> None:
        """Write what the terminal takes of this at once, behind all that waits; from any thread."""
        with suppress(OSError):
            os.write(self._fd, self._rest + data)

    def close(self, within: float) -> None:
        """Give the rest `within` seconds (this blocks, it is for the very end), then let go."""
        self._loop.remove_writer(self._fd)
        until = monotonic() + within
        while self._rest and (left := until - monotonic()) > 0:
            if select.select([], [self._fd], [], left)[1]:
                self._push()
        if self._own:
            os.close(self._fd)
        else:
            os.set_blocking(self._fd, True)

    def _push_on(self) -> None:
        self._push()
        if not self._rest:
            self._loop.remove_writer(self._fd)
            self._on_taken()

    def _push(self) -> None:
        try:
            taken = os.write(self._fd, self._rest) if self._rest else 0
        except BlockingIOError:
            return
        except OSError:  # EIO, EPIPE, ENXIO: hung up; nobody reads any more
            self._rest = b""
            self.lost = True
            self._on_lost()
            return
        self.bytes_taken += taken
        self._rest = self._rest[taken:]
