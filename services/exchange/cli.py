"""`quarterdeck exchange`: options in, settings out; what is wrong is one sentence and exit 2."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from services.exchange.book import BookError
from services.exchange.market.tape import TapeError
from services.exchange.request_log import RequestLogError
from services.exchange.server import PortError, serve
from services.exchange.sessions import NEW_YORK
from services.exchange.settings import HOST, Settings
from services.exchange.store import StateError
from services.exchange.streams.limits import DataLimits

REFUSED = 2
FILE = click.Path(path_type=Path, dir_okay=False)


class _Clock(click.ParamType[str | datetime]):
    name = "open|real|TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | datetime:
        text = str(value)
        if text in ("open", "real"):
            return text
        try:
            start = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{text!r} is neither open nor real nor an ISO time", param, ctx)
        return (start if start.tzinfo else start.replace(tzinfo=NEW_YORK)).astimezone(UTC)


class _Exact(click.ParamType[Decimal]):
    name = "number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value!r} is not a number", param, ctx)
        if not number.is_finite() or not 0 <= number <= 1000:
            self.fail(f"{value} is not between 0 and 1000", param, ctx)
        return number


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--book", type=FILE, help="Accounts, positions and prices to start from.")
@click.option(
    "--tape",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of a recorded day (named YYYYMMDD) to replay.",
)
@click.option("--state", type=FILE, help="SQLite file to keep, and to go on from.")
@click.option(
    "--requests", type=FILE, help="Append every request and its answer, a JSON line each."
)
@click.option("--host", default=HOST, help="Loopback only.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: any that is free.")
@click.option("--seed", type=int, default=7, show_default=True, help="Of the random walk.")
@click.option(
    "--volatility",
    type=_Exact(),
    default="1",
    show_default=True,
    help="Basis points a second; 0: prices stand still.",
)
@click.option(
    "--tick",
    type=click.IntRange(1, 3_600_000),
    default=1000,
    show_default=True,
    help="Milliseconds between two quotes of a symbol.",
)
@click.option(
    "--clock",
    type=_Clock(),
    default="open",
    show_default=True,
    help="Always open, New York's true hours, or a start time (New York if it has no offset)."
    " A tape starts at its own open.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, 100_000, min_open=True),
    default=1.0,
    show_default=True,
    help="Exchange seconds a second.",
)
@click.option(
    "--fill-delay",
    type=click.IntRange(0, 600_000),
    default=150,
    show_default=True,
    help="Milliseconds between acceptance and matching.",
)
@click.option("--partials", is_flag=True, help="Cut one fill in ten to a part.")
@click.option(
    "--rate-limit",
    type=click.IntRange(0, 1_000_000),
    default=200,
    show_default=True,
    help="Trading requests a minute and account; 0: none.",
)
@click.option(
    "--data-connections",
    type=click.IntRange(0),
    default=0,
    help="Market data connections an account; 0: any number.",
)
@click.option(
    "--data-symbols",
    type=click.IntRange(0),
    default=0,
    help="Symbols of trades and quotes a connection; 0: any number.",
)
def exchange(
    book: Path | None,
    tape: Path | None,
    state: Path | None,
    requests: Path | None,
    host: str,
    port: int,
    seed: int,
    volatility: Decimal,
    tick: int,
    clock: str | datetime,
    speed: float,
    fill_delay: int,
    partials: bool,
    rate_limit: int,
    data_connections: int,
    data_symbols: int,
) -> None:
    """Serve a simulated, Alpaca-compatible exchange on loopback.

    The first line on stdout is JSON with the URLs, the key and the secret to connect with.
    """
    if host != HOST:
        raise click.UsageError(f"The exchange serves on {HOST} only, not on {host}.")
    if tape is not None and clock == "real":
        raise click.UsageError("A tape is played by its own clock: leave --clock real away.")
    if clock == "real" and speed != 1.0:
        raise click.UsageError("The real clock runs at true speed: leave --speed away.")
    settings = Settings(
        book=book,
        tape=tape,
        state=state,
        requests=requests,
        port=port,
        seed=seed,
        volatility=volatility,
        tick=tick / 1000,
        clock=clock,
        speed=speed,
        fill_delay=fill_delay / 1000,
        partials=partials,
        rate_limit=rate_limit,
        data_limits=DataLimits(connections=data_connections, symbols=data_symbols),
    )
    asyncio.run(serve(settings))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and return the exit code: 0 after a clean stop, 2 for what was refused."""
    try:
        exchange.main(arguments, prog_name="quarterdeck exchange", standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"quarterdeck exchange: {error.format_message()}", err=True)
        return REFUSED
    except click.exceptions.Exit as done:
        return done.exit_code
    except (BookError, TapeError, StateError, PortError, RequestLogError) as error:
        click.echo(f"quarterdeck exchange: {error}", err=True)
        return REFUSED
    return 0
