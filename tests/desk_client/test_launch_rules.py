"""Starting a desk: detached, heard out, and every failure one sentence."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from db.home import Home
from db.model.base import Environment
from services.desk.launch import LARGEST_LOG, LaunchError, answers, ensure_desk, open_log, stop_desk
from services.desk.options import DeskOptions, read_arguments
from services.desk.readiness import Readiness, announce, understood

DESK = """
    import asyncio, json, os, sys
    from datetime import UTC, datetime
    from aiohttp import web
    from db.home import locate
    from services.desk.lock import DeskLock, LockError
    from services.desk.options import read_arguments
    from services.desk.readiness import Readiness, announce

    async def main():
        environment, options = read_arguments(sys.argv[1:])
        home = locate(environment)
        try:
            lock = DeskLock.acquire(home, datetime.now(UTC))
        except LockError as error:
            announce(Readiness(error=str(error)))
            return 2
        lock.remove_stale_socket()
        over = asyncio.Event()
        async def status(request):
            return web.json_response({"pid": os.getpid(), "sid": os.getsid(0), "argv": sys.argv[1:]})
        async def stop(request):
            over.set()
            return web.json_response({"stopping": True})
        app = web.Application()
        app.router.add_get("/v1/status", status)
        app.router.add_post("/v1/stop", stop)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.UnixSite(runner, str(home.socket)).start()
        print("up", file=sys.stderr)
        announce(Readiness(pid=os.getpid()))
        await over.wait()
        await runner.cleanup()
        home.socket.unlink(missing_ok=True)
        lock.release()
        return 0

    sys.exit(asyncio.run(main()))
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "h", Environment.SIM)


def program(tmp_path: Path, text: str) -> tuple[str, ...]:
    script = tmp_path / "desk.py"
    script.write_text(textwrap.dedent(text))
    return (str(script),)


async def status(home: Home) -> dict:
    from services.desk.client import DeskClient

    async with DeskClient(home.socket) as client:
        return await client.status()


async def test_a_desk_is_started_once_detached_and_stopped(home: Home, tmp_path: Path) -> None:
    desk = program(tmp_path, DESK)
    assert await ensure_desk(home, DeskOptions(overrides=("sim.seed=7",)), desk) is True
    try:
        first = await status(home)
        assert first["argv"] == ["--env", "sim", "--set=sim.seed=7"]
        assert first["sid"] == first["pid"] != os.getsid(0), "its own session"
        assert await ensure_desk(home, program=desk) is False
        assert (await status(home))["pid"] == first["pid"]
        assert "up" in home.log.read_text()
        assert home.log.stat().st_mode & 0o077 == 0
    finally:
        await stop_desk(home)
    assert not await answers(home)
    await stop_desk(home)


async def test_of_two_starts_at_once_one_desk_comes(home: Home, tmp_path: Path) -> None:
    desk = program(tmp_path, DESK)
    try:
        started = await asyncio.gather(*(ensure_desk(home, program=desk) for _ in range(3)))
        assert sorted(started) == [False, False, True]
    finally:
        await stop_desk(home)


async def test_the_desks_own_sentence_is_what_is_said(home: Home, tmp_path: Path) -> None:
    desk = program(
        tmp_path,
        """
        from services.desk.readiness import Readiness, announce
        announce(Readiness(error="The keys are wrong."))
        """,
    )
    with pytest.raises(LaunchError, match=r"^The keys are wrong\.$"):
        await ensure_desk(home, program=desk)


async def test_a_desk_that_dies_unheard_is_told_by_its_last_line(
    home: Home, tmp_path: Path
) -> None:
    desk = program(tmp_path, "import sys; sys.exit('no memory left')")
    with pytest.raises(LaunchError, match="no memory left"):
        await ensure_desk(home, program=desk)


async def test_a_slow_desk_is_not_killed_and_not_waited_for_for_ever(
    home: Home, tmp_path: Path
) -> None:
    desk = program(
        tmp_path,
        "import os, pathlib, sys\n"
        "pathlib.Path(os.environ['QUARTERDECK_HOME'], 'pid').write_text(str(os.getpid()))\n"
        "import signal; signal.pause()",
    )
    with pytest.raises(LaunchError, match="not ready after"):
        await ensure_desk(home, program=desk, seconds=1.0)
    pid = int((home.root / "pid").read_text())
    os.kill(pid, 0)
    os.kill(pid, signal.SIGKILL)


async def test_a_socket_path_too_long_is_a_sentence(tmp_path: Path) -> None:
    home = Home(tmp_path / ("x" * 120), Environment.SIM)
    with pytest.raises(LaunchError, match="QUARTERDECK_HOME"):
        await ensure_desk(home)


async def test_a_home_that_cant_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LaunchError, match="can't be written"):
        await ensure_desk(Home(tmp_path / "file", Environment.SIM))


async def test_a_socket_nobody_listens_at_is_no_desk(home: Home) -> None:
    home.create()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(home.socket))
    assert not await answers(home)
    await stop_desk(home)


HELD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from db.home import Home
from db.model.base import Environment
from services.desk.lock import DeskLock
lock = DeskLock.acquire(Home(Path(sys.argv[1]), Environment.SIM), datetime.now(UTC))
print("held", flush=True)
sys.stdin.read()
"""


async def test_a_hung_desk_is_named_and_not_stopped_by_force(home: Home) -> None:
    home.create()
    holder = subprocess.Popen(
        [sys.executable, "-c", HELD, str(home.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(LaunchError, match=f"process {holder.pid}"):
        await stop_desk(home)
    assert holder.poll() is None
    holder.communicate("")


LIVE = {
    (False, ""): "--live",
    (False, "123"): "--live",
    (True, ""): "--account",
    (True, "123"): None,
}


@pytest.mark.parametrize(("said", "needs"), LIVE.items())
async def test_real_money_needs_its_flag_and_its_account(
    said: tuple[bool, str], needs: str | None, tmp_path: Path
) -> None:
    options = DeskOptions(*said)
    for harmless in (Environment.SIM, Environment.PAPER):
        assert options.refusal(harmless) is None
    refusal = options.refusal(Environment.LIVE)
    if needs is None:
        assert refusal is None
        return
    assert refusal is not None
    assert needs in refusal
    with pytest.raises(LaunchError, match=needs):
        await ensure_desk(Home(tmp_path, Environment.LIVE), options)


@pytest.mark.parametrize("environment", list(Environment))
@pytest.mark.parametrize(
    "options",
    [DeskOptions(), DeskOptions(True, "PA3-1"), DeskOptions(overrides=("a.b=-c", "d=--e"))],
)
def test_what_is_written_is_what_is_read(environment: Environment, options: DeskOptions) -> None:
    assert read_arguments(options.arguments(environment)) == (environment, options)


def test_readiness_travels_and_is_said_once() -> None:
    for said in (Readiness(pid=7), Readiness(error="No.\nReally.")):
        ours, its = os.pipe()
        environ = {"QUARTERDECK_READY_FD": str(its)}
        assert announce(said, environ)
        assert not announce(said, environ)
        with os.fdopen(ours, "rb") as pipe:
            assert understood(pipe.read()) == said


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"{}", b'{"ready": false}', b'{"ready": 1}'])
def test_a_broken_line_is_no_readiness(line: bytes) -> None:
    assert understood(line) is None


def test_a_very_long_log_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "desk.log"
    with log.open("wb") as file:
        file.truncate(LARGEST_LOG + 1)
    with open_log(log) as opened:
        opened.write(b"new\n")
    assert log.read_bytes() == b"new\n"
    assert (tmp_path / "desk.log.1").stat().st_size == LARGEST_LOG + 1
