"""`quarterdeck escalate|exception`: ask for an exception, and answer by name."""

import getpass

import click

from console.cli.context import Desk, about_desk, as_json, data, talk
from console.cli.exits import Exit
from console.cli.text import clean, escalation_lines
from services.desk.client import Json

PLAN = click.argument("plan_id", metavar="ID")
JSON = click.option("--json", "json_wanted", is_flag=True, help="Print the request as JSON.")


@click.command("escalate")
@PLAN
@click.option("--to", required=True, metavar="NAME", help="Who is asked.")
@click.option("--by", metavar="NAME", help="Who asks; you, unless it is said.")
@JSON
@about_desk
async def escalate_command(
    desk: Desk, plan_id: str, to: str, by: str | None, json_wanted: bool
) -> int:
    """Ask NAME for an exception of what blocks a plan, as it blocks now. It has a deadline."""
    async with desk.running() as client:
        plan = await client.escalate(plan_id, to, by or getpass.getuser())
    _show(plan, json_wanted)
    return Exit.FINE


@click.command("exception")
@PLAN
@click.argument("answer", type=click.Choice(["grant", "refuse"]))
@click.option("--by", required=True, metavar="NAME", help="Who answers; it is written down.")
@click.option("--reason", required=True, help="Why; it is written down.")
@JSON
@about_desk
async def exception_command(
    desk: Desk, plan_id: str, answer: str, by: str, reason: str, json_wanted: bool
) -> int:
    """Grant or refuse the exception that a plan waits for. A granted one covers what was asked for,
    at no worse than its figures, until the plan is changed."""
    async with desk.running() as client:
        plan = await client.exception(plan_id, answer, by, reason)
    _show(plan, json_wanted)
    return Exit.FINE


def _show(plan: Json, json_wanted: bool) -> None:
    last = plan["escalations"][-1]
    for line in [as_json(last)] if json_wanted else escalation_lines(last):
        data(line)
    talk(f"Plan {clean(plan['plan_id'])} is {clean(plan.get('state'))}.")
