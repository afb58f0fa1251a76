"""Desks and exchanges forked of a warm process (`warm_server.py`) in place of `python -m …`: their
start costs tens of milliseconds. Tests of which the start itself is the point start the real way."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import IO
from unittest.mock import patch

from services.desk import launch

ROOT = Path(__file__).parent.parent
PROGRAM = Path(__file__).with_name("warm_server.py")


class WarmProcess:
    """What tests use of `subprocess.Popen`, for a process that another process forked."""

    def __init__(self, life: socket.socket, stdout: IO[bytes] | None, stderr: IO[bytes]) -> None:
        self._life = life
        self.stdout = stdout
        self._stderr = stderr
        self._said: tuple[bytes, bytes] | None = None
        self.returncode: int | None = None
        self.pid = int(json.loads(life.recv(64)))

    def poll(self) -> int | None:
        return self._heard(0.0)

    def wait(self, timeout: float | None = None) -> int:
        if (code := self._heard(timeout)) is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[bytes, bytes]:
        """The rest of its output, and all its errors, once it has ended."""
        self.wait(timeout)
        if self._said is None:
            with self._stderr as errors, self.stdout or BytesIO() as out:
                errors.seek(0)
                self._said = (out.read(), errors.read())
        return self._said

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _heard(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            self._life.settimeout(timeout)
            try:
                said = self._life.recv(64)
            except (BlockingIOError, TimeoutError):
                return None
            # Without a word the server ended, and with it all that it forked.
            self.returncode = int(json.loads(said)) if said else -signal.SIGKILL
            self._life.close()
        return self.returncode


def start_exchange(options: Sequence[str]) -> WarmProcess:
    """As `python -m services.exchange` with these options."""
    ours, its = os.pipe()
    errors = tempfile.TemporaryFile()  # noqa: SIM115, read when the process has ended
    try:
        return _fork("services.exchange", options, its, errors, os.fdopen(ours, "rb"))
    finally:
        os.close(its)


def start(module: str, arguments: Sequence[str], log: IO[bytes], **environ: str) -> WarmProcess:
    """As `python -m module` in the folder of tests, with all that it says in `log`."""
    return _fork(module, arguments, log.fileno(), log, None, environ)


@contextmanager
def warm_desks() -> Iterator[None]:
    """Within, `ensure_desk` does all that it does and forks a warm desk where it would start Python."""
    with patch.object(launch, "_process", _desk):
        yield


def _desk(
    home: launch.Home, options: launch.DeskOptions, _program: Sequence[str], ready: int
) -> WarmProcess:
    environ = {"QUARTERDECK_HOME": str(home.root), "PYTHONUNBUFFERED": "1"}
    with launch.open_log(home.log) as log:
        arguments = options.arguments(home.environment)
        return _fork("services.desk", arguments, log.fileno(), log, None, environ, ready)


def _fork(
    module: str,
    arguments: Sequence[str],
    output: int,
    errors: IO[bytes],
    stdout: IO[bytes] | None,
    environ: Mapping[str, str] | None = None,
    ready: int | None = None,
) -> WarmProcess:
    wanted = {
        "module": module,
        "arguments": list(arguments),
        "environ": {**os.environ, **(environ or {})},
        "folder": str(ROOT),
        "ready": launch.READY_VARIABLE if ready is not None else "",
    }
    life, its_life = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its_life, open(os.devnull, "rb") as nothing:
        given = [nothing.fileno(), output, errors.fileno(), its_life.fileno()]
        given += [] if ready is None else [ready]
        socket.send_fds(_server()[0], [json.dumps(wanted).encode()], given)
    return WarmProcess(life, stdout, errors)


def end_warm_processes() -> None:
    """With the session: whatever this process had forked has ended when this returns."""
    if _server.cache_info().currsize:
        asked, process = _server()
        asked.close()
        process.wait(20)


@lru_cache(maxsize=1)
def _server() -> "tuple[socket.socket, subprocess.Popen[bytes]]":
    """Of this process, from the first time that it is asked; it ends when this process does."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(its.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(its.fileno(),),
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
        )
    return ours, process
