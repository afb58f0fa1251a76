"""The options of `quarterdeck exchange` by theme."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from services.exchange.option_types import (
    RULES,
    AccountType,
    ClockType,
    ExactType,
    RuleType,
    ScenarioType,
)
from services.exchange.scenarios.reading import Scenario, ScenarioError, read_scenario, shipped
from services.exchange.settings import FILL_MODELS, HOST
from services.exchange.streams.feeds import FEEDS

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path, dir_okay=False)


# -- lists that are printed instead of serving ------------------------------------------------


def _list_scenarios(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked:
        for name in shipped():
            click.echo(f"{name:20} {read_scenario(name).about}")
        ctx.exit()


def _list_rules(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked:
        for rule in RULES.values():
            default = str(rule.default).lower() if isinstance(rule.default, bool) else rule.default
            click.echo(f"{rule.name + '=' + str(default):34} {rule.metadata['says']}")
        ctx.exit()


def _take_scenarios(
    ctx: click.Context, param: click.Parameter, chosen: tuple[Scenario, ...]
) -> tuple[Scenario, ...]:
    """What a scenario wants to start with is the default of an option not given."""
    allowed = {option.name for option in ctx.command.params} - {"scenarios", "rules", "accounts"}
    wanted: dict[str, Any] = {}
    for scenario in chosen:
        for name, value in scenario.start.items():
            if name.replace("-", "_") not in allowed:
                options = ", ".join(sorted(str(option) for option in allowed))
                raise ScenarioError(
                    f"Scenario {scenario.name}: unknown key {name} in start; there are: {options}."
                )
            wanted[name.replace("-", "_")] = value
    ctx.default_map = {**(ctx.default_map or {}), **wanted}
    return chosen


# -- the options ------------------------------------------------------------------------------

STARTING_POINT = (
    click.option("--book", type=FILE, help="Accounts, positions and prices to start from."),
    click.option(
        "--account",
        "accounts",
        type=AccountType(),
        multiple=True,
        help="An account beside the book's, or its cash instead of the book's; repeatable.",
    ),
    click.option("--state", type=FILE, help="SQLite file to keep, and to go on from."),
    click.option(
        "--requests", type=FILE, help="Append every request and its answer, a JSON line each."
    ),
)
PLACE = (
    click.option("--host", default=HOST, help="Loopback only."),
    click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: any that is free."),
)
PRICES = (
    click.option(
        "--tape",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="Folder of a recorded day (named YYYYMMDD) to replay.",
    ),
    click.option("--seed", type=int, default=7, show_default=True, help="Of all that is drawn."),
    click.option(
        "--volatility",
        type=ExactType(),
        default="1",
        show_default=True,
        help="Basis points a second; 0: prices stand still.",
    ),
    click.option(
        "--tick",
        type=click.IntRange(1, 3_600_000),
        default=1000,
        show_default=True,
        help="Milliseconds between two quotes of a symbol.",
    ),
)
TIME = (
    click.option(
        "--clock",
        type=ClockType(),
        default="open",
        show_default=True,
        help="Always open, New York's true hours, or a start time (New York if it has no offset)."
        " A tape starts at its own open.",
    ),
    click.option(
        "--speed",
        type=click.FloatRange(0, 100_000, min_open=True),
        default=1.0,
        show_default=True,
        help="Exchange seconds a second.",
    ),
)
TRADING = (
    click.option(
        "--fill-model",
        type=click.Choice(FILL_MODELS),
        default=FILL_MODELS[0],
        show_default=True,
        help="How orders fill and what trading costs: Alpaca's paper account, or real life.",
    ),
    click.option(
        "--fill-delay",
        type=click.IntRange(0, 600_000),
        default=150,
        show_default=True,
        help="Milliseconds between acceptance and matching.",
    ),
    click.option("--partials", is_flag=True, help="Cut one fill in ten to a part."),
    click.option(
        "--rule",
        "rules",
        type=RuleType(),
        multiple=True,
        help="What Alpaca leaves unsaid, as you want it; repeatable.",
    ),
    click.option(
        "--list-rules",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_list_rules,
        help="Print each rule, its default and what it says.",
    ),
)
LIMITS = (
    click.option(
        "--rate-limit",
        type=click.IntRange(0, 1_000_000),
        default=200,
        show_default=True,
        help="Trading requests a minute and account; 0: none.",
    ),
    click.option(
        "--data-connections",
        type=click.IntRange(0),
        default=0,
        help="Market data connections an account; 0: any number.",
    ),
    click.option(
        "--data-symbols",
        type=click.IntRange(0),
        default=0,
        help="Symbols of trades and quotes a connection; 0: any number.",
    ),
    click.option(
        "--trade-connections",
        type=click.IntRange(0),
        default=0,
        help="Connections to /stream an account, 1 at Alpaca; 0: any number.",
    ),
    click.option(
        "--trade-text",
        is_flag=True,
        help="Send /stream's JSON in text frames; Alpaca's paper endpoint uses binary ones.",
    ),
    click.option(
        "--without-feed",
        type=click.Choice([feed.name for feed in FEEDS]),
        multiple=True,
        help="A feed the account has no subscription to; repeatable.",
    ),
)
BAD_DAYS = (
    click.option(
        "--scenario",
        "scenarios",
        type=ScenarioType(),
        multiple=True,
        is_eager=True,
        callback=_take_scenarios,
        help="What is to go wrong, and when; repeatable.",
    ),
    click.option(
        "--list-scenarios",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_list_scenarios,
        help="Print the scenarios that are shipped.",
    ),
    click.option(
        "--control", is_flag=True, help="Let faults be injected live, under /control/ by a token."
    ),
)
ALL = (*STARTING_POINT, *PLACE, *PRICES, *TIME, *TRADING, *LIMITS, *BAD_DAYS)


def with_options(command: Command) -> Command:
    for option in reversed(ALL):
        command = option(command)
    return command
