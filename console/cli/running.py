"""`quarterdeck approve|run|continue`: from a plan to what became of it."""

import getpass
import hmac
import sys

import click

from console.cli.context import Desk, about_desk, as_json, data, talk
from console.cli.exits import Exit, of_state
from console.cli.follow import GOING, Following
from console.cli.text import card_lines, clean, event_line
from services.desk.client import DeskClient, Json

PLAN = click.argument("plan_id", metavar="ID")
MODES = ("auto", "phase", "step")
MODE = click.option("--mode", type=click.Choice(MODES), help="Confirm nothing, phases, or steps.")
YES = click.option("--yes", is_flag=True, help="Approve, and confirm phases and steps, unasked.")
EVENTS_AS_JSON = click.option("--json", "json_wanted", is_flag=True, help="An event a JSON line.")
DEFAULT_MODE = "step"
WAITING = frozenset({"paused", "halted"})


@click.command("approve")
@PLAN
@click.option("--token", help="The token on the card.")
@MODE
@click.option("--acknowledge", default="", metavar="WHY", help="Why a stale portfolio will do.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the card as JSON.")
@about_desk
async def approve_command(
    desk: Desk,
    plan_id: str,
    token: str | None,
    mode: str | None,
    acknowledge: str,
    json_wanted: bool,
) -> int:
    """Without --token: print the approval card with a new token. With it: approve the plan."""
    async with desk.running() as client:
        if token is None:
            card = await client.card(plan_id)
            data(as_json(card) if json_wanted else "\n".join(card_lines(card)))
            return Exit.FINE
        plan = await client.plan(plan_id)
        approved = await client.approve(
            plan_id,
            token,
            str(plan["hash"]),
            mode or DEFAULT_MODE,
            getpass.getuser(),
            acknowledge,
        )
    talk(f"Plan {clean(plan_id)} is {clean(approved.get('state'))}; `quarterdeck run` starts it.")
    return Exit.FINE


@click.command("run")
@PLAN
@MODE
@YES
@EVENTS_AS_JSON
@about_desk
async def run_command(
    desk: Desk, plan_id: str, mode: str | None, yes: bool, json_wanted: bool
) -> int:
    """Approve a plan (with --yes by its token, else by typing it), run it, and follow it to its end.

    Prints an event a line. Exit 0 done, 10 done_with_exceptions, 20 blocked, aborted, halted or
    paused, 2 refused."""
    async with desk.started() as client:
        plan = await client.plan(plan_id)
        if plan["verdict"] == "BLOCKED" and not _excepted(plan):
            talk(
                f"quarterdeck: plan {clean(plan_id)} is BLOCKED; `quarterdeck plan show` says why."
            )
            return Exit.STOPPED
        after = int((await client.snapshot())["journal_seq"])
        if plan.get("state") == "approved":
            _same_mode(plan, mode)
        else:
            await _approve(client, plan_id, mode or DEFAULT_MODE, yes)
        started = await client.run(plan_id, mode)
        return await _follow(client, started, after, yes, json_wanted)


@click.command("continue")
@click.argument("plan_id", metavar="[ID]", required=False)
@YES
@EVENTS_AS_JSON
@about_desk
async def continue_command(desk: Desk, plan_id: str | None, yes: bool, json_wanted: bool) -> int:
    """Let a paused, halted or interrupted plan go on, and follow it. Without ID: the only one."""
    async with desk.started() as client:
        snapshot = await client.snapshot()
        found = plan_id or _the_only_waiting(snapshot)
        plan = await client.continue_(found)
        return await _follow(client, plan, int(snapshot["journal_seq"]), yes, json_wanted)


async def _approve(client: DeskClient, plan_id: str, mode: str, yes: bool) -> None:
    """Raises click.UsageError where nobody can be asked, DeskError where the desk refuses."""
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("Nobody is there to type the token: add --yes, or use a terminal.")
    card = await client.card(plan_id)
    talk("\n".join(card_lines(card)))
    if card["trading_state"] == "HALTED":
        raise click.ClickException(
            "Trading is HALTED: nothing was approved. `quarterdeck resume` lifts it, with a reason."
        )
    token = str(card["token"])
    if not yes:
        typed = click.prompt(f"Type the token to run it in {mode} mode", err=True)
        if not hmac.compare_digest(str(typed).strip().encode(), token.encode()):
            raise click.ClickException("That is not the token; nothing was approved.")
    await client.approve(plan_id, token, str(card["hash"]), mode, getpass.getuser())


async def _follow(client: DeskClient, plan: Json, after: int, yes: bool, json_wanted: bool) -> Exit:
    mode = plan.get("mode")
    if mode in ("phase", "step") and not yes:
        talk(f"`quarterdeck next {clean(plan['plan_id'])}` lets the next {mode} go.")
    following = Following(
        client,
        str(plan["plan_id"]),
        after,
        lambda event: data(as_json(event, None) if json_wanted else event_line(event)),
        talk,
        confirming=yes and mode in ("phase", "step"),
    )
    ended = await following.to_the_end()
    reason = f": {clean(ended['reason'])}" if ended.get("reason") else ""
    talk(f"Plan {clean(ended['plan_id'])} is {clean(ended['state'])}{reason}")
    return of_state(ended["state"])


def _excepted(plan: Json) -> bool:
    """An exception was granted; what it does not cover the card says."""
    return any(one["outcome"] == "granted" for one in plan.get("escalations") or ())


def _same_mode(plan: Json, mode: str | None) -> None:
    approved = (plan.get("approval") or {}).get("mode") or plan.get("mode")
    if mode is not None and approved is not None and mode != approved:
        raise click.ClickException(
            f"Plan {clean(plan['plan_id'])} is approved for {clean(approved)} mode, not {mode}."
        )


def _the_only_waiting(snapshot: Json) -> str:
    waiting = [
        plan_id
        for plan_id, row in snapshot["plans"].items()
        if row["state"] in WAITING or row["state"] in GOING - {"approved"}
    ]
    if len(waiting) == 1:
        return str(waiting[0])
    if not waiting:
        raise click.ClickException("No plan waits to go on.")
    raise click.UsageError(f"Which one? {', '.join(map(clean, waiting))} wait to go on.")
