"""`quarterdeck journal` and `quarterdeck portfolio`."""

import click

from console.cli.context import Desk, about_desk, become, data
from console.cli.exits import Exit

SUBCOMMANDS = ("verify", "rebuild", "backup", "tail")


@click.command("journal", context_settings={"ignore_unknown_options": True})
@click.argument("subcommand", type=click.Choice(SUBCOMMANDS))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@about_desk
async def journal_command(desk: Desk, subcommand: str, arguments: tuple[str, ...]) -> int:
    """Verify, rebuild, back up or read the journal of this environment.

    `quarterdeck journal verify --help` lists the options of each."""
    become("db", [subcommand, "--journal", str(desk.home.journal), *arguments])


@click.command("portfolio")
@about_desk
async def portfolio_command(desk: Desk) -> int:
    """Write PORTFOLIO.md now and print its path."""
    async with desk.running() as client:
        data(str((await client.write_portfolio())["path"]))
    return Exit.FINE
