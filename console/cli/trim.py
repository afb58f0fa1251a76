"""`trim`: what a plan came to, and the smallest sale that restores the policy's limits."""

import click

from console.cli.context import Desk, about_desk, data, talk
from console.cli.exits import Exit
from console.cli.steering import PLAN
from console.cli.text import clean
from services.desk.client import Json


@click.command("trim")
@PLAN
@click.option("--show", is_flag=True, help="Only compare; make no plan.")
@about_desk
async def trim_command(desk: Desk, plan_id: str, show: bool) -> int:
    """Compare an ended plan with what it promised, and draft the smallest sale that restores the
    limits it left missed. The draft's id is printed; approve and run it like any plan."""
    async with desk.running() as client:
        plan = await client.plan(plan_id)
        for line in lines(plan.get("post_trade")):
            talk(line)
        if not show:
            draft = await client.trim(plan_id)
            for step in draft["steps"]:
                talk(f"{clean(step['side'])} {clean(step['qty'])} {clean(step['symbol'])}: {clean(step['reason'])}")  # fmt: skip
            data(clean(draft["plan_id"]))
    return Exit.FINE


def lines(found: Json | None) -> list[str]:
    """The comparison in words: what lies off, and which limits do not hold."""
    if found is None:
        return ["Nothing was compared: nothing of it filled, or it has not ended."]
    said = [f"Against its projection: {clean(found['judgement'])}."]
    said += [
        f"Step {d['n']} {clean(d['symbol'])}: {clean(d['judgement'])}, price {_percent(d['price_delta'])}, "
        f"cost {_percent(d['cost_delta'])}, weight {_percent(d['weight_delta'])}."
        for d in found["deltas"]
        if d["judgement"] != "acceptable"
    ]
    said += [f"{clean(b['severity'])}: {clean(b['message'])}" for b in found["breaches"]]
    return said


def _percent(fraction: str | None) -> str:
    return "–" if fraction is None else f"{float(fraction):+.2%}"
