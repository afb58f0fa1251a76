"""`quarterdeck config show|check`."""

import stat

import click

from console.cli.context import Desk, about_desk, as_json, data, talk
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
    from services.desk.config import SettingsError, load
    from services.desk.policies import checked_policy

    try:
        checked_policy(load(desk.home, desk.options.overrides).policy, desk.home)
    except SettingsError as error:
        for sentence in error.sentences:
            talk(f"quarterdeck: {sentence}")
        return Exit.REFUSED
    config = desk.home.config
    if config.exists() and config.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        talk(f"{config} can be read by others; `chmod 600` it before keys are put there.")
    talk("The settings are in order.")
    return Exit.FINE
