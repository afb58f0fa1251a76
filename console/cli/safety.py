"""`quarterdeck kill|resume|reduce`."""

import getpass
from contextlib import suppress
from datetime import UTC, datetime

import click

from console.cli.context import Desk, about_desk, become, talk
from console.cli.exits import Exit
from console.cli.text import clean
from services.desk.latch import LatchError, set_latch

JSON = click.option(
    "--json", "json_wanted", is_flag=True, help="Print JSON (docs/command-line.md)."
)


@click.command("kill")
@click.option("--reason", default="halted from the command line", help="Why; it is written down.")
@JSON
@about_desk
async def kill_command(desk: Desk, reason: str, json_wanted: bool) -> int:
    """HALT: no order leaves from now on, working orders are cancelled, protective stops stay.

    The latch is set before anything else, so this works when the desk hangs or is dead: the orders
    are then cancelled at the broker itself."""
    by = f"{getpass.getuser()} (command line)"
    with suppress(LatchError):  # tried again at once, and said there
        set_latch(desk.home, by, reason, datetime.now(UTC))
    arguments = [*desk.options.arguments(desk.home.environment), f"--by={by}", f"--reason={reason}"]
    become("services.desk.emergency", [*arguments, *(["--json"] if json_wanted else [])])


@click.command("resume")
@click.option("--reason", required=True, help="Why it is safe again; it is written down.")
@click.option("--token", default="", help="Of the card, when trading was stopped by itself.")
@about_desk
async def resume_command(desk: Desk, reason: str, token: str) -> int:
    """Let trading go on after a halt. Refused while ours and the broker's differ.

    What stopped by itself takes two steps: first it is said why, and whether that is still true."""
    if not reason.strip():
        raise click.UsageError("Resuming needs a reason that says something.")
    async with desk.running() as client:
        answer = await client.resume(reason, token)
    if "token" in answer:
        talk(f"Stopped at {clean(answer['at'])} by itself ({clean(answer['cause'])}):")
        talk(clean(answer["reason"]))
        persists = clean(answer["persists"])
        talk(f"It is still true: {persists}" if persists else "It is not true any more.")
        raise click.ClickException(
            f"nothing was resumed yet; say it again with --token {clean(answer['token'])}."
        )
    talk(f"Trading is {clean(answer['trading_state'])}.")
    return Exit.FINE


@click.command("reduce")
@click.option("--reason", required=True, help="Why; it is written down.")
@about_desk
async def reduce_command(desk: Desk, reason: str) -> int:
    """From now on only orders that reduce a position leave, until `resume`."""
    async with desk.running() as client:
        answer = await client.reduce(reason, f"{getpass.getuser()} (command line)")
    talk(f"Trading is {clean(answer['trading_state'])}.")
    return Exit.FINE
