"""The options of `quarterdeck exchange` by theme, and the types their values have."""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click

from services.exchange.book import BookAccount
from services.exchange.engine.rules import RULE_NAMES, Rules
from services.exchange.scenarios.reading import (
    Scenario,
    ScenarioError,
    read_scenario,
    shipped,
)
from services.exchange.sessions import NEW_YORK
from services.exchange.settings import FILL_MODELS, HOST
from services.exchange.streams.feeds import FEEDS

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path, dir_okay=False)
RULES = {rule.name: rule for rule in fields(Rules)}


class ClockType(click.ParamType[str | datetime]):
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


class ExactType(click.ParamType[Decimal]):
    name = "number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        number = _decimal(str(value))
        if number is None or not 0 <= number <= 1000:
            self.fail(f"{value} is not a number between 0 and 1000", param, ctx)
        return number


class RuleType(click.ParamType[tuple[str, object]]):
    """NAME=VALUE of a row of engine/rules.py, in the type of that row."""

    name = "NAME=VALUE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, object]:
        name, _, text = str(value).partition("=")
        if name not in RULES:
            self.fail(f"unknown rule {name}; there are: {', '.join(RULE_NAMES)}", param, ctx)
        rule = RULES[name]
        parsed = _parsed(type(rule.default), text)
        allowed = rule.metadata.get("one_of")
        if parsed is None or (allowed and parsed not in allowed):
            wanted = " or ".join(map(str, allowed)) if allowed else WANTED[type(rule.default)]
            self.fail(f"{name} is {wanted}, not {text!r}", param, ctx)
        return name, parsed


class AccountType(click.ParamType[tuple[str, BookAccount]]):
    name = "NAME:CASH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, BookAccount]:
        name, _, text = str(value).partition(":")
        cash = _decimal(text)
        if not name.isidentifier() or cash is None or cash < 0:
            self.fail(f"{value!r} is not a name and its cash, like second:50000", param, ctx)
        return name, BookAccount(cash=cash)


class ScenarioType(click.ParamType[Scenario]):
    name = "NAME|FILE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Scenario:
        return value if isinstance(value, Scenario) else read_scenario(str(value))


WANTED: dict[type, str] = {
    bool: "true or false",
    int: "a whole number, 0 or more",
    Decimal: "a number, 0 or more",
    time: "a time like 15:50",
    str: "a word",
}


def _parsed(kind: type, text: str) -> object:
    """A rule's value in its type; None for what is none."""
    try:
        if kind is bool:
            return {"true": True, "false": False}.get(text.lower())
        if kind is int:
            return int(text) if text.isdecimal() else None
        if kind is time:
            return time.fromisoformat(text)
    except ValueError:
        return None
    if kind is Decimal:
        number = _decimal(text)
        return number if number is not None and number >= 0 else None
    return text or None


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


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
