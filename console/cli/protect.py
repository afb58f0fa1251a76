"""`quarterdeck protect cancel|restore`: do without the protection of a position, and have it again."""

import getpass

import click

from console.cli.context import Desk, about_desk, talk
from console.cli.exits import Exit
from console.cli.text import clean


@click.group("protect")
def protect_command() -> None:
    """Stop and target of what was bought are kept at the broker, whatever is halted. Only this takes
    them away."""


@protect_command.command("cancel")
@click.argument("symbol")
@click.option("--reason", required=True, help="Why; it is written down.")
@about_desk
async def cancel(desk: Desk, symbol: str, reason: str) -> int:
    """Cancel the protective orders of SYMBOL. An alert stands until `protect restore`."""
    async with desk.running() as client:
        who = f"{reason} ({getpass.getuser()}, command line)" if reason.strip() else ""
        await client.protection("cancel", symbol.upper(), who)
    talk(f"{clean(symbol.upper())} is without protection at the broker from now on.")
    return Exit.FINE


@protect_command.command("restore")
@click.argument("symbol")
@about_desk
async def restore(desk: Desk, symbol: str) -> int:
    """Protect SYMBOL again, at the prices it had."""
    async with desk.running() as client:
        await client.protection("restore", symbol.upper(), "")
    talk(f"{clean(symbol.upper())} is being protected again.")
    return Exit.FINE
