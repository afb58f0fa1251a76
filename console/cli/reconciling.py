"""`quarterdeck reconcile`, and `reconcile settle KEY ACTION`: ours against the broker's, signed item by
item."""

import asyncio
import getpass

import click

from console.cli.context import Desk, about_desk, as_json, data, desk_of, desk_options, talk
from console.cli.exits import Exit
from console.cli.text import clean, table
from db.model.reconciliation import Action
from services.desk.client import Json

JSON = click.option(
    "--json", "json_wanted", is_flag=True, help="Print JSON (docs/command-line.md)."
)


@click.group("reconcile", invoke_without_command=True)
@JSON
@desk_options
@click.pass_context
def reconcile_command(ctx: click.Context, json_wanted: bool) -> int:
    """Compare ours with the broker's now. Exit 0 when clean, 10 when there are mismatches."""
    if ctx.invoked_subcommand is not None:
        return Exit.FINE
    return asyncio.run(_compare(desk_of(ctx), json_wanted))


async def _compare(desk: Desk, json_wanted: bool) -> int:
    async with desk.running() as client:
        return _told(await client.reconcile(), json_wanted)


@reconcile_command.command("settle")
@click.argument("key", metavar="KEY")
@click.argument("action", type=click.Choice([str(action) for action in Action]))
@click.option("--reason", required=True, help="Why; it is written down, with your name.")
@JSON
@about_desk
async def settle_command(desk: Desk, key: str, action: str, reason: str, json_wanted: bool) -> int:
    """Sign one mismatch, named as `reconcile` prints it: KIND:ACCOUNT:SUBJECT.

    adopt: the broker's figure becomes ours, or its order is known from now on. investigate: seen, but
    its symbol stays locked. ignore: left alone while the difference is the same. cancel: an order that
    is not ours is cancelled at the broker."""
    if not reason.strip():
        raise click.UsageError("Signing needs a reason that says something.")
    by = f"{getpass.getuser()} (command line)"
    async with desk.running() as client:
        return _told(await client.mismatch(key, action, reason, by), json_wanted)


def _told(result: Json, json_wanted: bool) -> int:
    mismatches = result["mismatches"]
    if json_wanted:
        data(as_json(result))
    elif not mismatches:
        talk("Ours and the broker's agree.")
    else:
        head = ("key", "ours", "broker", "signed", "explanation")
        for line in table(head, map(_cells, mismatches)):
            data(line)
    return Exit.EXCEPTIONS if mismatches else Exit.FINE


def _cells(found: Json) -> list[str]:
    key = f"{found['kind']}:{found['account']}:{found['subject']}"
    said = (key, found["ours"], found["broker"], found.get("note"), found["explanation"])
    return [clean(cell) for cell in said]
