"""One desk per environment: the second is told who holds the lock and since when."""

import json
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.home import Home
from db.model.base import Environment
from services.desk.lock import DeskLock, LockError, recorded_holder
from services.desk.simulator import stop_exchange

AT = datetime(2013, 10, 8, 14, 30, tzinfo=UTC)

HOLD = """
import subprocess, sys
from datetime import UTC, datetime
from pathlib import Path
from db.home import Home
from db.model.base import Environment
from services.desk.lock import DeskLock
home = Home(Path(sys.argv[1]), Environment.SIM)
lock = DeskLock.acquire(home, datetime(2013, 10, 8, 14, 30, tzinfo=UTC))
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path, Environment.SIM)
    home.create()
    return home


@pytest.fixture
def other_desk(home: Home):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    yield process, child
    process.kill()
    process.communicate()


def test_the_lock_names_its_holder(home: Home) -> None:
    with DeskLock.acquire(home, AT):
        assert json.loads(home.lock.read_text()) == {
            "pid": os.getpid(),
            "since": "2013-10-08T14:30:00Z",
        }
        holder = recorded_holder(home)
        assert holder is not None
        assert (holder.pid, holder.since) == (os.getpid(), AT)
    assert recorded_holder(home) is None


def test_a_second_desk_is_told_who_and_since_when(home: Home, other_desk) -> None:
    process, _ = other_desk
    with pytest.raises(LockError, match=rf"process {process.pid}, since 2013-10-08 14:30:00 UTC"):
        DeskLock.acquire(home, AT)


def test_the_same_process_cant_have_it_twice(home: Home) -> None:
    with DeskLock.acquire(home, AT), pytest.raises(LockError, match="already running"):
        DeskLock.acquire(home, AT)


def test_a_killed_desk_leaves_no_lock_though_its_child_lives(home: Home, other_desk) -> None:
    process, child = other_desk
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert recorded_holder(home) is None
    with DeskLock.acquire(home, AT):
        pass
    assert isinstance(child, int)


def test_another_environment_is_another_lock(home: Home, other_desk) -> None:
    paper = Home(home.root, Environment.PAPER)
    paper.create()
    with DeskLock.acquire(paper, AT):
        pass


def test_only_the_holder_takes_away_a_stale_socket(home: Home) -> None:
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(home.socket))
    stale.close()
    with DeskLock.acquire(home, AT) as lock:
        lock.remove_stale_socket()
        assert not home.socket.exists()
        lock.remove_stale_socket()


def test_a_lock_that_cant_be_opened_is_a_sentence(home: Home) -> None:
    home.lock.mkdir()
    with pytest.raises(LockError, match="can't be opened"):
        DeskLock.acquire(home, AT)


@pytest.mark.parametrize("content", ["", "{", '{"pid": "x"}', '{"pid": 0}'])
def test_what_the_lock_says_may_be_nonsense(home: Home, content: str) -> None:
    home.lock.write_text(content)
    assert recorded_holder(home) is None
    DeskLock.acquire(home, AT).release()


def test_a_process_that_was_given_an_exchanges_number_is_left_alone(home: Home) -> None:
    address = dict.fromkeys(
        ("trading_url", "trading_stream_url", "data_url", "data_stream_url", "key", "secret"), "x"
    )
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        home.exchange_address.write_text(json.dumps({**address, "pid": other.pid}))
        stop_exchange(home)
        assert not home.exchange_address.exists()
        other.communicate(b"\n", timeout=20)
    assert other.returncode == 0
