"""A program that has imported the desk already and forks one whenever asked: a life costs what a desk
does, not what Python's imports cost. Run by `forked_desk.py`.

On stdin one JSON object a line: `life` (any number), `home`, and where it is to die: `when`
("before" or "after" a commit) and `seq`, or neither. On stdout one a line when a life has ended:
`life`, `status` as of waitpid. Single-threaded, without an event loop: nothing is torn by the fork."""

import gc
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import alpaca.data
import alpaca.trading.client
import alpaca.trading.stream  # noqa: F401

import services.brokers.alpaca.streams  # noqa: F401
import services.desk.__main__ as desk
from db.writer import Writer
from services.market.instruments import shipped
from services.risk.policy import load_policy

NOTE = "died-at.json"
"""In the home: between which numbers of the journal the life ended."""


def die(home: Path, first: int, last: int) -> None:
    (home / NOTE).write_text(json.dumps([first, last]))
    os.kill(os.getpid(), signal.SIGKILL)


def mortal(home: Path, when: str, seq: int) -> None:
    """From here on the process dies at the commit that holds event `seq`: with all of it written
    and nothing committed, or with all of it on disk and nobody told."""
    commit = Writer._commit

    def watched(self: Any, group: Any) -> Any:
        first = self._seq + 1

        def at(statement: str) -> None:
            if statement == "COMMIT" and self._seq >= seq:
                die(home, first, self._seq)

        if when == "before":
            self._db.set_trace_callback(at)
        outcomes = commit(self, group)
        if self._seq >= seq:
            die(home, first, self._seq)
        return outcomes

    Writer._commit = watched  # type: ignore[method-assign]


def live(home: Path, when: str | None, seq: int) -> None:
    """Never returns."""
    log = os.open(home / "desk.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.setsid()
    os.environ["QUARTERDECK_HOME"] = str(home)
    if when is not None:
        mortal(home, when, seq)
    code = 1
    try:
        code = desk.main(["--env", "paper"])
    finally:
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    lives: dict[int, int] = {}
    ours, wakes = socket.socketpair()
    for end in (ours, wakes):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes.fileno())
    heard = b""
    load_policy("standard", [])  # what is compiled and cached once is so before the first life
    shipped()
    gc.collect()
    gc.freeze()
    while True:
        ready, _, _ = select.select([0, ours], [], [])
        if ours in ready:
            ours.recv(4096)
        while lives:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            told = {"life": lives.pop(pid), "status": status}
            os.write(1, json.dumps(told).encode() + b"\n")
        if 0 not in ready:
            continue
        piece = os.read(0, 65536)
        if not piece:
            break
        *lines, heard = (heard + piece).split(b"\n")
        for wanted in map(json.loads, lines):
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                ours.close()
                wakes.close()
                live(Path(wanted["home"]), wanted.get("when"), wanted.get("seq", 0))
            lives[pid] = wanted["life"]
    for pid in lives:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    serve()
