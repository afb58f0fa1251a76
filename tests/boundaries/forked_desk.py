"""Desks that start in tens of milliseconds, as real processes with a journal and sockets of their own,
and die where they are told to (`warm_desk.py`)."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from running_exchange import ROOT

PROGRAM = Path(__file__).with_name("warm_desk.py")
NOTE = "died-at.json"


@dataclass(frozen=True)
class Boundary:
    """A commit: the one that holds event `seq`, and whether the desk dies just before it or after."""

    when: str
    seq: int

    def __str__(self) -> str:
        return f"{self.when} {self.seq}"


class Lives:
    """The warm process; `begin` forks a desk of it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._numbers = count()

    def begin(self, home: Path, boundary: Boundary | None = None) -> "asyncio.Future[int]":
        """A desk on this home. The future is its exit code, negative for a signal."""
        number = next(self._numbers)
        wanted: dict[str, Any] = {"life": number, "home": str(home)}
        if boundary is not None:
            wanted |= {"when": boundary.when, "seq": boundary.seq}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        self._ended[number] = asyncio.get_running_loop().create_future()
        return self._ended[number]

    async def listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            self._ended.pop(told["life"]).set_result(os.waitstatus_to_exitcode(told["status"]))


@asynccontextmanager
async def warm_desks() -> AsyncIterator[Lives]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )
    lives = Lives(process)
    listening = asyncio.create_task(lives.listen())
    try:
        yield lives
    finally:
        assert process.stdin is not None
        process.stdin.close()  # it ends its desks, and itself
        await process.wait()
        await listening
