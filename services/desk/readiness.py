"""One line from a starting desk to who started it: it is ready, or why it can't be.

The line goes to the descriptor that QUARTERDECK_READY_FD names."""

import json
import os
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass

READY_VARIABLE = "QUARTERDECK_READY_FD"


@dataclass(frozen=True)
class Readiness:
    """`error` is empty when the desk answers at its socket."""

    pid: int = 0
    error: str = ""


def announce(readiness: Readiness, environ: MutableMapping[str, str] = os.environ) -> bool:
    """Tell who started this desk, once; False when nobody asked. The descriptor is closed and
    forgotten, so that no child of the desk inherits either."""
    number = environ.pop(READY_VARIABLE, "")
    if not number.isdecimal():
        return False
    said = {"error": readiness.error} if readiness.error else {"ready": True, "pid": readiness.pid}
    descriptor = int(number)
    with suppress(OSError):  # whoever asked may be gone
        os.write(descriptor, json.dumps(said).encode() + b"\n")
    with suppress(OSError):
        os.close(descriptor)
    return True


def understood(line: bytes) -> Readiness | None:
    """What a line says; None for an empty or broken one: the desk died before it could speak."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    if isinstance(said.get("error"), str):
        return Readiness(error=said["error"] or "The desk refused to start without a reason.")
    if said.get("ready") is True and isinstance(said.get("pid"), int):
        return Readiness(pid=said["pid"])
    return None
