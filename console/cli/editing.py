"""`retype`, `move`, `undo`: a plan's steps before it starts, and `compare`, what came of it."""

from collections.abc import Iterator

import click

from console.cli.context import Desk, about_desk, as_json, data
from console.cli.exits import Exit
from console.cli.steering import PLAN, steer
from console.cli.text import clean
from db.model.comparison import Comparison, Difference, Part
from db.model.order import PRICES_OF, TimeInForce

STEP = click.argument("n", type=click.IntRange(1))
TITLES: dict[Part, tuple[str, str]] = {
    "plan": ("Plan", ""),
    "step": ("Steps", "step"),
    "finding": ("Findings", "finding"),
    "weight": ("Weights after the plan", "sector or holding"),
}
MARKUP = str.maketrans({character: f"\\{character}" for character in "\\|`*_<>[]#"})


@click.command("retype")
@PLAN
@STEP
@click.argument("type_", metavar="TYPE", type=click.Choice([kind.value for kind in PRICES_OF]))
@click.option("--limit", "limit_price", metavar="PRICE", help="Of a limit or stop_limit order.")
@click.option("--stop", "stop_price", metavar="PRICE", help="Of a stop or stop_limit order.")
@click.option(
    "--time-in-force",
    type=click.Choice([time.value for time in TimeInForce]),
    help="Else as it is.",
)
@about_desk
async def retype_command(
    desk: Desk, /, plan_id: str, n: int, type_: str, **terms: str | None
) -> int:
    """Make step N another type of order; the plan is then planned and checked again."""
    given = {name: value for name, value in terms.items() if value is not None}
    return await steer(desk, lambda client: client.retype(plan_id, n, type_, **given))


@click.command("move")
@PLAN
@STEP
@click.argument("place", type=click.Choice(["before", "after"]))
@click.argument("other", metavar="M", type=click.IntRange(1))
@about_desk
async def move_command(desk: Desk, plan_id: str, n: int, place: str, other: int) -> int:
    """Let step N come right before or after step M of its phase; the plan is then checked again."""
    return await steer(desk, lambda client: client.move(plan_id, n, place, other))


@click.command("undo")
@PLAN
@about_desk
async def undo_command(desk: Desk, plan_id: str) -> int:
    """Take the last edit of a plan back, and with each call the one before."""
    return await steer(desk, lambda client: client.undo(plan_id))


@click.command("compare")
@click.argument("one", metavar="ID[@REVISION]")
@click.argument("other", metavar="[ID[@REVISION]]", required=False)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON (docs/command-line.md).")
@about_desk
async def compare_command(desk: Desk, one: str, other: str | None, json_wanted: bool) -> int:
    """What differs between two plans, or two revisions of one; of one plan alone, between what was
    proposed (or the revision said) and what it is now. Prints Markdown. Exit 10 when they differ."""
    if other is None:
        plan_id, said, _ = one.partition("@")
        one, other = one if said else f"{plan_id}@1", plan_id
    async with desk.running() as client:
        answer = await client.compare(one, other)
    found = Comparison.model_validate(answer)
    data(as_json(answer) if json_wanted else "\n".join(markdown(found)))
    return Exit.EXCEPTIONS if found.differences else Exit.FINE


def markdown(found: Comparison) -> Iterator[str]:
    """The comparison as Markdown, a table for each part that differs."""
    one, other = found.one, found.other
    yield f"# Plan {one.name} → {other.name}"
    yield ""
    for side in (one, other):
        yield f"- {side.name}: {_cell(side.source)}, {side.created_at:%Y-%m-%d %H:%M:%S} UTC, hash {side.hash[:12]}"
    if not found.differences:
        yield from ("", "Nothing differs.")
    for part, (title, about) in TITLES.items():
        if rows := found.of(part):
            yield from ("", f"## {title}", "")
            yield from _table(about, rows)


def _table(about: str, rows: tuple[Difference, ...]) -> Iterator[str]:
    notes = any(row.note for row in rows)
    head = [*([about] if about else []), "change", "what", "was", "now", *(["says"] if notes else [])]  # fmt: skip
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' for _ in head)} |"
    for row in rows:
        cells = [row.about] if about else []
        cells += [row.change, row.what, *row.shown, *([row.note] if notes else [])]
        yield f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Outside text in a table neither ends its cell nor becomes markup."""
    return clean(text).translate(MARKUP)
