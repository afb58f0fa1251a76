"""Reports on disk: written whole or not at all, the versions before kept as backups (spec 2.A)."""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

BACKUPS_KEPT = 30
BACKUPS = "backups"
"""Directory beside the file."""


class ReportError(Exception):
    """A report could not be written: one sentence. What stood there before still stands."""


def write(path: Path, text: str, at: datetime, kept: int = BACKUPS_KEPT) -> None:
    """Put `text` at `path` atomically (temporary file, fsync, rename); what stood there becomes a
    backup named by `at`, the last `kept` of which stay. Blocks. Raises ReportError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = _written(path, text)
        try:
            if kept and path.exists():
                _back_up(path, at, kept)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
        _sync(path.parent)
    except OSError as error:
        raise ReportError(
            f"{path.name} could not be written to {path.parent} ({error.strerror}): "
            "free space or make the directory writable."
        ) from error
    except UnicodeEncodeError as error:
        raise ReportError(f"{path.name} could not be written: its text is not Unicode.") from error


def backups(path: Path) -> tuple[Path, ...]:
    """The earlier versions of `path`, oldest first."""
    return tuple(sorted((path.parent / BACKUPS).glob(f"{path.stem}.????-??-??T*{path.suffix}")))


def _written(path: Path, text: str) -> Path:
    """A synced file beside `path` that holds `text`, and nothing when that fails."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    content = text.encode()
    try:
        with fresh.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    return fresh


def _back_up(path: Path, at: datetime, kept: int) -> None:
    """A second name for what stands at `path`: the rename to come leaves it alone."""
    folder = path.parent / BACKUPS
    folder.mkdir(mode=0o700, exist_ok=True)
    stamp = f"{at.astimezone(UTC):%Y-%m-%dT%H%M%S.%fZ}"
    copy = folder / f"{path.stem}.{stamp}{path.suffix}"
    copy.unlink(missing_ok=True)
    copy.hardlink_to(path)
    for old in backups(path)[:-kept]:
        old.unlink()


def _sync(folder: Path) -> None:
    """A rename is on disk once its directory is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
