"""A program that has imported the desk and the exchange, and forks one whenever it is asked: each is a
process with a pid, session, lock, files and sockets of its own, which costs what it does and not what
Python's imports cost. Asked by `warm.py` on the socket whose number is its argument.

Single-threaded and without an event loop: nothing is torn by a fork."""

import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
from typing import Any

gc.disable()
import services.brokers.alpaca.streams  # noqa: E402
import services.desk.__main__  # noqa: E402
import services.exchange.cli  # noqa: E402, F401
from services.market.instruments import shipped  # noqa: E402
from services.risk.policy import load_policy  # noqa: E402

LARGEST = 1 << 20
DESCRIPTORS = 5
"""Of one message: stdin, stdout, stderr, the child's life, and what its variable `ready` names."""


class Server:
    """Serves until nobody is left who could ask; then it ends what it started."""

    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        self._lives: dict[int, socket.socket] = {}
        self._woken, self._wakes = socket.socketpair()
        for end in (self._woken, self._wakes):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes.fileno())

    def next(self) -> dict[str, Any] | None:
        """In a child, what it is to run; in the server, None at its end."""
        while True:
            ready, _, _ = select.select([self._asked, self._woken], [], [])
            if self._woken in ready:
                self._woken.recv(4096)
            self._tell_ends()
            if self._asked not in ready:
                continue
            message, given, _, _ = socket.recv_fds(self._asked, LARGEST, DESCRIPTORS)
            if not message:
                break
            wanted = json.loads(message)
            if not (pid := os.fork()):
                self._leave()
                _become(wanted, given)
                return dict(wanted)
            for descriptor in given[:3] + given[4:]:
                os.close(descriptor)
            self._lives[pid] = socket.socket(fileno=given[3])
            self._lives[pid].send(json.dumps(pid).encode())
        for pid in self._lives:
            os.kill(pid, signal.SIGKILL)
        for pid in self._lives:
            os.waitpid(pid, 0)
        return None

    def _tell_ends(self) -> None:
        while self._lives:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self._lives.pop(pid) as life:
                life.send(json.dumps(os.waitstatus_to_exitcode(status)).encode())

    def _leave(self) -> None:
        """A child knows neither its sisters nor who asks."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (self._asked, self._woken, self._wakes, *self._lives.values()):
            end.close()


def _become(wanted: dict[str, Any], given: list[int]) -> None:
    for number, descriptor in enumerate(given[:3]):
        os.dup2(descriptor, number)
    for descriptor in given[:4]:
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(wanted["environ"])
    if wanted["ready"]:
        os.environ[wanted["ready"]] = str(given[4])
    os.setsid()
    os.chdir(wanted["folder"])
    sys.argv = [wanted["module"], *wanted["arguments"]]


if __name__ == "__main__":
    load_policy("standard", [])  # what is read once is read before the first fork
    shipped()
    gc.collect()
    gc.freeze()
    gc.enable()
    if (wanted := Server(socket.socket(fileno=int(sys.argv[1]))).next()) is not None:
        runpy.run_module(wanted["module"], run_name="__main__", alter_sys=True)
