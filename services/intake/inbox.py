"""The watched inbox: a file is read once its size is stable, and moving it is the last act.
Nothing is ever deleted (spec 2)."""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from services.intake.read import Reference, recognise
from services.intake.refusal import RefusedInputError
from services.intake.text import LARGEST, too_large

ACCEPTED, REFUSED = "accepted", "refused"
REASON = ".reason.md"
SENTENCE = 2
"""The line of a reason, from 0, in which the refusal stands."""
UNFINISHED = (".part", ".tmp", ".crdownload", ".swp")
LONGEST_NAME = 200
"""Bytes, so that a timestamp and `.reason.md` still fit in the system's 255."""

Size = tuple[int, int]
"""Bytes and time of the last write in nanoseconds."""
Handle = Callable[[str, bytes], Awaitable[None]]


@dataclass(frozen=True)
class Arrival:
    """A file that has stopped growing. `data` is None when it can't be used, for `refusal`."""

    path: Path
    name: str
    data: bytes | None
    refusal: RefusedInputError | None = None


async def sweep(
    inbox: Path, handle: Handle, sizes: dict[str, Size], now: datetime
) -> tuple[Path, ...]:
    """Hands every file whose size has not changed since the last sweep to `handle`, reference data
    before proposals, then moves it to accepted/ — or, when `handle` raises RefusedInputError, to
    refused/ with NAME.reason.md beside it. Returns where the files went.

    `sizes` is the caller's memory between sweeps. Any other exception of `handle` leaves its file
    where it is, to be tried again, and is raised; `handle` must therefore take the same content
    twice without harm."""
    arrivals = await asyncio.to_thread(_arrivals, inbox, sizes)
    moved: list[Path] = []
    for arrival in arrivals:
        refusal = arrival.refusal
        if arrival.data is not None:
            try:
                await handle(arrival.name, arrival.data)
            except RefusedInputError as error:
                refusal = error
        moved.append(await asyncio.to_thread(_settle, inbox, arrival, refusal, now))
        sizes.pop(arrival.path.name, None)
    return tuple(moved)


def _arrivals(inbox: Path, sizes: dict[str, Size]) -> list[Arrival]:
    """What has not changed since the last sweep; `sizes` is brought up to date."""
    seen: dict[str, Size] = {}
    stable: list[Path] = []
    for entry in sorted(os.scandir(inbox), key=lambda entry: entry.name):
        if entry.name.startswith((".", "~")) or entry.name.lower().endswith(UNFINISHED):
            continue
        found = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            continue
        size = (found.st_size, found.st_mtime_ns)
        seen[entry.name] = size
        if sizes.get(entry.name) == size:
            stable.append(Path(entry.path))
    sizes.clear()
    sizes.update(seen)
    arrivals = (_read(path) for path in stable)
    return sorted((a for a in arrivals if a is not None), key=_reference_first)


def _read(path: Path) -> Arrival | None:
    """The file's bytes; None when it is gone again."""
    name = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            what = "it is not a regular file, expected one"
            return Arrival(path, name, None, RefusedInputError(name, what))
        if found.st_size > LARGEST:
            return Arrival(path, name, None, too_large(name, found.st_size))
        return Arrival(path, name, path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        return Arrival(path, name, None, RefusedInputError(name, f"it can't be read: {why}"))


def _reference_first(arrival: Arrival) -> tuple[bool, str]:
    """A directive that lies beside the analysis it needs must find it loaded."""
    reference = False
    if arrival.data is not None:
        try:
            reference = isinstance(recognise(arrival.name, arrival.data), Reference)
        except RefusedInputError:
            reference = False
    return not reference, arrival.name


def _settle(
    inbox: Path, arrival: Arrival, refusal: RefusedInputError | None, now: datetime
) -> Path:
    """Moves the file out of the inbox; its reason is written before."""
    directory = inbox / (ACCEPTED if refusal is None else REFUSED)
    directory.mkdir(mode=0o700, exist_ok=True)
    target = _free(directory, arrival.path.name, now)
    if refusal is not None:
        _write_reason(target, arrival.name, refusal, now)
    arrival.path.rename(target)
    return target


def why_refused(path: Path) -> str:
    """The sentence beside a refused file, which begins with its name; else only the name."""
    try:
        said = _reason_of(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return path.name
    return said[SENTENCE] if len(said) > SENTENCE else path.name


def _free(directory: Path, name: str, now: datetime) -> Path:
    """A name in the directory that neither a file nor a reason has yet."""
    raw = os.fsencode(name)
    if len(raw) > LONGEST_NAME:
        name = os.fsdecode(raw[: LONGEST_NAME - 12]) + Path(name).suffix[:12]
    wanted = directory / name
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    attempt = 0
    while _taken(wanted):
        attempt += 1
        more = f"-{attempt}" if attempt > 1 else ""
        wanted = directory / f"{Path(name).stem}.{stamp}{more}{Path(name).suffix}"
    return wanted


def _taken(path: Path) -> bool:
    return os.path.lexists(path) or os.path.lexists(_reason_of(path))


def _reason_of(path: Path) -> Path:
    return path.with_name(path.name + REASON)


def _write_reason(target: Path, name: str, refusal: RefusedInputError, now: datetime) -> None:
    """Line, field and expectation, for a person."""
    lines = [
        "# Refused",
        "",
        str(refusal),
        "",
        f"- file: {name}",
        f"- line: {refusal.line if refusal.line is not None else 'the whole file'}",
        f"- column: {refusal.column if refusal.column is not None else 'not told'}",
        f"- field: {refusal.field or 'none in particular'}",
        f"- expected: {refusal.expected}",
        f"- at: {now:%Y-%m-%d %H:%M:%S} UTC",
        "",
    ]
    with _reason_of(target).open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.write("\n".join(lines))
        file.flush()
        os.fsync(file.fileno())
