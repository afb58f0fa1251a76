"""The process: one host, one port, REST and the websockets; start, run, clean stop."""

import asyncio
import errno
import json
import signal
from functools import partial
from secrets import token_urlsafe
from typing import Any

import click
from aiohttp import WSCloseCode, web

from services.exchange.exchange import Exchange
from services.exchange.opening import SAVE_EVERY, Opened, open_exchange
from services.exchange.request_log import RequestLog
from services.exchange.rest.gate import add_routes
from services.exchange.scenarios.control import CONTROL, add_control
from services.exchange.settings import HOST, Settings
from services.exchange.store import Store
from services.exchange.streams import data_stream, trade_stream
from services.exchange.streams.feeds import FEEDS

MOST_BODY = 1 << 20


class PortError(Exception):
    """The port cannot be had; the message is one sentence."""


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises the one-sentence errors of its parts."""
    stopped: asyncio.Future[Any] = asyncio.ensure_future(_stop_signal().wait())
    store = Store(settings.state)
    requests = RequestLog(settings.requests)
    opened = open_exchange(settings, store, requests)
    control = token_urlsafe(24) if settings.control else None
    app = build_app(opened.exchange, settings, control)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    port = await _listen(runner, settings, store)
    store.put_fact("port", str(port))
    await store.commit()
    _end_on_defect(opened.exchange)
    failed = opened.exchange.failure
    work: set[asyncio.Future[Any]] = {
        asyncio.create_task(store.run()),
        asyncio.create_task(_tick(opened, settings.tick)),
        asyncio.create_task(_note(opened)),
    }
    click.echo(json.dumps(_hello(opened.exchange, port, control)))
    try:
        ended, _ = await asyncio.wait(work | {stopped, failed}, return_when="FIRST_COMPLETED")
        for done in ended:
            done.result()
    finally:
        await runner.cleanup()  # first, so that what was accepted is still answered
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
    opened.note_standstill()
    await store.close()
    requests.close()


def build_app(
    exchange: Exchange, settings: Settings, control: str | None = None
) -> web.Application:
    """The whole surface of an exchange; its sockets are closed when the app shuts down.

    `control` is the token of the control endpoint, None when there is none.
    """

    async def hang_up(_: web.Application) -> None:
        closing = (socket.close(code=WSCloseCode.GOING_AWAY) for socket in exchange.sockets)
        await asyncio.gather(*closing)

    app = web.Application(client_max_size=MOST_BODY)
    app.on_shutdown.append(hang_up)
    serve_trades = partial(trade_stream.serve, exchange, settings.trade_limits)
    for path in trade_stream.PATHS:
        app.router.add_get(path, serve_trades)
    for feed in FEEDS:
        serve_feed = partial(data_stream.serve, exchange, feed, settings.data_limits)
        app.router.add_get(feed.path, serve_feed)
    add_control(app, exchange, control)
    add_routes(app, exchange)
    return app


async def _listen(runner: web.AppRunner, settings: Settings, store: Store) -> int:
    """The port asked for, else the one the state last had, else any."""
    kept = int(store.fact("port") or 0)
    for port in [settings.port] if settings.port else [kept, 0]:
        site = web.TCPSite(runner, HOST, port, reuse_address=True)
        try:
            await site.start()
        except OSError as error:
            await site.stop()
            if settings.port:
                taken = error.errno == errno.EADDRINUSE
                reason = "is in use" if taken else f"cannot be used: {error.strerror}"
                raise PortError(f"Port {settings.port} {reason}.") from error
            continue
        return int(runner.addresses[0][1])
    raise PortError(f"No free port on {HOST}.")


def _hello(exchange: Exchange, port: int, control: str | None) -> dict[str, Any]:
    """The first line on stdout: all a client needs to connect as the first account, then all
    accounts; with --control also where faults are injected, and the token for it."""
    accounts = exchange.venue.floor.ledger.accounts.values()
    first = next(iter(accounts))
    http, ws = f"http://{HOST}:{port}", f"ws://{HOST}:{port}"
    hello: dict[str, Any] = {
        "trading_url": http,
        "trading_stream_url": f"{ws}/stream",
        "data_url": http,
        "data_stream_url": f"{ws}/v2/iex",
        "key": first.key,
        "secret": first.secret,
        "accounts": [
            {
                "name": account.name,
                "account_number": account.account_number,
                "key": account.key,
                "secret": account.secret,
            }
            for account in accounts
        ],
    }
    if control is not None:
        hello |= {"control_url": f"{http}{CONTROL}", "control_token": control}
    return hello


async def _tick(opened: Opened, every: float) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        due = max(due + every, loop.time())
        await asyncio.sleep(due - loop.time())
        opened.turn()


async def _note(opened: Opened) -> None:
    """Half as often again as a restart counts on, so that its time is never behind."""
    while True:
        await asyncio.sleep(SAVE_EVERY / 2)
        opened.note_standstill()


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _end_on_defect(exchange: Exchange) -> None:
    """A delayed step that raises ends the process like any other unforeseen error."""
    loop = asyncio.get_running_loop()

    def fail(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception) and "handle" in context:
            exchange.fail(error)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(fail)
