"""Servers in processes of their own, for the benchmarks that ask them over the wire."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Served:
    """One that runs; `hello` is its first line: addresses and keys."""

    hello: dict[str, Any]
    pid: int

    @property
    def processor(self) -> float:
        """Seconds of processor time it has taken, all threads together."""
        return time.clock_gettime((~self.pid << 3) | 2)  # clock_getcpuclockid(3) of Linux


@contextmanager
def process(*arguments: str) -> Iterator[Served]:
    """Our interpreter with these arguments; ended with the block."""
    started = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE)
    try:
        assert started.stdout is not None
        yield Served(json.loads(started.stdout.readline()), started.pid)
    finally:
        started.terminate()
        started.wait(timeout=20)


def exchange(*options: str) -> AbstractContextManager[Served]:
    """A fresh simulated exchange that counts no requests."""
    return process("-P", "-m", "services.exchange", "--rate-limit", "0", *options)
