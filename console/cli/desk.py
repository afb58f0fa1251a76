"""`quarterdeck desk …` and `quarterdeck exchange`."""

import click

from console.cli.context import Desk, about_desk, as_json, become, data, talk, with_account
from console.cli.exits import Exit
from services.desk.launch import LaunchError, answers, stop_desk

OWN_HELP = {"help_option_names": [], "ignore_unknown_options": True, "allow_extra_args": True}
"""For commands that are another program: it reads its own options."""


@click.group("desk")
def desk_command() -> None:
    """The desk: it owns the journal, the engine and the broker, and outlives the console."""


@desk_command.command("start")
@about_desk
async def start(desk: Desk) -> int:
    """Start the desk in the background, unless one runs already."""
    started = await desk.start()
    talk(
        f"The desk ({desk.home.environment.value}) {'is ready' if started else 'runs already'}; "
        f"its log is {desk.home.log}."
    )
    return Exit.FINE


@desk_command.command("stop")
@click.option("--exchange", is_flag=True, help="Stop the simulated exchange too.")
@about_desk
async def stop(desk: Desk, exchange: bool) -> int:
    """Stop the desk. Orders at the broker stay as they are."""
    running = await answers(desk.home) or desk.home.socket.exists()
    await stop_desk(desk.home, exchange)
    talk("The desk has stopped." if running else "No desk is running.")
    return Exit.FINE


@desk_command.command("status")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
@about_desk
async def status(desk: Desk, json_wanted: bool) -> int:
    """Say whether a desk runs, as which process, since when, for which account."""
    async with desk.running() as client:
        found = await client.status()
    if json_wanted:
        data(as_json(found))
    else:
        data(
            f"The desk ({found['environment']}) runs as process {found['pid']} since "
            f"{found['started_at']}: account {found['account']}, trading {found['trading_state']}."
        )
    return Exit.FINE


@desk_command.command("run")
@about_desk
async def run(desk: Desk) -> int:
    """Run the desk in this terminal, until Ctrl+C."""
    options = with_account(desk.home, desk.options)
    refusal = options.refusal(desk.home.environment)
    if refusal is not None:
        raise LaunchError(refusal)
    become("services.desk", options.arguments(desk.home.environment))


@click.command("exchange", context_settings=OWN_HELP, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def exchange_command(arguments: tuple[str, ...]) -> None:
    """Serve the simulated exchange alone; `quarterdeck exchange --help` lists its options."""
    become("services.exchange", arguments)
