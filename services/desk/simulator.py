"""The built-in exchange: its own process, started when none answers, and left running when the
desk dies, so that a restart finds the same orders."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from db.home import Home
from db.model.base import Noun
from services.desk.settings import SimSettings

START_SECONDS = 15.0
BUILT_IN = ("rebalance", "nov10")


class ExchangeError(Exception):
    """The simulated exchange can't be had: one sentence."""


class ExchangeAddress(Noun):
    """What an exchange says in its first line, and its process."""

    trading_url: str
    trading_stream_url: str
    data_url: str
    data_stream_url: str
    key: str
    secret: str
    pid: int = 0


async def ensure_exchange(home: Home, settings: SimSettings) -> ExchangeAddress:
    """The address of the running exchange of this home; starts it when there is none.

    Raises ExchangeError."""
    known = read_address(home)
    if known is not None and _is_exchange(known.pid) and await _answers(known):
        return known
    return await _start(home, settings)


def read_address(home: Home) -> ExchangeAddress | None:
    try:
        return ExchangeAddress.model_validate_json(home.exchange_address.read_bytes())
    except (OSError, ValidationError):
        return None


def stop_exchange(home: Home) -> None:
    """Ask the exchange of this home to stop. Its state stays."""
    known = read_address(home)
    if known is not None and _is_exchange(known.pid):
        with suppress(ProcessLookupError):
            os.kill(known.pid, signal.SIGTERM)
    home.exchange_address.unlink(missing_ok=True)


def options(home: Home, settings: SimSettings) -> list[str]:
    """The exchange's command line for these settings."""
    made = ["--state", str(home.exchange_state), "--port", str(settings.port)]
    values = {
        "--book": book_file(settings.book),
        "--seed": settings.seed,
        "--volatility": settings.volatility,
        "--tick": settings.tick,
        "--fill-delay": settings.fill_delay,
        "--fill-model": settings.fill_model,
        "--scenario": settings.scenario,
        "--tape": settings.tape,
        "--speed": settings.speed,
        "--clock": settings.clock,
        "--requests": settings.requests,
        "--rate-limit": settings.rate_limit,
    }
    for option, value in values.items():
        if value is not None:
            made += [option, str(value)]
    return made


def book_file(book: str) -> Path:
    """A built-in book by name, else the file of that path."""
    if book in BUILT_IN:
        return Path(__file__).parent.parent / "exchange" / "books" / f"{book}.json"
    return Path(book).expanduser().absolute()


def _address(hello: dict[str, Any], pid: int) -> ExchangeAddress:
    """An exchange may say more of itself than a desk needs."""
    known = {name: hello[name] for name in ExchangeAddress.model_fields if name in hello}
    return ExchangeAddress.model_validate({**known, "pid": pid})


async def _start(home: Home, settings: SimSettings) -> ExchangeAddress:
    log = await asyncio.to_thread(open, home.state / "exchange.log", "ab")
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # nothing is imported from wherever the trader stands
            "-m",
            "services.exchange",
            *options(home, settings),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    finally:
        log.close()
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        address = _address(json.loads(line), process.pid)
    except (TimeoutError, ValueError) as error:
        with suppress(ProcessLookupError):
            process.kill()
        raise ExchangeError(f"The simulated exchange did not start{_last_words(home)}") from error
    draft = home.exchange_address.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(address.model_dump_json())
    draft.replace(home.exchange_address)
    return address


def _last_words(home: Home) -> str:
    try:
        lines = (home.state / "exchange.log").read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return f": {lines[-1]}" if lines else "; see exchange.log."


def _is_exchange(pid: int) -> bool:
    """Whether this process is one: the numbers of ended processes are given again to others."""
    if pid <= 0:
        return False
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it ended, or there is no /proc here
        asked = ["ps", "-p", str(pid), "-o", "command="]
        try:
            command = subprocess.run(asked, capture_output=True, check=False).stdout
        except OSError:
            return False
    return b"services.exchange" in command


async def _answers(address: ExchangeAddress) -> bool:
    """Whether something listens there. A recycled process number alone proves nothing."""
    host, _, port = address.trading_url.removeprefix("http://").partition(":")
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 2.0)
    except (OSError, TimeoutError, ValueError):
        return False
    writer.close()
    return True
