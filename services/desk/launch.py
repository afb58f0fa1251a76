"""Starts the desk detached from the terminal, waits until it answers, and stops it.

The desk is its own session with its own log: it outlives the console, the terminal and the line."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from db.home import Home, HomeError
from services.desk.client import DeskClient, DeskError, DeskUnreachableError
from services.desk.options import PLAIN, DeskOptions
from services.desk.readiness import READY_VARIABLE, Readiness, understood

START_SECONDS = 60.0
"""Recovery reads the journal and asks the broker before the desk is ready."""
STOP_SECONDS = 15.0
PROBE_SECONDS = 1.0
POLL_SECONDS = 0.05
LARGEST_LOG = 10 * 1024 * 1024
"""Bytes. At a start, a longer log becomes desk.log.1."""


class LaunchError(Exception):
    """The desk could not be started or stopped: one sentence a trader can act on."""


async def ensure_desk(
    home: Home,
    options: DeskOptions = PLAIN,
    program: Sequence[str] = ("-P", "-m", "services.desk"),
    seconds: float = START_SECONDS,
) -> bool:
    """A desk answers at the home's socket when this returns; True when this call started it.

    Raises LaunchError with the desk's own sentence when it can't start."""
    try:
        home.check_socket_path()
        if await answers(home):
            return False
        refusal = options.refusal(home.environment)
        if refusal is not None:
            raise LaunchError(refusal)
        home.create()
    except HomeError as error:
        raise LaunchError(str(error)) from error
    readiness = await _started(home, options, program, seconds)
    if readiness.error and not await _answered_by_another(home):
        raise LaunchError(readiness.error)
    return not readiness.error


async def answers(home: Home) -> bool:
    """Does a desk answer right now? A desk that hangs does not."""
    async with DeskClient(home.socket) as client:
        try:
            await client.status(PROBE_SECONDS)
        except DeskUnreachableError:
            return False
        except DeskError:
            return True
    return True


async def stop_desk(home: Home, exchange: bool = False, seconds: float = STOP_SECONDS) -> None:
    """Ask the desk to stop, and wait until it has. No desk at all is fine.

    Raises LaunchError when it does not answer or does not end in time."""
    from services.desk.lock import recorded_holder

    holder = recorded_holder(home)
    try:
        async with DeskClient(home.socket) as client:
            await client.stop(exchange)
    except DeskUnreachableError as error:
        if error.absent and holder is None:
            if exchange:
                from services.desk.simulator import stop_exchange

                stop_exchange(home)
            return
        raise LaunchError(
            f"The desk{_named(holder.pid if holder else 0)} does not answer. `quarterdeck kill` "
            "halts trading without it."
        ) from error
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                if recorded_holder(home) is None:
                    return
                await asyncio.sleep(POLL_SECONDS)
    raise LaunchError(
        f"The desk{_named(holder.pid if holder else 0)} was asked to stop and is still busy after "
        f"{seconds:g} s; {home.log} says with what."
    )


def open_log(path: Path) -> BinaryIO:
    """The desk's log, to append to; a very long one is put aside first. Raises LaunchError."""
    try:
        with suppress(FileNotFoundError):
            if path.stat().st_size > LARGEST_LOG:
                path.replace(path.with_name(f"{path.name}.1"))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise LaunchError(f"The desk's log {path} can't be opened ({error.strerror}).") from error
    return os.fdopen(descriptor, "ab", buffering=0)


async def _started(
    home: Home, options: DeskOptions, program: Sequence[str], seconds: float
) -> Readiness:
    """Start the process and hear what it says of itself. Raises LaunchError when it says nothing."""
    ours, its = os.pipe()
    with os.fdopen(ours, "rb", buffering=0) as pipe:
        try:
            process = _process(home, options, program, its)
        finally:
            os.close(its)
        ended = threading.Event()
        threading.Thread(target=_reap, args=(process, ended), daemon=True).start()
        line = await _line(pipe, seconds)
    if line is None:
        raise LaunchError(
            f"The desk (process {process.pid}) is not ready after {seconds:g} s; it goes on "
            f"starting. {home.log} says what it is doing."
        )
    readiness = understood(line)
    if readiness is None:
        await asyncio.to_thread(ended.wait, PROBE_SECONDS)
        raise LaunchError(
            f"The desk ended before it was ready{_last_line(home.log)} See {home.log}."
        )
    return readiness


def _process(
    home: Home, options: DeskOptions, program: Sequence[str], ready: int
) -> "subprocess.Popen[bytes]":
    environ = {
        **os.environ,
        "QUARTERDECK_HOME": str(home.root),
        READY_VARIABLE: str(ready),
        "PYTHONUNBUFFERED": "1",
    }
    with open_log(home.log) as log:
        try:
            return subprocess.Popen(
                [sys.executable, *program, *options.arguments(home.environment)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(ready,),
                env=environ,
            )
        except OSError as error:
            raise LaunchError(f"The desk can't be started ({error.strerror}).") from error


def _reap(process: "subprocess.Popen[bytes]", ended: threading.Event) -> None:
    """Without this a desk that ended would stay in the process table and look alive."""
    process.wait()
    ended.set()


async def _line(pipe: BinaryIO, seconds: float) -> bytes | None:
    """The first line; empty when the other end closed without one; None when time is over."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(pipe.fileno()), "rb")
    )
    try:
        async with asyncio.timeout(seconds):
            return await reader.readline()
    except TimeoutError:
        return None
    finally:
        transport.close()


async def _answered_by_another(home: Home) -> bool:
    """Two consoles may start a desk at once: who loses the lock attaches to the winner's."""
    from services.desk.lock import recorded_holder

    with suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS):
            while recorded_holder(home) is not None:
                if await answers(home):
                    return True
                await asyncio.sleep(POLL_SECONDS)
    return False


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text("utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "."
    return f": {lines[-1].strip().rstrip('.')}." if lines else "."


def _named(pid: int) -> str:
    return f" (process {pid})" if pid else ""
