"""What every command shares: its home, a desk to talk to, and how it talks.

Data goes to stdout, talk to stderr."""

import asyncio
import functools
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Concatenate, NoReturn, ParamSpec

import click

from console.cli.place import NAMES, place
from db.home import Home
from db.model.base import Environment
from services.desk.client import DeskClient
from services.desk.launch import answers, ensure_desk
from services.desk.options import DeskOptions

P = ParamSpec("P")
Command = Callable[P, int]
Asked = Callable[Concatenate["Desk", P], Coroutine[Any, Any, int]]

LARGEST_FILE = 5 * 1024 * 1024
"""Bytes, as intake takes them. The longest directives have some thousand lines."""
SAID = "quarterdeck.said."
"""Where the options said at any level of the command line are kept in click's context."""


@dataclass(frozen=True)
class Desk:
    """The desk a command is about, running or not."""

    home: Home
    options: DeskOptions

    @asynccontextmanager
    async def running(self) -> AsyncIterator[DeskClient]:
        """A client of the desk as it is. Calls raise DeskUnreachable when none runs."""
        async with DeskClient(self.home.socket) as client:
            yield client

    async def start(self) -> bool:
        """Start the desk unless one answers; True when this did. Raises LaunchError."""
        if await answers(self.home):
            return False
        return await ensure_desk(self.home, with_account(self.home, self.options))

    @asynccontextmanager
    async def started(self) -> AsyncIterator[DeskClient]:
        """A client of the desk, which is started when none runs. Raises LaunchError."""
        if await self.start():
            talk(f"Started the desk ({self.home.environment.value}); its log is {self.home.log}.")
        async with self.running() as client:
            yield client


def desk_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which desk is meant; they may stand before or after any command."""
    for option in (
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="KEY=VALUE",
            help="A setting, for a start.",
            expose_value=False,
            callback=_remember,
        ),
        click.option(
            "--account",
            metavar="NUMBER",
            help="The live account's number, for a start.",
            expose_value=False,
            callback=_remember,
        ),
        click.option(
            "--live",
            is_flag=True,
            help="Real money is meant, for a start.",
            expose_value=False,
            callback=_remember,
        ),
        click.option(
            "--env",
            type=click.Choice(NAMES),
            expose_value=False,
            callback=_remember,
            help="Where orders go; else QUARTERDECK_ENVIRONMENT, else config.toml, else sim.",
        ),
    ):
        command = option(command)
    return command


def about_desk(ask: Asked[P]) -> Command[P]:
    """A command about a desk: gets it as its first argument; what it returns is the exit code."""

    @functools.wraps(ask)
    def command(*arguments: P.args, **options: P.kwargs) -> int:
        return asyncio.run(ask(desk_of(click.get_current_context()), *arguments, **options))

    return desk_options(command)


def desk_of(ctx: click.Context) -> Desk:
    """The desk that the command line means. Raises PlaceError."""
    said = ctx.meta
    options = DeskOptions(
        live=bool(said.get(SAID + "live")),
        account=str(said.get(SAID + "account") or ""),
        overrides=tuple(said.get(SAID + "overrides", ())),
    )
    return Desk(place(said.get(SAID + "env")), options)


class CutOffError(Exception):
    """Whoever read the data went away."""


def with_account(home: Home, options: DeskOptions) -> DeskOptions:
    """For real money: the account's number, typed where somebody can type (spec 1)."""
    meant = home.environment is Environment.LIVE and options.live and not options.account
    if not (meant and sys.stdin.isatty()):
        return options
    typed = click.prompt("REAL MONEY. Type the account's number", err=True)
    return replace(options, account=str(typed).strip())


def data(text: str) -> None:
    """A line of what was asked for. Raises CutOffError."""
    try:
        click.echo(text)
    except BrokenPipeError as error:
        raise CutOffError from error


def talk(text: str) -> None:
    """A line about it."""
    click.echo(text, err=True)


def as_json(value: object, indent: int | None = 2) -> str:
    """JSON with decimals as strings; one line when `indent` is None."""
    return json.dumps(value, indent=indent, ensure_ascii=False, default=_written)


def become(module: str, arguments: Sequence[str]) -> NoReturn:
    """Go on as `python -m module`: parts that the console's floor may not import."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments])


def read_proposal(path: Path) -> bytes:
    """A file to hand to the desk. Raises click.ClickException with a sentence."""
    try:
        if path.exists() and not path.is_file():
            what = "a directory" if path.is_dir() else "a device or pipe"
            raise click.ClickException(f"{path} is {what}, expected a file.")
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise click.ClickException(
                f"{path} has {size / 1024**2:.0f} MB; a proposal has at most "
                f"{LARGEST_FILE // 1024**2} MB."
            )
        return path.read_bytes()
    except OSError as error:
        raise click.ClickException(f"{path} can't be read ({error.strerror}).") from error


def _written(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} is no JSON")


def _remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """The inner option wins over the outer, and one that is not said changes nothing."""
    if value:
        ctx.meta[SAID + str(param.name)] = value
