"""The latch: a file that says HALTED. It is checked before every send, and any process may create
it, so that trading stops even while the desk hangs or its journal is locked (spec 5, Kill switch).
A second file, made in the same way, says REDUCING.

Every doubt means halted: a latch that can't be read, or can't even be looked for, counts as set."""

import json
import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from db.home import Home
from db.model.base import Noun, Utc, canonical_json


class LatchError(OSError):
    """The latch could not be set or cleared: one sentence says why and what to do."""


class Latch(Noun):
    """Who halted trading, why and when."""

    by: str
    reason: str
    at: Utc


def latched(home: Home) -> bool:
    """Is trading halted by the latch? One stat; True when that can't be told."""
    return _there(home.latch)


def reduced(home: Home) -> bool:
    """May only orders that reduce leave, by the file? One stat; True when that can't be told."""
    return _there(home.reducing)


def _there(path: Path) -> bool:
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def set_latch(home: Home, by: str, reason: str, at: datetime) -> Latch:
    """Halt. On disk when this returns. A latch that is already set keeps its first reason.

    Raises LatchError when there is no latch afterwards."""
    return _set(home, home.latch, Latch(by=by, reason=reason, at=at))


def set_reducing(home: Home, by: str, reason: str, at: datetime) -> Latch:
    """Let only orders leave that reduce. Otherwise as `set_latch`."""
    return _set(home, home.reducing, Latch(by=by, reason=reason, at=at))


def _set(home: Home, path: Path, latch: Latch) -> Latch:
    try:
        if not home.state.is_dir():
            home.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create(path, canonical_json(latch.to_json()).encode())
    except OSError as error:
        if os.path.lexists(path):
            return _read(path) or latch
        stopped = "halted" if path == home.latch else "reduced"
        raise LatchError(
            f"The halt could not be written to {path} ({error.strerror}): trading is NOT "
            f"{stopped} by it. Free space or make the directory writable, or cancel at the broker."
        ) from error
    return latch


def read_latch(home: Home) -> Latch | None:
    """The latch, None when it is not set. One that can't be read says so and still halts."""
    return _read(home.latch)


def read_reducing(home: Home) -> Latch | None:
    """Who lets only reducing orders leave, as `read_latch`."""
    return _read(home.reducing)


def _read(path: Path) -> Latch | None:
    try:
        return Latch.model_validate(json.loads(path.read_bytes()))
    except FileNotFoundError:
        if not _there(path):
            return None
        return _unreadable(path)
    except (OSError, ValueError, ValidationError):
        return _unreadable(path)


def clear_latch(home: Home) -> None:
    """Take the latch away, for good when this returns. Raises LatchError when it stays."""
    _clear(home, home.latch)


def clear_reducing(home: Home) -> None:
    """Take the file that says REDUCING away, as `clear_latch`."""
    _clear(home, home.reducing)


def _clear(home: Home, path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
        _sync(home.state)
    except FileNotFoundError:
        return
    except OSError as error:
        raise LatchError(
            f"The latch {path} could not be taken away ({error.strerror}): trading stays stopped."
        ) from error


def _unreadable(path: Path) -> Latch:
    at = datetime.fromtimestamp(0, UTC)
    with suppress(OSError):
        at = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    return Latch(by="unknown", reason="the latch is set, but what it says can't be read", at=at)


def _create(path: Path, content: bytes) -> None:
    """Create `path` with its content at once, synced. Raises FileExistsError when it is there.

    A full disk often still takes an empty file, and an empty latch halts as well as a full one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        try:
            _write(draft, content)
            os.link(draft, path)
        finally:
            with suppress(OSError):
                draft.unlink()
    except FileExistsError:
        raise
    except OSError:
        _write(path, content)
    _sync(path.parent)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
