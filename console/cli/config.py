"""`quarterdeck config show|check|diff`."""

import click

from console.cli.context import Desk, about_desk, as_json, become, data
from console.cli.exits import Exit
from console.cli.text import clean, table


@click.group("config")
def config_command() -> None:
    """The settings: command line over environment over config.toml."""


@config_command.command("show")
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON (docs/command-line.md).")
@about_desk
async def show_command(desk: Desk, json_wanted: bool) -> int:
    """Every setting: its value (secrets hidden), where it comes from and what it means."""
    from services.desk.config import SettingsError, explain

    try:
        rows = explain(desk.home, desk.options.overrides)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    if json_wanted:
        data(as_json([row._asdict() for row in rows]))
        return Exit.FINE
    for line in table(("key", "value", "from", "meaning"), ([clean(c) for c in r] for r in rows)):
        data(line)
    return Exit.FINE


@config_command.command("check")
@about_desk
async def check_command(desk: Desk) -> int:
    """Name everything that is wrong with the settings. Exit 0 when nothing is, else 2."""
    become("services.desk.check", desk.options.arguments(desk.home.environment))


@config_command.command("diff")
@click.argument("one")
@click.argument("other")
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON (docs/command-line.md).")
@about_desk
async def diff_command(desk: Desk, one: str, other: str, json_wanted: bool) -> int:
    """The thresholds in which two policies differ. Exit 10 when they do."""
    more = ["--json"] if json_wanted else []
    become("services.desk.policy_diff", [desk.home.environment.value, one, other, *more])
