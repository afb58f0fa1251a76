"""A broker that is away, wrong keys, a home that can't be used, a disk that is full: the desk does
not start, says why in one sentence, and leaves no socket and no plan."""

import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bad_files import only_sentence
from desk_world import CASES, DEADLINE, ROOT
from running_exchange import RunningExchange

from db.home import LONGEST_SOCKET_PATH

PORTFOLIO = CASES / "rebalance" / "Portfolio.md"
FULL_AFTER = 16 * 1024
"""Bytes of a file after which the disk takes no more."""


@pytest.fixture
def home() -> Iterator[Path]:
    """Short, as the system allows a socket's path 100 bytes."""
    root = Path(tempfile.mkdtemp(prefix="qd-"))
    yield root
    shutil.rmtree(root)


def run(home: Path, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    environ = {name: text for name, text in os.environ.items() if not name.startswith("APCA_")}
    return subprocess.run(
        [str(Path(sys.executable).with_name("quarterdeck")), *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        cwd=ROOT,
        env={**environ, "QUARTERDECK_HOME": str(home), "QUARTERDECK_ENVIRONMENT": "paper"},
        **options,
    )


def refused(home: Path, *arguments: str, **options: Any) -> str:
    done = run(home, *arguments, **options)
    assert (done.returncode, done.stdout) == (2, "")
    return only_sentence(done.stderr)


def configure(home: Path, hello: dict[str, str]) -> None:
    lines = ["[paper]", *(f'{name} = "{value}"' for name, value in hello.items())]
    (home / "config.toml").write_text("\n".join(lines) + "\n")


def assert_no_desk(home: Path) -> None:
    state = home / "paper"
    assert not (state / "desk.sock").exists()
    log = state / "desk.log"
    assert not log.exists() or "Traceback" not in log.read_text()
    assert run(home, "status").returncode == 3
    assert list((state / "reports").glob("*")) == []


def test_an_exchange_that_is_unreachable(home: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: nobody else takes the port either
        where = f"127.0.0.1:{nobody.getsockname()[1]}"
        urls = {"trading_url": f"http://{where}", "data_url": f"http://{where}"}
        streams = {"trading_stream_url": f"ws://{where}", "data_stream_url": f"ws://{where}"}
        configure(home, {**urls, **streams, "key": "K", "secret": "S"})
        sentence = refused(home, "propose", str(PORTFOLIO))
    assert f"The broker at http://{where} can't be used" in sentence
    assert "refused the connection" in sentence
    assert_no_desk(home)


@pytest.mark.parametrize("wrong", ["key", "secret"])
def test_wrong_keys(home: Path, exchange: RunningExchange, wrong: str) -> None:
    configure(home, {**exchange.addresses, wrong: "WRONGWRONG"})
    sentence = refused(home, "propose", str(PORTFOLIO))
    assert "refused the API keys (401)" in sentence
    assert exchange.trading_url in sentence
    said = sentence + (home / "paper" / "desk.log").read_text()
    for secret in ("WRONGWRONG", exchange.secret):
        assert secret not in said
    assert all(entry["method"] == "GET" for entry in exchange.requests_log())
    assert_no_desk(home)


def test_no_keys_at_all(home: Path) -> None:
    environ = "APCA_API_KEY_ID and APCA_API_SECRET_KEY"
    assert environ in refused(home, "desk", "start")
    assert_no_desk(home)


def test_a_socket_path_that_is_too_long(home: Path) -> None:
    deep = home / ("x" * LONGEST_SOCKET_PATH)
    for command in (("desk", "start"), ("propose", str(PORTFOLIO))):
        sentence = refused(deep, *command)
        assert f"the system allows {LONGEST_SOCKET_PATH}" in sentence
        assert str(deep) in sentence
        assert "QUARTERDECK_HOME" in sentence
    assert not deep.exists()


@pytest.mark.parametrize("command", [("desk", "start"), ("propose", str(PORTFOLIO))])
def test_a_home_that_cant_be_written(home: Path, command: tuple[str, ...]) -> None:
    """Below a regular file, where not even root writes."""
    (home / "file").write_text("in the way")
    sentence = refused(home / "file" / "home", *command)
    assert str(home / "file" / "home") in sentence
    assert "Not a directory" in sentence
    assert sorted(path.name for path in home.iterdir()) == ["file"]


def test_where_no_home_can_be_no_desk_runs(home: Path) -> None:
    (home / "file").write_text("in the way")
    done = run(home / "file" / "home", "positions")
    assert (done.returncode, done.stdout) == (3, "")
    assert "No desk is running" in only_sentence(done.stderr)


def test_kill_says_when_it_can_halt_nothing(home: Path) -> None:
    (home / "file").write_text("in the way")
    done = run(home / "file" / "home", "kill")
    assert done.returncode == 20
    assert done.stderr.count("NOT halted") == 1
    assert "Traceback" not in done.stderr


def test_a_full_disk_and_the_same_home_once_there_is_room(
    home: Path, exchange: RunningExchange
) -> None:
    configure(home, exchange.addresses)

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_AFTER, resource.RLIM_INFINITY))

    sentence = refused(home, "propose", str(PORTFOLIO), preexec_fn=fill)
    assert str(home / "paper" / "journal.db") in sentence
    assert "disk" in sentence
    assert all(entry["method"] == "GET" for entry in exchange.requests_log())
    assert_no_desk(home)
    try:
        assert run(home, "desk", "start").returncode == 0
        assert run(home, "journal", "verify").returncode == 0
    finally:
        assert run(home, "desk", "stop").returncode == 0


def test_a_policy_of_the_desk_with_an_unknown_key(home: Path) -> None:
    """The built-in exchange is not started for a desk that can't be."""
    (home / "policies").mkdir()
    (home / "policies" / "standard.toml").write_text('extends = "standard"\nmax_loss = 1\n')
    sentence = refused(home, "desk", "start", "--env", "sim")
    assert "standard.toml line 2: unknown key max_loss, expected one of" in sentence
    assert not (home / "sim" / "exchange.json").exists()
    assert not (home / "sim" / "desk.sock").exists()
