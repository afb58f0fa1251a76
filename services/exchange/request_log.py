"""Every REST request and its answer, one JSON line each, in the order they were answered."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class RequestLogError(Exception):
    """The log cannot be written; the message is one sentence."""


class RequestLog:
    """`seq` counts arrivals and goes on where an existing file ended. Path None: no log."""

    def __init__(self, path: Path | None) -> None:
        self._last = _last_seq(path) if path else 0
        try:
            # Unbuffered: no line waits here. A reader may meet the last one half written: the system
            # shows a write page by page, so a line counts once its end is there.
            self._file = path.open("ab", buffering=0) if path else None
        except OSError as error:
            raise RequestLogError(
                f"Requests file {path} cannot be written: {_why(error)}."
            ) from error

    @property
    def is_kept(self) -> bool:
        """Whether there is a file: without one no line need be made."""
        return self._file is not None

    def arrived(self) -> int:
        self._last += 1
        return self._last

    def answered(self, record: Mapping[str, Any]) -> None:
        """Written through to the system before the answer leaves."""
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(record).encode() + b"\n")
        except OSError as error:
            raise RequestLogError(f"Requests file cannot be written: {_why(error)}.") from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def body_for_log(body: bytes) -> Any:
    """A body as JSON if it is JSON, else as text; None when there is none."""
    text = body.decode("utf-8", errors="replace")
    if not text:
        return None
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _last_seq(path: Path) -> int:
    """The largest number in a file that may end in a torn line; such a line is closed off."""
    if not path.exists():
        return 0
    try:
        data = path.read_bytes()
        if data and not data.endswith(b"\n"):
            with path.open("ab") as file:
                file.write(b"\n")
    except OSError as error:
        raise RequestLogError(f"Requests file {path} cannot be read: {_why(error)}.") from error
    largest = 0
    for line in data.splitlines():
        try:
            largest = max(largest, int(json.loads(line)["seq"]))
        except (ValueError, KeyError, TypeError):
            continue  # torn by a kill, or not ours
    return largest
