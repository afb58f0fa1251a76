"""`quarterdeck propose` and `quarterdeck plan`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from console.cli.context import (
    Desk,
    about_desk,
    as_json,
    become,
    data,
    read_proposal,
    talk,
)
from console.cli.exits import Exit, of_verdict
from console.cli.text import clean, plan_lines, table, validation_lines
from services.desk.client import DeskClient, DeskError, DeskUnreachable, Json

FILE = click.Path(path_type=Path)
FILES = click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE…")
ANALYSIS = click.option("--analysis", type=FILE, help="Market analysis to plan with.")
POLICY = click.option("--policy", metavar="NAME", help="Policy to check against.")
JSON = click.option(
    "--json", "json_wanted", is_flag=True, help="Print JSON (docs/command-line.md)."
)


OUTCOME = (
    "file", "kind", "plan_id", "verdict", "steps", "what", "reason", "validation",
)  # fmt: skip
"""What `propose --json` says of each file (docs/command-line.md)."""


@click.command("propose")
@FILES
@POLICY
@JSON
@about_desk
async def propose_command(
    desk: Desk, files: tuple[Path, ...], policy: str | None, json_wanted: bool
) -> int:
    """Hand files to the desk. Each plan's id is a line on stdout; a market analysis or instrument
    file is taken as reference and said on stderr."""
    contents = _read(files)
    code = Exit.FINE
    async with desk.started() as client:
        for file, content in contents:
            outcome = await _outcome(client, file, content, policy)
            if json_wanted:
                data(as_json(outcome, indent=None))
            else:
                _tell(outcome)
            if outcome["kind"] == "refused":
                code = Exit.REFUSED
    return code


async def _outcome(client: DeskClient, file: Path, content: bytes, policy: str | None) -> Json:
    """What became of one file. Raises DeskUnreachable."""
    nothing: Json = dict.fromkeys(OUTCOME) | {"file": file.name}
    try:
        answer = await client.propose(file.name, content, policy)
    except DeskUnreachable:
        raise
    except DeskError as error:
        validation = error.answer.get("validation")
        return nothing | {"kind": "refused", "reason": error.sentence, "validation": validation}
    if answer["kind"] != "plan":
        return nothing | {"kind": "reference", "what": answer.get("what")}
    plan = answer["plan"]
    of_plan = {"plan_id": plan["plan_id"], "verdict": plan["verdict"], "steps": len(plan["steps"])}
    return nothing | {"kind": "plan", **of_plan, "validation": answer.get("validation")}


def _tell(outcome: Json) -> None:
    """The plan's id as data, the rest as talk."""
    match outcome["kind"]:
        case "refused":
            talk(f"quarterdeck: {clean(outcome['reason'])}")
        case "reference":
            talk(f"{outcome['file']}: taken as reference ({clean(outcome['what'])}).")
        case _:
            data(str(outcome["plan_id"]))
            talk(f"{outcome['file']}: {outcome['steps']} steps, {clean(outcome['verdict'])}.")
    if outcome["validation"] is not None:
        for line in validation_lines(outcome["validation"]):
            talk(line)


class PlanGroup(click.Group):
    """`plan FILE…` is a dry run; `plan show ID` and `plan list` are commands of their own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [DRY_RUN, *args]
        return super().parse_args(ctx, args)


DRY_RUN = "files"


@click.group("plan", cls=PlanGroup, subcommand_metavar="FILE… | show ID | list")
def plan_command() -> None:
    """Dry-run files, show a plan, or list plans. A file called show is ./show."""


@plan_command.command(DRY_RUN, hidden=True)
@FILES
@ANALYSIS
@POLICY
@click.option("--book", type=FILE, help="Plan on this book, without a desk.")
@JSON
@about_desk
async def files_command(
    desk: Desk,
    files: tuple[Path, ...],
    analysis: Path | None,
    policy: str | None,
    book: Path | None,
    json_wanted: bool,
) -> int:
    """Plan files and show what would be done. Exit 0 SAFE, 10 CONDITIONAL, 20 BLOCKED, 2 refused."""
    if book is not None:
        become("services.desk.offline", _offline(desk, files, analysis, policy, book, json_wanted))
    contents = _read(files if analysis is None else (analysis, *files))
    code = Exit.FINE
    async with desk.started() as client:
        for file, content in contents:
            plan = await _proposed(client, file, content, policy)
            if plan is not None:
                data(as_json(plan) if json_wanted else "\n".join(plan_lines(plan)))
                code = max(code, of_verdict(plan["verdict"]))
    return code


@plan_command.command("show")
@click.argument("plan_id", metavar="ID")
@JSON
@about_desk
async def show_command(desk: Desk, plan_id: str, json_wanted: bool) -> int:
    """Show a plan with its state and the fills of every step."""
    async with desk.running() as client:
        plan = await client.plan(plan_id)
    data(as_json(plan) if json_wanted else "\n".join(plan_lines(plan)))
    return Exit.FINE


@plan_command.command("list")
@JSON
@about_desk
async def list_command(desk: Desk, json_wanted: bool) -> int:
    """List the plans of this environment."""
    async with desk.running() as client:
        plans = await client.plans()
    if json_wanted:
        data(as_json(plans))
        return Exit.FINE
    head = ("plan", "state", "verdict", "mode", "steps", "source")
    for line in table(head, (_plan_cells(plan) for plan in plans)):
        data(line)
    return Exit.FINE


def _plan_cells(plan: Json) -> list[str]:
    progress = f"{plan['steps_done']}/{plan['steps']}"
    verdict = "EXCEPTED" if plan["excepted"] else plan["verdict"]
    cells = [plan["plan_id"], plan["state"], verdict, plan["mode"], progress]
    return [clean(cell) for cell in (*cells, plan["source"])]


def _read(files: Sequence[Path]) -> list[tuple[Path, bytes]]:
    """All of them before the first is handed over, so that a missing one leaves nothing half-done."""
    return [(file, read_proposal(file)) for file in files]


async def _proposed(
    client: DeskClient, file: Path, content: bytes, policy: str | None
) -> dict[str, Any] | None:
    """The plan that the desk made of a file; None when it is reference. Raises DeskError."""
    answer = await client.propose(file.name, content, policy)
    if answer["kind"] == "plan":
        plan = answer["plan"]
        assert isinstance(plan, dict)
        return plan
    talk(f"{file.name}: taken as reference ({clean(answer.get('what'))}).")
    return None


def _offline(
    desk: Desk,
    files: Sequence[Path],
    analysis: Path | None,
    policy: str | None,
    book: Path,
    json_wanted: bool,
) -> list[str]:
    arguments = ["--book", str(book), "--policies", str(desk.home.policies)]
    if analysis is not None:
        arguments += ["--analysis", str(analysis)]
    if policy is not None:
        arguments += ["--policy", policy]
    if json_wanted:
        arguments.append("--json")
    return [*arguments, "--", *map(str, files)]
