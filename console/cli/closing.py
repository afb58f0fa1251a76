"""`quarterdeck flatten|drill`."""

import asyncio
import getpass

import click

from console.cli.context import Desk, about_desk, as_json, data, talk
from console.cli.exits import Exit
from console.cli.text import clean, money, table
from services.desk.client import DeskClient, Json

JSON = click.option(
    "--json", "json_wanted", is_flag=True, help="Print JSON (docs/command-line.md)."
)
ASK_AGAIN_SECONDS = 0.5


def _me() -> str:
    return f"{getpass.getuser()} (command line)"


@click.command("flatten")
@click.option("--yes", "token", metavar="TOKEN", help="Close everything; the token of the list.")
@JSON
@about_desk
async def flatten_command(desk: Desk, token: str | None, json_wanted: bool) -> int:
    """Close every position. Without --yes only the list is shown, with what it brings and costs.

    Trading is halted first and afterwards. Exit 0 when nothing is held any more, 10 when positions
    remain."""
    async with desk.running() as client:
        if token is None:
            return _shown(await client.flatten_card(), json_wanted)
        report = await _finished(client, await client.flatten(token, _me()))
    if json_wanted:
        data(as_json(report))
    else:
        for key, outcome in report["outcomes"].items():
            data(f"{clean(key)}: {clean(outcome)}")
    if report["remaining"]:
        talk(f"{len(report['remaining'])} positions remain; trading is HALTED.")
        return Exit.EXCEPTIONS
    talk("Nothing is held any more; trading is HALTED.")
    return Exit.FINE


async def _finished(client: DeskClient, report: Json) -> Json:
    while not report["complete"]:
        await asyncio.sleep(ASK_AGAIN_SECONDS)
        report = await client.flatten_report() or report
    return report


def _shown(card: Json, json_wanted: bool) -> int:
    if json_wanted:
        data(as_json(card))
        return Exit.FINE
    head = ("account", "symbol", "side", "qty", "value", "brings", "cost", "first cancels", "but")
    for line in table(head, map(_cells, card["positions"])):
        data(line)
    talk(f"Brings {money(card['proceeds'])}, of which {money(card['cost'])} is given away.")
    if card["obstacle"]:
        talk(clean(card["obstacle"]))
    else:
        talk(f"Close all of it: quarterdeck flatten --yes {clean(card['token'])}")
    return Exit.FINE


def _cells(row: Json) -> list[str]:
    return [
        clean(row["account"]),
        clean(row["symbol"]),
        clean(row["side"]),
        clean(row["qty"]),
        money(row["value"]),
        money(row["proceeds"]),
        money(row["cost"]),
        clean(", ".join(row["protective"])),
        clean(row["obstacle"]),
    ]


@click.command("drill")
@click.option("--flatten", is_flag=True, help="Close every position of the simulator as well.")
@JSON
@about_desk
async def drill_command(desk: Desk, flatten: bool, json_wanted: bool) -> int:
    """Rehearse the kill switch on the simulator and time it. Trading is HALTED afterwards.

    Exit 0 when the drill passed, 10 when not."""
    async with desk.running() as client:
        drill = await client.drill(_me(), flatten)
    if json_wanted:
        data(as_json(drill))
    else:
        data(f"{drill['orders']} orders: latch after {_ms(drill['latch_ms'])}, last cancel after "
             f"{_ms(drill['cancelled_ms'])}"
             + (f", flat after {_ms(drill['flat_ms'])}" if flatten else ""))  # fmt: skip
    words = "The drill passed" if drill["passed"] else f"The drill FAILED: {clean(drill['why'])}"
    talk(f"{words}; trading is HALTED until `quarterdeck resume`.")
    return Exit.FINE if drill["passed"] else Exit.EXCEPTIONS


def _ms(value: object) -> str:
    return "?" if value is None else f"{clean(value)} ms"
