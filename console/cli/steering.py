"""Commands that steer one plan: next, pause, abort, reject, drop, resize, and what may be done
about orders that take too long."""

from collections.abc import Awaitable, Callable

import click

from console.cli.context import Desk, about_desk, talk
from console.cli.exits import Exit
from console.cli.text import clean
from services.desk.client import DeskClient, Json

PLAN = click.argument("plan_id", metavar="ID")
REASON = click.option("--reason", required=True, help="Why; it is written down.")


@click.command("next")
@PLAN
@about_desk
async def next_command(desk: Desk, plan_id: str) -> int:
    """Let the next step (step mode) or the next phase (phase mode) go."""
    return await steer(desk, lambda client: client.next(plan_id))


@click.command("pause")
@PLAN
@about_desk
async def pause_command(desk: Desk, plan_id: str) -> int:
    """Send nothing more of a plan until `continue`. Orders already sent go on working."""
    return await steer(desk, lambda client: client.pause(plan_id))


@click.command("abort")
@PLAN
@REASON
@about_desk
async def abort_command(desk: Desk, plan_id: str, reason: str) -> int:
    """End a plan before its end."""
    return await steer(desk, lambda client: client.abort(plan_id, reason))


@click.command("reprice")
@PLAN
@about_desk
async def reprice_command(desk: Desk, plan_id: str) -> int:
    """Cancel a paused plan's open limit orders and send their rest at today's touch."""
    return await steer(desk, lambda client: client.remedy(plan_id, "reprice"))


@click.command("resubmit")
@PLAN
@about_desk
async def resubmit_command(desk: Desk, plan_id: str) -> int:
    """Cancel a paused plan's open orders and send their rest once more."""
    return await steer(desk, lambda client: client.remedy(plan_id, "resubmit"))


@click.command("cancel-rest")
@PLAN
@about_desk
async def cancel_rest_command(desk: Desk, plan_id: str) -> int:
    """Cancel what a paused plan has open, and go on with what filled."""
    return await steer(desk, lambda client: client.remedy(plan_id, "cancel-rest"))


@click.command("reject")
@PLAN
@REASON
@about_desk
async def reject_command(desk: Desk, plan_id: str, reason: str) -> int:
    """Turn a plan down."""
    return await steer(desk, lambda client: client.reject(plan_id, reason))


@click.command("drop")
@PLAN
@click.argument("n", type=click.IntRange(1))
@about_desk
async def drop_command(desk: Desk, plan_id: str, n: int) -> int:
    """Take step N out of a plan, which is then planned and checked again."""
    return await steer(desk, lambda client: client.drop(plan_id, n))


@click.command("resize")
@PLAN
@click.argument("n", type=click.IntRange(1))
@click.argument("qty")
@about_desk
async def resize_command(desk: Desk, plan_id: str, n: int, qty: str) -> int:
    """Give step N another quantity; the plan is then planned and checked again."""
    return await steer(desk, lambda client: client.resize(plan_id, n, qty))


async def steer(desk: Desk, command: Callable[[DeskClient], Awaitable[Json]]) -> int:
    async with desk.running() as client:
        plan = await command(client)
    talk(
        f"Plan {clean(plan['plan_id'])} is {clean(plan.get('state'))}, {clean(plan['verdict'])}, "
        f"{len(plan['steps'])} steps."
    )
    if offers := plan.get("offers"):
        talk(f"What may be done: {', '.join(map(clean, offers))}.")
    return Exit.FINE
