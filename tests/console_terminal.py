"""The console as a process on a pseudo-terminal, its screen kept by a terminal emulator."""

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pyte

from db.home import Home

LONGEST = 30.0
ROOT = Path(__file__).resolve().parent.parent


class Terminal:
    """A terminal with the console on it."""

    def __init__(
        self, master: int, process: asyncio.subprocess.Process, columns: int, lines: int
    ) -> None:
        self.master = master
        self.process = process
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self.master, 65536)
        except OSError:  # how Linux says that the other end is closed
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self.master)
        self.raw += data
        self._stream.feed(data)
        self._news.set()

    async def until(self, true: Callable[[str], object], seconds: float = LONGEST) -> str:
        """The screen, once it looks so. When it never does, the failure shows it as it is."""
        try:
            async with asyncio.timeout(seconds):
                while not true(self.text):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"the screen stays:\n{self.text}") from None
        return self.text

    def stall(self) -> None:
        """Nobody reads what is drawn any more."""
        asyncio.get_running_loop().remove_reader(self.master)

    def unread(self) -> int:
        """Bytes that were drawn and that nobody has read."""
        return int(struct.unpack("i", fcntl.ioctl(self.master, termios.FIONREAD, bytes(4)))[0])

    def go_on(self) -> None:
        """It is read again."""
        asyncio.get_running_loop().add_reader(self.master, self._read)

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())


@asynccontextmanager
async def console(
    home: Home, columns: int = 80, lines: int = 24, **environ: str
) -> AsyncIterator[Terminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("quarterdeck")),
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True, cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(home.root), "LANG": "C.UTF-8",
             "QUARTERDECK_HOME": str(home.root), "TERM": "xterm-256color", **environ},
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(master, process, columns, lines)
    finally:
        asyncio.get_running_loop().remove_reader(master)
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(master)
