"""Commands about orders whose answer never came: unknown, look-up, resend, give-up."""

import click

from console.cli.context import Desk, about_desk, as_json, data, talk
from console.cli.exits import Exit
from console.cli.text import clean, table
from services.desk.client import Json

ORDER = click.argument("client_order_id", metavar="ORDER")


@click.command("unknown")
@click.option("--json", "json_wanted", is_flag=True, help="Print them as JSON.")
@about_desk
async def unknown_command(desk: Desk, json_wanted: bool) -> int:
    """Orders that nobody knows whether the broker has: what was sent, what it said since."""
    async with desk.running() as client:
        orders = await client.unknown()
    if json_wanted:
        data(as_json(orders))
        return Exit.FINE
    if not orders:
        talk("Every order's answer is known.")
        return Exit.FINE
    head = ("order", "side", "symbol", "qty", "sent", "since then", "may be")
    for line in table(head, map(_cells, orders)):
        data(line)
    return Exit.FINE


@click.command("look-up")
@ORDER
@about_desk
async def look_up_command(desk: Desk, client_order_id: str) -> int:
    """Ask the broker now what became of an unknown order."""
    return await _settle(desk, client_order_id, "look-up")


@click.command("resend")
@ORDER
@about_desk
async def resend_command(desk: Desk, client_order_id: str) -> int:
    """Send an order under its own id that the broker said twice it does not have."""
    return await _settle(desk, client_order_id, "resend")


@click.command("give-up")
@ORDER
@about_desk
async def give_up_command(desk: Desk, client_order_id: str) -> int:
    """Give up the step of an order that the broker said twice it does not have."""
    return await _settle(desk, client_order_id, "give-up")


async def _settle(desk: Desk, client_order_id: str, offer: str) -> int:
    async with desk.running() as client:
        orders = await client.settle(client_order_id, offer)
    left = next((o for o in orders if o["client_order_id"] == client_order_id), None)
    name = clean(client_order_id)
    if left is None:
        talk(f"Order {name} is unknown no longer.")
    else:
        talk(f"Order {name}: {_last_answer(left)}; it may be: {', '.join(left['may'])}.")
    return Exit.FINE


def _last_answer(order: Json) -> str:
    look_ups = order.get("look_ups") or ()
    return clean(look_ups[-1]["answer"]) if look_ups else "not looked up yet"


def _cells(order: Json) -> list[str]:
    return [
        clean(order["client_order_id"]),
        clean(order["side"]).upper(),
        clean(order["symbol"]),
        clean(order["qty"]),
        clean(order.get("sent_at") or order.get("intended_at"))[11:19],
        _last_answer(order),
        ", ".join(map(clean, order["may"])),
    ]
