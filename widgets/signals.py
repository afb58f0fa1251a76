"""What became of a signal: its row in a table, and its whole way stage by stage. Pure."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from rich.text import Text

from widgets.document import moment, number, rows, text
from widgets.table import Cell, Column, Field
from widgets.table.fields import MISSING, signed_money

COLUMNS = (
    Column("time", "time", 5, priority=2),
    Column("signal", "signal", 8, flex=1, priority=1),
    Column("source", "source", 10, flex=1, priority=3),
    Column("direction", "", 5),
    Column("symbol", "symbol", 6),
    Column("fate", "fate", 11, flex=1),
    Column("plan", "plan", 6),
    Column("pl", "P&L", 13, align="right"),
)
Signal = Mapping[str, Any]


def idea(signal: Signal) -> Signal:
    """The signal as it came."""
    found = signal.get("idea")
    return found if isinstance(found, dict) else {}


def key(signal: Signal) -> str:
    """What tells it from every other: source and id may come again, not at the same moment."""
    first = next(iter(rows(signal, "stages")), {})
    return " ".join((text(first, "at"), text(idea(signal), "source"), text(idea(signal), "id")))


def cells(signal: Signal, zone: ZoneInfo) -> tuple[Cell, ...]:
    """One signal as table cells, its time in `zone`. One that goes no further is marked ✗."""
    about, ended = idea(signal), text(signal, "ended")
    first = next(iter(rows(signal, "stages")), {})
    at, step = moment(first.get("at")), text(signal, "step")
    fate = text(signal, "stage")
    plan = text(signal, "plan_id")
    return (
        MISSING if at is None else f"{at.astimezone(zone):%H:%M}",
        text(about, "id"),
        text(about, "source"),
        text(about, "direction"),
        text(about, "ticker"),
        Field(f"✗ {fate}", "muted") if ended else fate,
        f"{plan}/{step}" if plan and step else plan or MISSING,
        signed_money(number(signal.get("realized"))),
    )


def told(signal: Signal, zone: ZoneInfo) -> Text:
    """Every stage that it reached, with its time, and why it goes no further."""
    whole, last = Text(), ""
    for stage in rows(signal, "stages"):
        at = moment(stage.get("at"))
        time = MISSING if at is None else f"{at.astimezone(zone):%H:%M:%S}"
        whole.append(f"{time} ")
        whole.append(f"{text(stage, 'stage'):<10}", "bold")
        last = text(stage, "what")
        whole.append(f"{last}\n")
    ended = text(signal, "ended")
    if not last.startswith(ended):  # the guard says it already
        whole.append(f"goes no further: {ended}\n", "italic")
    whole.right_crop(1)
    return whole
