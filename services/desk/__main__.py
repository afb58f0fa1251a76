"""`python -m services.desk`: one desk in the foreground. `quarterdeck desk start` detaches it."""

import asyncio
import logging
import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

from aiohttp import web
from pydantic import SecretStr

from db.clock import Clock, SystemClock
from db.errors import JournalError
from db.home import Home, HomeError, locate
from db.journal import Journal
from db.model.base import Environment
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.endpoints import EndpointError, Endpoints
from services.brokers.port import Broker, BrokerUnavailableError
from services.desk.config import SettingsError, load
from services.desk.credentials import credentials
from services.desk.desk import Desk
from services.desk.lock import DeskLock, LockError
from services.desk.logs import configure
from services.desk.manual import ManualError, manual_broker
from services.desk.options import DeskOptions, read_arguments
from services.desk.readiness import Readiness, announce
from services.desk.server import application
from services.desk.settings import DeskSettings, Quotes
from services.desk.simulator import ExchangeError, ensure_exchange, stop_exchange
from services.risk.policy import PolicyError, load_policy

REFUSED = 2
REVIVE_SECONDS = 5.0
FIRST_START = Path(__file__).parent / "first_start"

log = logging.getLogger(__name__)


class StartError(Exception):
    """The desk can't start: one sentence."""


_REASONS = (
    StartError,
    ManualError,
    HomeError,
    LockError,
    SettingsError,
    PolicyError,
    ExchangeError,
    EndpointError,
    JournalError,
    BrokerUnavailableError,
)


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 after a clean stop, 2 when it could not start."""
    environment, options = read_arguments(sys.argv[1:] if arguments is None else arguments)
    configure()
    try:
        return asyncio.run(_run(environment, options))
    except _REASONS as error:
        sentence = _sentence(error)
    except OSError as error:
        sentence = f"The desk can't start: {error.strerror or error}."
    announce(Readiness(error=sentence))
    sys.stderr.write(f"quarterdeck desk: {sentence}\n")
    return REFUSED


def _sentence(error: Exception) -> str:
    if isinstance(error, BrokerUnavailableError):
        return f"The broker can't be used: {error}"
    return str(error)


async def _run(environment: Environment, options: DeskOptions) -> int:
    home = locate(environment)
    if (why := options.refusal(environment)) is not None:
        raise StartError(why)
    home.check_socket_path()
    home.create()
    clock = SystemClock()
    settings = load(home, options.overrides)
    practice = environment is Environment.MANUAL and settings.manual.quotes is Quotes.SIM
    simulated = environment is Environment.SIM or practice
    load_policy(settings.policy, [home.policies])  # one that can't be used starts no exchange
    with DeskLock.acquire(home, clock.now()) as lock:
        lock.remove_stale_socket()
        journal = await Journal.open(home.journal, clock.now)
        try:
            for last in await journal.tail(1):
                clock.not_before(last.at)
            broker = await _broker(home, settings, journal, clock)
        except BaseException:
            await journal.close()
            raise
        desk = Desk(home, settings, journal, broker, clock, clock.drift)
        runner = web.AppRunner(application(desk), handle_signals=False, access_log=None)
        try:
            await _start(desk, settings)
            _check_account(options, desk)
            await _serve(home, runner)
            _lay_out_first_files(home, settings)
            if simulated:
                desk.workers.keep("exchange", lambda: _revive(home, settings), REVIVE_SECONDS)
            announce(Readiness(pid=os.getpid()))
            log.info("ready: %s, account %s", environment.value, desk.account_number())
            await _until_stopped(desk)
        finally:
            await runner.cleanup()
            await desk.stop()
        home.socket.unlink(missing_ok=True)
    if desk.stop_exchange and simulated:
        stop_exchange(home)
    return 0


async def _broker(home: Home, settings: DeskSettings, journal: Journal, clock: Clock) -> Broker:
    """The adapter to the environment's broker; the simulated exchange is started for `sim`."""
    if home.environment is Environment.MANUAL:
        return await manual_broker(home, settings, journal, clock)
    chosen = settings.broker
    if chosen is None:
        address = await ensure_exchange(home, settings.sim)
        key, secret = SecretStr(address.key), SecretStr(address.secret)
        endpoints = Endpoints.among(dict(address))
    else:
        key, secret, _ = credentials(settings)
        endpoints = Endpoints.among(dict(chosen))
    configure((key, secret))
    return AlpacaBroker(settings.account_name, key, secret, endpoints, clock)


async def _start(desk: Desk, settings: DeskSettings) -> None:
    """Raises StartError that says where the broker was looked for."""
    try:
        await desk.start()
    except BrokerUnavailableError as error:
        where = "The simulated exchange"
        if settings.broker is not None:
            where = f"The broker at {settings.broker.trading_url}"
        raise StartError(f"{where} can't be used: {error}") from error


async def _revive(home: Home, settings: DeskSettings) -> None:
    """The simulated exchange is a process of its own, and may die of its own."""
    try:
        await ensure_exchange(home, settings.sim)
    except ExchangeError as error:
        log.warning("%s", error)


def _check_account(options: DeskOptions, desk: Desk) -> None:
    """Live: the number that was typed is the number that the broker says."""
    if options.account and options.account != desk.account_number():
        raise StartError(
            f"The account at the broker is {desk.account_number()}, not {options.account}: nothing "
            "was started."
        )


async def _serve(home: Home, runner: web.AppRunner) -> None:
    """Listen on the socket, which only the owner may open."""
    await runner.setup()
    before = os.umask(0o177)
    try:
        await web.UnixSite(runner, str(home.socket)).start()
    finally:
        os.umask(before)


def _lay_out_first_files(home: Home, settings: DeskSettings) -> None:
    """The very first start on the built-in book finds its directive and analysis in the inbox."""
    marker = home.state / ".laid-out"
    first = home.environment is Environment.SIM and settings.sim.book == "rebalance"
    if not first or marker.exists():
        return
    marker.touch()
    for file in sorted(FIRST_START.iterdir()):
        if file.suffix in (".md", ".toml"):
            shutil.copyfile(file, home.inbox / file.name)


async def _until_stopped(desk: Desk) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: desk.ask_to_stop(exchange=False))
    with suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGHUP, lambda: log.info("the terminal went away; going on"))
    await desk.stopping.wait()


if __name__ == "__main__":
    sys.exit(main())
