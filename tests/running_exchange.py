"""The simulated exchange as a real process over real sockets."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_DEADLINE = 20.0
ROOT = Path(__file__).parent.parent


@dataclass
class RunningExchange:
    """A running `python -m services.exchange`. State and request log outlive a restart."""

    options: list[str]
    log: Path
    process: "subprocess.Popen[bytes]" = field(init=False)
    hello: dict[str, Any] = field(init=False)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.exchange", *self.options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        self.hello = json.loads(self._first_line())

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
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines()]

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
