"""A home with a canned desk in it, and the command run in this process or as its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "desk_client"))
from answering_desk import CannedDesk
from as_process import QUARTERDECK

from console.cli.run import run
from db.home import Home
from db.model.base import Environment

Command = Callable[..., "Done"]


class Done:
    """What a command left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = Home(tmp_path_factory.mktemp("h"), Environment.SIM)
    home.create()
    for name in list(os.environ):
        if name.startswith("QUARTERDECK_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("QUARTERDECK_HOME", str(home.root))
    return home


@pytest.fixture
def canned(home: Home) -> Iterator[CannedDesk]:
    desk = CannedDesk(home.socket)
    desk.answers["GET /v1/status"] = (200, {"pid": 1})
    desk.start()
    yield desk
    desk.stop()


@pytest.fixture
def quarterdeck(home: Home, capfd: pytest.CaptureFixture[str]) -> Command:
    """In this process: fast, and the same code as the command's."""

    def command(*arguments: object) -> Done:
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return command


@pytest.fixture
def process(home: Home) -> Command:
    """As a process of its own: for what replaces or ends the process."""

    def command(*arguments: object) -> Done:
        done = subprocess.run(
            [*QUARTERDECK, *map(str, arguments)], capture_output=True, text=True, timeout=60
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return command
