"""The console as a process on a pseudo-terminal, its screen kept by a terminal emulator."""

import asyncio
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pyte
from canned_desk import PLAN, TOKEN, CannedDesk

from db.home import Home
from db.model.environment import Environment

LONGEST = 30.0
ROOT = Path(__file__).resolve().parents[2]


class Terminal:
    """A terminal of 24 rows and 80 columns with the console on it."""

    def __init__(self, master: int, process: asyncio.subprocess.Process) -> None:
        self.master = master
        self.process = process
        self.screen = pyte.Screen(80, 24)
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

    async def until(self, true: Callable[[str], object]) -> str:
        """The screen, once it looks so."""
        async with asyncio.timeout(LONGEST):
            while not true("\n".join(self.screen.display)):
                self._news.clear()
                await self._news.wait()
        return "\n".join(self.screen.display)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())


@asynccontextmanager
async def console(home: Home, **environ: str) -> AsyncIterator[Terminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console",
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True, cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(home.root), "LANG": "C.UTF-8",
             "QUARTERDECK_HOME": str(home.root), "TERM": "xterm-256color", **environ},
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(master, process)
    finally:
        asyncio.get_running_loop().remove_reader(master)
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(master)


def made(root: Path) -> Home:
    home = Home(root, Environment.SIM)
    home.create()
    return home


async def test_a_plan_is_approved_at_80_by_24_by_keys_alone(tmp_path: Path) -> None:
    home, desk = made(tmp_path), CannedDesk()
    await desk.serve(home.socket)
    async with console(home) as terminal:
        shown = await terminal.until(lambda text: "desk ok" in text and "NEM" in text)
        for fact in (
            "SIM",
            "PA3QD7XK21",
            "ACTIVE",
            "closes",
            "100,432.11",
            "▲ +432.11",
            "cash 2.5%",
            "feed",
            "12/200",
        ):
            assert fact in shown
        terminal.type("3")
        await terminal.until(lambda text: "1 SELL NEM" in text)
        terminal.type("a")
        await terminal.until(lambda text: f"type {TOKEN} to approve" in text)
        # Typed again and again until the card has been on screen long enough to hear it: a wrong
        # beginning is cleared by Enter.
        while not any(path == f"plans/{PLAN}/approve" for path, _ in desk.asked):
            terminal.type(f"{TOKEN}\r")
            await asyncio.sleep(0.1)
        await terminal.until(lambda text: "Approved and started" in text)
    await desk.stop()
    assert [path.split("/")[-1] for path, _ in desk.asked] == ["card", "approve", "run"]


async def test_halt_sets_the_latch_though_no_desk_can_be_reached(tmp_path: Path) -> None:
    home = made(tmp_path)
    home.socket.write_text("no socket")  # a desk can be neither reached nor started here
    home.lock.mkdir()
    async with console(home) as terminal:
        await terminal.until(lambda text: "SIM" in text)
        terminal.type("!")
        await terminal.until(lambda text: "HALTED" in text)
        assert home.latch.exists()


async def test_the_terminal_is_given_back_when_the_console_is_told_to_end(tmp_path: Path) -> None:
    home, desk = made(tmp_path), CannedDesk()
    await desk.serve(home.socket)
    async with console(home) as terminal:
        await terminal.until(lambda text: "desk ok" in text)
        os.kill(terminal.process.pid, signal.SIGTERM)
        async with asyncio.timeout(LONGEST):
            assert await terminal.process.wait() == 128 + signal.SIGTERM
        assert (
            terminal.raw.rstrip().endswith(b"\x1b[?1049l") or b"\x1b[?1049l" in terminal.raw[-400:]
        )
    await desk.stop()


async def test_without_colour_signs_and_arrows_still_say_which_way(tmp_path: Path) -> None:
    home, desk = made(tmp_path), CannedDesk()
    await desk.serve(home.socket)
    async with console(home, NO_COLOR="1") as terminal:
        shown = await terminal.until(lambda text: "desk ok" in text and "XOM" in text)
        assert "▼ −4.00%" in shown
        assert "▲ +60.00%" in shown
        colours = {c.fg for line in terminal.screen.buffer.values() for c in line.values()}
        assert colours <= {"default"}
    await desk.stop()


async def test_sixteen_colours_are_enough(tmp_path: Path) -> None:
    home, desk = made(tmp_path), CannedDesk()
    await desk.serve(home.socket)
    async with console(home, TEXTUAL_COLOR_SYSTEM="standard") as terminal:
        await terminal.until(lambda text: "desk ok" in text and "XOM" in text)
        assert b"\x1b[38;2;" not in terminal.raw
        assert b"38;5;" not in terminal.raw
    await desk.stop()
