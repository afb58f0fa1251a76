"""`slice`: a step in pieces over time, or as one order again."""

import click

from console.cli.context import Desk, about_desk
from console.cli.steering import PLAN, steer
from services.desk.client import Json

OFF = "off"


@click.command("slice")
@PLAN
@click.argument("n", type=click.IntRange(1))
@click.argument("algorithm", type=click.Choice(["twap", "vwap", "pov", "is", OFF]))
@click.option("--minutes", help="Over so many; else until the session ends.")
@click.option("--start", "start_at", help="Not before this market time, ISO 8601 with its zone.")
@click.option("--end", "end_at", help="Not after this market time, instead of --minutes.")
@click.option("--participation", help="pov: the most of the market's volume, 0.1 is 10%.")
@click.option("--urgency", help="is: from 0, even over time, to 1, most of it at once.")
@click.option("--min-clip", help="No piece is smaller, in shares.")
@click.option("--every", "interval_seconds", type=click.IntRange(1), help="Seconds between pieces.")
@click.option("--limit", "limit_price", help="No piece pays more, or sells for less.")
@about_desk
async def slice_command(
    desk: Desk, /, plan_id: str, n: int, algorithm: str, **parameters: str | int | None
) -> int:
    """Send step N in pieces: twap even over time, vwap as the volume lies, pov as a share of it, is
    early. The plan is then checked again, and approved as it is now. `off`: as one order."""
    given: Json = {name: value for name, value in parameters.items() if value is not None}
    wanted = None if algorithm == OFF else {"name": algorithm, **given}
    return await steer(desk, lambda client: client.slice(plan_id, n, wanted))
