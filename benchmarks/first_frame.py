"""From starting the command to the console's first frame on a terminal, against a minimal Textual app."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import monotonic

from benchmarks.result import Result, Row

WIDTH, HEIGHT = 160, 50
ROUNDS = 9
MOST = 1.7  # × a minimal Textual app: the promise
GIVEN_UP = 30.0  # seconds
MINIMAL = """
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("first frame")
Minimal().run()
"""


def seconds_to(words: bytes, command: Sequence[str], home: str) -> float:
    """Seconds from starting `command` on a terminal until `words` come out of it."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    # An environment whose desk can't start without keys: none is left behind when we end the console.
    environ = {
        **{key: value for key, value in os.environ.items() if not key.startswith("APCA_")},
        "QUARTERDECK_HOME": home,
        "QUARTERDECK_ENVIRONMENT": "paper",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
    }
    began = monotonic()
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=environ
    )
    os.close(slave)
    seen = b""
    try:
        while words not in seen:
            if not select.select([master], [], [], GIVEN_UP)[0]:
                raise TimeoutError(f"{command} showed nothing within {GIVEN_UP} s")
            seen += os.read(master, 65536)
        return monotonic() - began
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(master)


def measure() -> Result:
    """Median milliseconds of both, in alternating rounds."""
    command = str(Path(sys.executable).with_name("quarterdeck"))
    took: dict[str, list[float]] = {"minimal": [], "console": []}
    with tempfile.TemporaryDirectory() as home:
        for number in range(ROUNDS + 1):
            minimal = seconds_to(b"first", [sys.executable, "-c", MINIMAL], home)
            console = seconds_to(b"PAPER", [command], home)
            if number:  # the first round warms the disk's cache
                took["minimal"].append(minimal * 1000)
                took["console"].append(console * 1000)
    baseline, ours = median(took["minimal"]), median(took["console"])
    ratio = ours / baseline
    return Result(
        "first frame",
        f"p50 of {ROUNDS} alternating rounds in a {WIDTH}×{HEIGHT} pseudo-terminal",
        (
            Row("minimal Textual app, one Static", baseline, "ms", 1.0, expected="231 ms"),
            Row(
                "quarterdeck",
                ours,
                "ms",
                ratio,
                f"≤ {MOST}×",
                ratio <= MOST,
                "posting 3.9×, harlequin 5.3×",
            ),
        ),
    )
