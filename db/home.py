"""Where everything lies. One home for all environments; one journal, socket, lock and latch each.

`QUARTERDECK_HOME`, else the platform's directories (spec: issue 2, part 5)."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from db.model.environment import Environment

LONGEST_SOCKET_PATH = 100
"""Bytes. Linux allows 107 and macOS 103 (sockaddr_un.sun_path)."""


class HomeError(Exception):
    """The home can't be used: one sentence says why and what to do."""


@dataclass(frozen=True)
class Home:
    """Paths of one environment below the home."""

    root: Path
    environment: Environment

    @property
    def state(self) -> Path:
        return self.root / self.environment.value

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    @property
    def policies(self) -> Path:
        return self.root / "policies"

    @property
    def themes(self) -> Path:
        return self.root / "themes"

    @property
    def inbox(self) -> Path:
        return self.state / "inbox"

    @property
    def reports(self) -> Path:
        return self.state / "reports"

    @property
    def portfolio(self) -> Path:
        return self.state / "PORTFOLIO.md"

    @property
    def journal(self) -> Path:
        return self.state / "journal.db"

    @property
    def log(self) -> Path:
        return self.state / "desk.log"

    @property
    def lock(self) -> Path:
        return self.state / "desk.lock"

    @cached_property
    def latch(self) -> Path:
        """Exists while trading is halted. Any process may create it (spec 5, Kill switch)."""
        return self.state / "HALTED"

    @cached_property
    def reducing(self) -> Path:
        """Exists while only orders that reduce may leave. Any process may create it."""
        return self.state / "REDUCING"

    @property
    def last_drill(self) -> Path:
        """The last kill drill. Of all environments: it is rehearsed on the simulator."""
        return self.root / "last-drill.json"

    @property
    def exchange_state(self) -> Path:
        return self.state / "exchange.db"

    @property
    def exchange_address(self) -> Path:
        return self.state / "exchange.json"

    @property
    def socket(self) -> Path:
        return self.state / "desk.sock"

    def check_socket_path(self) -> None:
        """Raises HomeError when the socket's path is longer than the system can bind."""
        length = len(os.fsencode(self.socket))
        if length > LONGEST_SOCKET_PATH:
            raise HomeError(
                f"The desk's socket path is {length} bytes, the system allows "
                f"{LONGEST_SOCKET_PATH}: {self.socket}. Set QUARTERDECK_HOME to a shorter directory."
            )

    def create(self) -> None:
        """Make the directories, readable by the owner only. Raises HomeError."""
        try:
            for directory in (self.root, self.state, self.inbox, self.reports):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self.state / ".writable"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise HomeError(
                f"The home directory {self.root} can't be written to ({error.strerror}). "
                "Free space or set QUARTERDECK_HOME to a directory you can write to."
            ) from error


def locate(environment: Environment, environ: Mapping[str, str] = os.environ) -> Home:
    """The home that QUARTERDECK_HOME names, else the platform's directory."""
    named = environ.get("QUARTERDECK_HOME", "").strip()
    if named:
        return Home(Path(named).expanduser().absolute(), environment)
    from platformdirs import user_data_path  # costs 10 ms, and most starts name a home or are warm

    return Home(user_data_path("quarterdeck", appauthor=False), environment)
