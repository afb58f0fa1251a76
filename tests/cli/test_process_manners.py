"""The command as a process: signals, pipes, other programs, and what a start imports."""

import json
import os
import pty
import signal
import subprocess
import sys

import pytest
from answering_desk import CannedDesk
from as_process import QUARTERDECK
from canned_plans import POSITION, Story, plan

from db.home import Home


def test_a_reader_that_goes_away_is_no_traceback(canned: CannedDesk, home: Home) -> None:
    rows = {str(n): POSITION for n in range(2000)}
    canned.answers["GET /v1/snapshot"] = (200, {"positions": rows})
    command = subprocess.Popen(
        [*QUARTERDECK, "positions", "--json"],
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert command.stdout is not None
    assert command.stderr is not None
    command.stdout.read(1)
    command.stdout.close()
    assert command.wait(30) == 141
    assert command.stderr.read() == b""


def test_ctrl_c_while_following_leaves_130_and_the_plan_alone(
    canned: CannedDesk, home: Home
) -> None:
    Story(canned, ["selling"])
    command = subprocess.Popen(
        [*QUARTERDECK, "run", "3f9a", "--yes", "--mode", "auto"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    assert "PlanAdvanced" in command.stdout.readline()
    command.send_signal(signal.SIGINT)
    _, err = command.communicate(timeout=30)
    assert command.returncode == 130
    assert "Traceback" not in err
    assert "interrupted" in err
    posted = [path for method, path, _ in canned.asked if method == "POST"]
    assert posted[-1] == "/v1/plans/3f9a/run"


@pytest.mark.parametrize(("typed", "code"), [("K7QX", 0), ("XXXX", 2), ("", 130)])
def test_at_a_terminal_the_token_is_typed(
    canned: CannedDesk, home: Home, typed: str, code: int
) -> None:
    Story(canned, ["done"])
    ours, its = pty.openpty()
    try:
        command = subprocess.Popen(
            [*QUARTERDECK, "run", "3f9a", "--mode", "auto"],
            stdin=its,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.write(ours, f"{typed}\n".encode() if typed else b"\x04")
        _, err = command.communicate(timeout=30)
    finally:
        os.close(ours)
        os.close(its)
    assert command.returncode == code, err
    assert bool(canned.bodies("POST /v1/plans/3f9a/run")) is (code == 0)


@pytest.mark.parametrize("command", [("desk", "run"), ("desk", "start"), ()], ids=" ".join)
def test_for_real_money_the_account_is_typed_at_a_terminal(home: Home, command) -> None:
    ours, its = pty.openpty()
    try:
        started = subprocess.Popen(
            [*QUARTERDECK, "--env", "live", "--live", *command],
            stdin=its,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.write(ours, b"\x04")
        _, err = started.communicate(timeout=30)
    finally:
        os.close(ours)
        os.close(its)
    assert "REAL MONEY" in err
    assert started.returncode == 130


def test_a_journal_that_is_not_there_is_a_sentence_and_2(process, home: Home) -> None:
    done = process("journal", "verify")
    assert (done.code, done.out) == (2, "")
    assert str(home.journal) in done.err
    assert "Traceback" not in done.err


def test_the_exchange_reads_its_own_options(process) -> None:
    done = process("exchange", "--help")
    assert done.code == 0
    assert "--volatility" in done.out
    assert process("exchange", "--port", "x").code == 2


def test_the_console_needs_a_terminal(process) -> None:
    for arguments in ((), ("--env", "sim")):
        done = process(*arguments)
        assert done.code == 2
        assert "needs a terminal" in done.err


IMPORTED = """
import json, sys
sys.stdin = None
{}
watched = ("click", "aiohttp", "pydantic_settings", "alpaca", "pandas", "sqlite3", "textual", "keyring")
loaded = [name for name in watched if name in sys.modules]
loaded += [name for name in sys.modules if name.startswith("console.cli.")]
sys.stderr.write(json.dumps(sorted(loaded)))
"""


def imported(statement: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED.format(statement)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr))


def test_the_road_to_the_console_imports_next_to_nothing() -> None:
    road = imported("import console.cli, console.cli.start")
    assert road == {"console.cli.exits", "console.cli.place", "console.cli.start"}


def test_a_command_imports_only_its_own_module() -> None:
    road = imported("from console.cli.run import run; run(['--version'])")
    assert road == {
        "click",
        *(f"console.cli.{name}" for name in ("context", "exits", "place", "root", "run")),
    }


def test_a_plan_that_is_blocked_prints_no_data(canned: CannedDesk, process) -> None:
    canned.answers["GET /v1/plans/3f9a"] = (200, plan("BLOCKED"))
    done = process("run", "3f9a", "--yes")
    assert (done.code, done.out) == (20, "")
