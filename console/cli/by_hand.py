"""Commands of the manual environment: what the trader says of the tickets he copied."""

from pathlib import Path

import click

from console.cli.context import Desk, about_desk, as_json, data, read_proposal, talk
from console.cli.exits import Exit
from console.cli.text import clean, table
from services.desk.client import Json

PLAN = click.argument("plan_id", metavar="PLAN")
STEP = click.argument("n", metavar="STEP", type=click.IntRange(1))
JSON = click.option(
    "--json", "json_wanted", is_flag=True, help="Print JSON (docs/command-line.md)."
)


@click.group("ticket")
def ticket_command() -> None:
    """Orders to copy into your broker's form (--env manual)."""


@ticket_command.command("show")
@click.argument("plan_id", metavar="[PLAN]", required=False)
@JSON
@about_desk
async def show_command(desk: Desk, plan_id: str | None, json_wanted: bool) -> int:
    """Show the tickets that wait for your word."""
    async with desk.running() as client:
        tickets = [t for t in await client.tickets() if plan_id in (None, t["plan_id"])]
    if json_wanted:
        data(as_json(tickets))
        return Exit.FINE
    if not tickets:
        talk("No ticket waits for you.")
    for ticket in tickets:
        for line in ticket_lines(ticket):
            data(line)
    return Exit.FINE


@click.command("fill")
@PLAN
@STEP
@click.option("--qty", required=True, help="Shares that filled.")
@click.option("--price", required=True, help="Price a share.")
@click.option("--fee", default="", help="What the broker charged for it; else nothing.")
@click.option("--at", default="", help="When: 14:32 today, or 2026-01-05T14:32; else now.")
@click.option("--confirmation", default="", help="The broker's number of it.")
@click.option("--sure", is_flag=True, help="Book it although it was asked about.")
@about_desk
async def fill_command(
    desk: Desk,
    plan_id: str,
    n: int,
    qty: str,
    price: str,
    fee: str,
    at: str,
    confirmation: str,
    sure: bool,
) -> int:
    """Record what filled of a step's ticket. What is doubtful is asked, and booked with --sure."""
    typed = {"qty": qty, "price": price, "fee": fee, "at": at, "confirmation": confirmation}
    async with desk.running() as client:
        answer = await client.fill(plan_id, n, sure, **typed)
    if question := answer.get("asked"):
        talk(f"{clean(question)} Nothing was booked; say it again with --sure if it is so.")
        return Exit.REFUSED
    return _told(answer)


@click.command("not-done")
@PLAN
@STEP
@click.option("--reason", required=True, help="Why; it is written down.")
@about_desk
async def not_done_command(desk: Desk, plan_id: str, n: int, reason: str) -> int:
    """Nothing more of a step's ticket will fill: not entered, expired, or cancelled by hand."""
    async with desk.running() as client:
        return _told(await client.end_ticket(plan_id, n, reason, refused=False))


@click.command("refused")
@PLAN
@STEP
@click.option("--reason", required=True, help="What the broker said; it is written down.")
@about_desk
async def refused_command(desk: Desk, plan_id: str, n: int, reason: str) -> int:
    """The broker refused a step's ticket."""
    async with desk.running() as client:
        return _told(await client.end_ticket(plan_id, n, reason, refused=True))


@click.command("tick")
@PLAN
@STEP
@click.argument("item", required=False, default="")
@click.option("--undo", is_flag=True, help="Take the tick away.")
@about_desk
async def tick_command(desk: Desk, plan_id: str, n: int, item: str, undo: bool) -> int:
    """Tick an item of a step's checklist; without ITEM the next one."""
    async with desk.running() as client:
        return _told(await client.tick(plan_id, n, item, ticked=not undo))


@click.command("price")
@click.argument("symbol")
@click.argument("price")
@about_desk
async def price_command(desk: Desk, symbol: str, price: str) -> int:
    """Type a price that no source tells; it grows old like any other."""
    async with desk.running() as client:
        answer = await client.type_price(symbol, price)
    talk(f"{clean(answer['symbol'])} at {clean(answer['price'])} as you say.")
    return Exit.FINE


@click.command("guide")
@PLAN
@about_desk
async def guide_command(desk: Desk, plan_id: str) -> int:
    """Write the guide of a plan to print; prints its path."""
    async with desk.running() as client:
        data(clean((await client.write_guide(plan_id))["path"]))
    return Exit.FINE


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--at", default="", help="When the broker said it; else now.")
@JSON
@about_desk
async def import_command(desk: Desk, file: Path, at: str, json_wanted: bool) -> int:
    """Enter what your broker holds (PORTFOLIO.md, .csv or .json), and compare (--env manual)."""
    async with desk.running() as client:
        answer = await client.enter_statement(file.name, read_proposal(file), at)
    if json_wanted:
        data(as_json(answer))
    mismatches = answer["mismatches"]
    for mismatch in mismatches:
        talk(clean(mismatch["explanation"]))
    if claimed := answer["claimed"]:
        talk(f"Claimed still: {', '.join(map(clean, claimed))}.")
    if not mismatches:
        talk(f"The books agree with your broker: {answer['positions']} positions.")
    return Exit.EXCEPTIONS if mismatches else Exit.FINE


def ticket_lines(ticket: Json) -> list[str]:
    """The ticket for a person: the line to copy, the form, what is ticked and what filled."""
    head = f"{clean(ticket['plan_id'])} step {ticket['step']}, {clean(ticket['state'])}"
    what = "  CANCEL THIS BY HAND" if ticket["cancel_by_hand"] else ""
    lines = [f"{head}{what}", f"  {clean(ticket['line'])}"]
    width = max(len(name) for name, _ in ticket["form"])
    lines += [f"    {clean(name):<{width}}  {clean(value)}" for name, value in ticket["form"]]
    lines += [
        f"    [{'x' if item['ticked'] else ' '}] {item['item']}: {clean(item['words'])}"
        for item in ticket["checklist"]
    ]
    if ticket["fills"]:
        shown = ("qty", "price", "fee", "at", "confirmation")
        rows = [
            [clean(fill[name]) for name in shown] + ["matched" if fill["matched"] else "claimed"]
            for fill in ticket["fills"]
        ]
        lines += [f"    {line}" for line in table((*shown, "is"), rows)]
    return lines


def _told(answer: Json) -> int:
    ticket = answer["ticket"]
    open_item = next((i for i in ticket["checklist"] if not i["ticked"]), None)
    left = f", {clean(ticket['left'])} left" if ticket["left"] != "0" else ""
    talk(f"Step {ticket['step']} is {clean(ticket['state'])}{left}.")
    if open_item is not None:
        talk(f"Next to look at: {clean(open_item['words'])}")
    return Exit.FINE
