"""`quarterdeck signals`: what became of every signal."""

import click

from console.cli.context import Desk, about_desk, as_json, data, talk
from console.cli.exits import Exit
from console.cli.text import clean, money, table
from services.desk.client import Json

HEAD = ("heard", "signal", "source", "direction", "symbol", "fate", "plan", "P&L", "what")


@click.command("signals")
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON (docs/command-line.md).")
@about_desk
async def signals_command(desk: Desk, json_wanted: bool) -> int:
    """Every signal with how far it came, the newest first."""
    async with desk.running() as client:
        rows = await client.signals()
    if json_wanted:
        data(as_json(rows))
    elif not rows:
        talk("No signal was heard.")
    else:
        for line in table(HEAD, map(_cells, rows)):
            data(line)
    return Exit.FINE


def _cells(row: Json) -> list[str]:
    idea, stages = row["idea"], row["stages"]
    last = str(stages[-1]["what"])
    step = "" if row["step"] is None else f"/{row['step']}"
    plan = None if row["plan_id"] is None else f"{row['plan_id']}{step}"
    return [
        clean(stages[0]["at"]),
        clean(idea["id"]),
        clean(idea["source"]),
        clean(idea["direction"]),
        clean(idea["ticker"]),
        clean(row["stage"]) + (", ended" if row["ended"] else ""),
        clean(plan),
        "-" if row["realized"] is None else money(row["realized"]),
        clean(last if last.startswith(row["ended"]) else row["ended"]),
    ]
