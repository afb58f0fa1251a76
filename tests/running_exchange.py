"""The simulated exchange as a real process over real sockets."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warm import WarmProcess, start_exchange

START_DEADLINE = 20.0
ROOT = Path(__file__).parent.parent


def finished_lines(log: Path) -> list[dict[str, Any]]:
    """The requests in a log that may be written to this moment: a line counts with its end."""
    return [json.loads(line) for line in log.read_bytes().split(b"\n")[:-1]]


@dataclass
class RunningExchange:
    """A running `python -m services.exchange`: started so when it is `cold`, else forked of a warm
    process. State and request log outlive a restart."""

    options: list[str]
    log: Path
    cold: bool = False
    process: "subprocess.Popen[bytes] | WarmProcess" = field(init=False)
    hello: dict[str, Any] = field(init=False)

    def start(self) -> None:
        self.process = self._cold() if self.cold else start_exchange(self.options)
        self.hello = json.loads(self._first_line())

    def _cold(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "services.exchange", *self.options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )

    @property
    def trading_url(self) -> str:
        return str(self.hello["trading_url"])

    @property
    def trading_stream_url(self) -> str:
        return str(self.hello["trading_stream_url"])

    @property
    def data_url(self) -> str:
        return str(self.hello["data_url"])

    @property
    def data_stream_url(self) -> str:
        return str(self.hello["data_stream_url"])

    @property
    def key(self) -> str:
        return str(self.hello["key"])

    @property
    def secret(self) -> str:
        return str(self.hello["secret"])

    @property
    def addresses(self) -> dict[str, str]:
        """What a client's settings need of the first line, as strings."""
        return {name: value for name, value in self.hello.items() if isinstance(value, str)}

    @property
    def headers(self) -> dict[str, str]:
        return {"APCA-API-KEY-ID": self.key, "APCA-API-SECRET-KEY": self.secret}

    def requests_log(self) -> list[dict[str, Any]]:
        """Every request so far in the order answered; sort by "seq" for the order of arrival."""
        return finished_lines(self.log) if self.log.exists() else []

    def stop(self) -> int:
        """SIGTERM, as a user would; the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, as the kernel would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """The same options and state again; the same port when it is still free."""
        if self.process.poll() is None:
            self.stop()
        self.start()

    def _end(self, number: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.communicate(timeout=START_DEADLINE)
        assert self.process.returncode is not None
        return self.process.returncode

    def _first_line(self) -> str:
        assert self.process.stdout is not None
        deadline, line = time.monotonic() + START_DEADLINE, b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            piece = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not piece:
                self.process.kill()
                _, errors = self.process.communicate()
                raise AssertionError(f"the exchange did not start: {errors.decode()}")
            line += piece
        return line.decode()


@contextmanager
def exchanges_in(folder: Path) -> Iterator[Callable[..., RunningExchange]]:
    """A factory: `start(volatility="1", tick=20, partials=True, ...)`; all end with the context.

    Options are those of the command line with underscores; True is a flag, None leaves one away.
    By default prices stand still, orders match at once, nothing limits the rate and the state
    lies in a file below the folder. A `cold` one is started as a user would.
    """
    running: list[RunningExchange] = []

    def start(cold: bool = False, **options: object) -> RunningExchange:
        own = folder / f"exchange-{len(running)}"
        own.mkdir()
        chosen: dict[str, object] = {
            "volatility": 0,
            "fill_delay": 0,
            "rate_limit": 0,
            "state": own / "state.db",
            "requests": own / "requests.jsonl",
            **options,
        }
        arguments: list[str] = []
        for name, value in chosen.items():
            if value is not None and value is not False:
                flag = f"--{name.replace('_', '-')}"
                arguments += [flag] if value is True else [flag, str(value)]
        exchange = RunningExchange(arguments, Path(str(chosen["requests"])), cold)
        running.append(exchange)
        exchange.start()
        return exchange

    try:
        yield start
    finally:
        for exchange in running:
            exchange.kill()
