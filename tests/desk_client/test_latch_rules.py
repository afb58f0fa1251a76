"""The latch: set by anyone, kept at its first reason, and in doubt halted (spec 5, Kill switch)."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.home import Home
from db.model.base import Environment
from services.desk.latch import LatchError, clear_latch, latched, read_latch, set_latch

AT = datetime(2013, 10, 8, 14, 30, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, Environment.SIM)


def test_no_latch_no_halt(home: Home) -> None:
    assert not latched(home)
    assert read_latch(home) is None
    clear_latch(home)


def test_setting_it_works_before_the_home_exists(tmp_path: Path) -> None:
    home = Home(tmp_path / "not" / "yet", Environment.LIVE)
    set_latch(home, "trader", "news", AT)
    assert latched(home)


def test_the_first_reason_is_kept(home: Home) -> None:
    first = set_latch(home, "trader", "news", AT)
    second = set_latch(home, "someone", "else", AT)
    assert first == second == read_latch(home)
    assert (first.by, first.reason, first.at) == ("trader", "news", AT)


def test_nothing_but_the_latch_is_left_behind(home: Home) -> None:
    set_latch(home, "trader", "news", AT)
    set_latch(home, "trader", "again", AT)
    assert [path.name for path in home.state.iterdir()] == ["HALTED"]
    assert home.latch.stat().st_mode & 0o777 == 0o600


def test_clearing_it_lets_trading_go_on_and_it_can_be_set_again(home: Home) -> None:
    set_latch(home, "trader", "news", AT)
    clear_latch(home)
    assert not latched(home)
    assert set_latch(home, "trader", "more news", AT).reason == "more news"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"by":1}', b"\xff\xfe"])
def test_a_latch_that_cant_be_read_halts_all_the_same(home: Home, content: bytes) -> None:
    home.state.mkdir()
    home.latch.write_bytes(content)
    assert latched(home)
    latch = read_latch(home)
    assert latch is not None
    assert latch.by == "unknown"
    assert set_latch(home, "trader", "news", AT) == latch


def test_a_dangling_link_and_a_directory_halt(home: Home) -> None:
    home.state.mkdir()
    home.latch.symlink_to(home.state / "nowhere")
    assert latched(home)
    assert read_latch(home) is not None
    home.latch.unlink()
    home.latch.mkdir()
    assert latched(home)
    assert read_latch(home) is not None


def test_where_the_state_is_a_file_the_halt_is_refused_in_a_sentence(home: Home) -> None:
    home.state.write_text("not a directory")
    with pytest.raises(LatchError, match="NOT halted"):
        set_latch(home, "trader", "news", AT)
    assert latched(home), "what can't be looked for counts as set"


def test_without_hard_links_the_latch_still_holds_its_reason(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert set_latch(home, "trader", "news", AT) == read_latch(home)
    assert [path.name for path in home.state.iterdir()] == ["HALTED"]


FULL_DISK = """
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from db.home import Home
from db.model.base import Environment
from services.desk.latch import latched, set_latch
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
home = Home(Path(sys.argv[1]), Environment.SIM)
set_latch(home, "trader", "news", datetime(2013, 10, 8, tzinfo=UTC))
sys.exit(0 if latched(home) else 1)
"""


def test_on_a_disk_that_takes_no_byte_an_empty_latch_halts(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert Home(tmp_path, Environment.SIM).latch.stat().st_size == 0


RACE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from db.home import Home
from db.model.base import Environment
from services.desk.latch import set_latch
print("ready", flush=True)
sys.stdin.readline()
home = Home(Path(sys.argv[1]), Environment.SIM)
print(set_latch(home, sys.argv[2], "race", datetime(2013, 10, 8, tzinfo=UTC)).by)
"""


def test_of_processes_that_halt_at_once_all_report_the_same_first(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path), f"racer-{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    answers = {racer.communicate("go\n")[0].strip() for racer in racers}
    assert len(answers) == 1
