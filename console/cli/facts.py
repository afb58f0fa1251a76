"""`quarterdeck status|positions|orders|alerts`: what is, from a desk that runs."""

from collections.abc import Callable, Sequence
from datetime import datetime

import click

from console.cli.by_hand import import_command
from console.cli.context import Desk, about_desk, as_json, data, talk
from console.cli.exits import Exit
from console.cli.text import clean, money, percent, table
from services.desk.client import DeskUnreachable, Json

JSON = click.option(
    "--json", "json_wanted", is_flag=True, help="Print JSON (docs/command-line.md)."
)


MARKET = {"True": "open", "False": "closed"}


@click.command("status")
@JSON
@about_desk
async def status_command(desk: Desk, json_wanted: bool) -> int:
    """Trading state, account, cash, plans and positions. Exit 3 when no desk runs."""
    try:
        async with desk.running() as client:
            status = await client.status()
    except DeskUnreachable:
        _say_if_latched(desk)
        raise
    if json_wanted:
        data(as_json(status))
        return Exit.FINE
    for line in _status_lines(status):
        data(line)
    return Exit.FINE


class Positions(click.Group):
    """`positions` alone shows them; `positions import FILE` is of the manual environment."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = [SHOW, *args]
        return super().parse_args(ctx, args)


SHOW = "held"


@click.group("positions", cls=Positions, subcommand_metavar="[--json] | import FILE")
def positions_command() -> None:
    """What is held, with its price, value, weight and gain."""


positions_command.add_command(import_command)


@positions_command.command(SHOW, hidden=True)
@JSON
@about_desk
async def held_command(desk: Desk, json_wanted: bool) -> int:
    """What is held, with its price, value, weight and gain."""
    head = ("symbol", "qty", "entry", "price", "value", "weight", "P&L", "stop", "target")
    return await _section(desk, "positions", json_wanted, head, _position_cells)


@click.command("orders")
@JSON
@about_desk
async def orders_command(desk: Desk, json_wanted: bool) -> int:
    """Orders, working and done."""
    head = ("order", "side", "symbol", "qty", "type", "limit", "state", "filled", "price", "reason")
    return await _section(desk, "orders", json_wanted, head, _order_cells)


@click.command("alerts")
@click.option("--all", "all_wanted", is_flag=True, help="Those that are over too.")
@JSON
@about_desk
async def alerts_command(desk: Desk, all_wanted: bool, json_wanted: bool) -> int:
    """Alerts whose condition is not over."""
    head = ("alert", "severity", "since", "subject", "what")

    def wanted(alert: Json) -> bool:
        return all_wanted or alert["cleared_at"] is None

    return await _section(desk, "alerts", json_wanted, head, _alert_cells, wanted)


async def _section(
    desk: Desk,
    name: str,
    json_wanted: bool,
    head: Sequence[str],
    cells: Callable[[Json], list[str]],
    wanted: Callable[[Json], bool] = lambda row: True,
) -> int:
    async with desk.running() as client:
        rows = [row for row in (await client.snapshot())[name].values() if wanted(row)]
    if json_wanted:
        data(as_json(rows))
        return Exit.FINE
    if not rows:
        talk(f"There are no {name}.")
        return Exit.FINE
    for line in table(head, map(cells, rows)):
        data(line)
    return Exit.FINE


def _say_if_latched(desk: Desk) -> None:
    from services.desk.latch import read_latch

    latch = read_latch(desk.home)
    if latch is not None:
        talk(f"Trading is HALTED (by {clean(latch.by)}: {clean(latch.reason)}).")


def _status_lines(status: Json) -> list[str]:
    market = MARKET.get(str(status.get("market_open")), "unknown")
    clean_books = "reconciled" if status["reconciled"] else "NOT reconciled"
    lines = [
        f"{clean(status['environment']).upper()} account {clean(status['account'])}: trading "
        f"{clean(status['trading_state'])}, {clean_books}, market {market}",
        f"Equity {money(status.get('equity'))}, cash {money(status['cash'])}",
    ]
    lines += [
        f"CRITICAL {clean(alert['sentence'])}"
        for alert in status.get("alerts", ())
        if alert["severity"] == "critical" and not alert["cleared_at"]
    ]
    if status.get("unresolved"):
        lines.append(f"Orders without an answer: {', '.join(map(clean, status['unresolved']))}")
    lines += [
        f"Plan {clean(plan['plan_id'])}: {clean(plan['state'])}, {plan['steps_done']} of "
        f"{plan['steps']} steps, {clean(plan['verdict'])} ({clean(plan['source'])})"
        f"{_waits_for(plan, status.get('at'))}"
        for plan in status["plans"]
    ]
    if status["positions"]:
        head = ("symbol", "qty", "entry", "price", "value", "weight", "P&L", "stop", "target")
        lines += table(head, map(_position_cells, status["positions"]))
    return lines


def _waits_for(plan: Json, at: object) -> str:
    """Of whom an exception is asked, and how long that can be granted."""
    if not plan.get("deadline"):
        return ""
    until = datetime.fromisoformat(str(plan["deadline"]))
    now = until if at is None else datetime.fromisoformat(str(at))
    left = max(int((until - now).total_seconds()), 0)
    return f"; {clean(plan['escalated_to'])} has {left // 60}:{left % 60:02} left to grant an exception"


def _position_cells(row: Json) -> list[str]:
    return [
        clean(row["symbol"]),
        clean(row["qty"]),
        money(row["avg_entry_price"]),
        money(row["price"]),
        money(row["value"]),
        percent(row["weight"]),
        money(row["unrealized_pl"]),
        clean(row.get("stop_price")),
        clean(row.get("target_price")),
    ]


def _order_cells(row: Json) -> list[str]:
    return [
        clean(row["client_order_id"]),
        clean(row["side"]).upper(),
        clean(row["symbol"]),
        clean(row["qty"]),
        clean(row["type"]),
        clean(row.get("limit_price")),
        clean(row["state"]),
        clean(row["filled_qty"]),
        clean(row.get("filled_avg_price")),
        clean(row.get("reason")),
    ]


def _alert_cells(row: Json) -> list[str]:
    cells = (row["alert_id"], row["severity"], row["raised_at"], row["subject"], row["sentence"])
    return [clean(cell) for cell in cells]
