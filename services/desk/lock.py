"""One desk per environment: an OS lock, which the system itself gives back when a desk dies."""

import errno
import fcntl
import json
import os
from contextlib import suppress
from datetime import datetime
from typing import Self

from pydantic import PositiveInt, ValidationError

from db.home import Home
from db.model.base import Noun, Utc


class LockError(Exception):
    """The lock can't be had: one sentence says who holds it, since when, or why it can't be taken."""


class Holder(Noun):
    pid: PositiveInt
    since: Utc


class DeskLock:
    """Held from `acquire` until `release` or the end of the process, however it ends."""

    def __init__(self, home: Home, descriptor: int) -> None:
        self._home = home
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, home: Home, at: datetime) -> Self:
        """Take the lock. Raises LockError when another desk has it.

        The descriptor is not inherited: a child such as the exchange never holds the lock."""
        try:
            descriptor = os.open(home.lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise LockError(f"The lock {home.lock} can't be opened ({error.strerror}).") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _record(descriptor, Holder(pid=os.getpid(), since=at))
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise LockError(_held(home)) from error
            raise LockError(f"The lock {home.lock} can't be taken ({error.strerror}).") from error
        return cls(home, descriptor)

    def remove_stale_socket(self) -> None:
        """Take away the socket a dead desk left. Only who holds the lock may do so.

        Raises LockError when it can't be removed."""
        try:
            self._home.socket.unlink(missing_ok=True)
        except OSError as error:
            raise LockError(
                f"The old socket {self._home.socket} can't be removed ({error.strerror})."
            ) from error

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would let two desks lock two files."""
        if self._descriptor < 0:
            return
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def recorded_holder(home: Home) -> Holder | None:
    """Who wrote down that they hold the lock, if that process still lives.

    For sentences only: it neither takes nor tests the lock, so it never disturbs a starting desk."""
    try:
        holder = Holder.model_validate(json.loads(home.lock.read_bytes()))
    except (OSError, ValueError, ValidationError):
        return None
    return holder if _alive(holder.pid) else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _record(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder.to_json()).encode(), 0)


def _held(home: Home) -> str:
    holder = recorded_holder(home)
    who = "another process"
    if holder is not None:
        who = f"process {holder.pid}, since {holder.since:%Y-%m-%d %H:%M:%S} UTC"
    return (
        f"A desk for {home.environment.value} is already running ({who}). "
        "`quarterdeck desk status` asks it, `quarterdeck desk stop` stops it."
    )
