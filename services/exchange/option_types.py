"""What the values of the exchange's options are: times, numbers, rules, accounts, scenarios."""

from dataclasses import fields
from datetime import UTC, datetime, time
from decimal import Decimal, InvalidOperation

import click

from services.exchange.book import BookAccount
from services.exchange.engine.rules import RULE_NAMES, Rules
from services.exchange.scenarios.reading import Scenario, read_scenario
from services.exchange.sessions import NEW_YORK

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
