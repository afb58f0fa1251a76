"""A terminal for tests: a pseudo-terminal with a program on it, read by pyte when the test says so."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pyte

PROGRAM = Path(__file__).with_name("slow_line_program.py")
PATIENCE = 30.0  # seconds until a test gives up; never waited for when all is well


class Screen(pyte.Screen):
    """pyte's screen; what it answers to questions goes back up the line."""

    answer: Callable[[str], None] = staticmethod(lambda _: None)

    def write_process_input(self, data: str) -> None:
        self.answer(data)

    def report_device_status(self, mode: int = 0, **how: Any) -> None:
        if not how.get("private"):
            super().report_device_status(mode)


class LineTerminal:
    """Runs a program; `read_until` reads what it writes, otherwise nothing is read at all."""

    def __init__(self, width: int = 60, height: int = 12, answers: bool = True, **env: str) -> None:
        self.master, slave = pty.openpty()
        self._size(slave, width, height)
        self.reports, report = os.pipe()
        self.screen = Screen(width, height)
        if answers:
            self.screen.answer = lambda data: self.type(data)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.told: list[dict[str, Any]] = []
        self._half = b""
        base = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM", "COLORTERM")}
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            pass_fds=(report,),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=base | {"REPORT": str(report), "TERM": "xterm-256color", "COLUMNS": "80", **env},
        )
        os.close(slave)
        os.close(report)

    def __enter__(self) -> "LineTerminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for fd in (self.master, self.reports):
            if fd >= 0:
                os.close(fd)

    def _size(self, fd: int, width: int, height: int) -> None:
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def resize(self, width: int, height: int) -> None:
        self._size(self.master, width, height)
        self.screen.resize(height, width)
        self.process.send_signal(signal.SIGWINCH)

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    @property
    def stopped(self) -> bool:
        """Whether the program is suspended."""
        return "State:\tT" in Path(f"/proc/{self.process.pid}/status").read_text()

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def last(self, what: str) -> Any:
        """What the program reported last, None before it did."""
        return self.told[-1].get(what) if self.told else None

    def _step(self, reading: bool, until: float) -> bool:
        """Take what there is from the program; False when it has ended and said all."""
        fds = [self.reports] if self.reports >= 0 else []
        if reading and self.master >= 0:
            fds.append(self.master)
        assert monotonic() < until, f"nothing came of it:\n{self.text}\n{self.told[-1:]}"
        if not fds:
            return False
        for fd in select.select(fds, [], [], 0.5)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:
                data = b""
            if fd == self.master:
                self.raw += data
                self.stream.feed(data)
                if not data:
                    return False
            elif data:
                *lines, self._half = (self._half + data).split(b"\n")
                self.told += map(json.loads, lines)
            else:
                os.close(self.reports)
                self.reports = -1
        return True

    def read_until(self, met: Callable[[], bool]) -> None:
        """Read the terminal until something holds of it."""
        until = monotonic() + PATIENCE
        while not met():
            assert self._step(True, until), f"it ended:\n{self.text}"

    def ignore_until(self, met: Callable[[], bool]) -> None:
        """Let the terminal stand unread until something holds of what the program reports."""
        until = monotonic() + PATIENCE
        while not met():
            self._step(False, until)

    def end(self) -> int:
        """Read to the end of the program; its exit code."""
        until = monotonic() + PATIENCE
        while self.process.poll() is None or self.reports >= 0:
            self._step(self.master >= 0, until)
        while self.master >= 0 and select.select([self.master], [], [], 0)[0]:
            if not self._step(True, until):
                break
        return self.process.wait()
