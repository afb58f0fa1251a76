"""`quarterdeck exchange`: options in, settings out; what is wrong is one sentence and exit 2."""

import asyncio
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click

from services.exchange.book import BookError
from services.exchange.engine.rules import DEFAULT_RULES
from services.exchange.market.tape import TapeError
from services.exchange.options import FILE, with_options
from services.exchange.request_log import RequestLogError
from services.exchange.reset import reset_state
from services.exchange.scenarios.reading import ScenarioError
from services.exchange.server import PortError, serve
from services.exchange.settings import HOST, Settings
from services.exchange.store import StateError
from services.exchange.streams.limits import DataLimits, TradeLimits

REFUSED = 2
OF_SETTINGS = frozenset(setting.name for setting in fields(Settings))


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@with_options
@click.pass_context
def exchange(ctx: click.Context, /, host: str, **chosen: Any) -> None:
    """Serve a simulated, Alpaca-compatible exchange on loopback.

    The first line on stdout is JSON with the URLs, the key and the secret to connect with.
    """
    if ctx.invoked_subcommand is not None:
        return
    if host != HOST:
        raise click.UsageError(f"The exchange serves on {HOST} only, not on {host}.")
    if chosen["tape"] is not None and chosen["clock"] == "real":
        raise click.UsageError("A tape is played by its own clock: leave --clock real away.")
    if chosen["clock"] == "real" and chosen["speed"] != 1.0:
        raise click.UsageError("The real clock runs at true speed: leave --speed away.")
    asyncio.run(serve(_settings(chosen)))


@exchange.command()
@click.option("--state", type=FILE, required=True, help="The SQLite file of an exchange.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(state: Path, yes: bool) -> None:
    """Empty a state: the next exchange on it begins anew, with new ids."""
    if not yes:
        click.confirm(f"Forget all orders and positions in {state}?", abort=True, err=True)
    reset_state(state)


def _settings(chosen: dict[str, Any]) -> Settings:
    """Options are settings by name, in milliseconds where those are in seconds."""
    values = {name: value for name, value in chosen.items() if name in OF_SETTINGS}
    return Settings(
        **{
            **values,
            "tick": chosen["tick"] / 1000,
            "fill_delay": chosen["fill_delay"] / 1000,
            "accounts": dict(chosen["accounts"]),
            "rules": replace(DEFAULT_RULES, **dict(chosen["rules"])),
            "data_limits": DataLimits(
                connections=chosen["data_connections"],
                symbols=chosen["data_symbols"],
                not_subscribed=frozenset(chosen["without_feed"]),
            ),
            "trade_limits": TradeLimits(
                connections=chosen["trade_connections"], text=chosen["trade_text"]
            ),
        }
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and return the exit code: 0 after a clean stop, 2 for what was refused."""
    try:
        exchange.main(arguments, prog_name="quarterdeck exchange", standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"quarterdeck exchange: {error.format_message()}", err=True)
        return REFUSED
    except click.Abort:
        click.echo("quarterdeck exchange: Nothing was done.", err=True)
        return REFUSED
    except click.exceptions.Exit as done:
        return done.exit_code
    except (BookError, TapeError, StateError, PortError, RequestLogError, ScenarioError) as error:
        click.echo(f"quarterdeck exchange: {error}", err=True)
        return REFUSED
    return 0
