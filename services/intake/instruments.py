"""Reads an instruments file: symbol → sector, leverage factor, average daily volume (spec 2.G)."""

import re
import tomllib
from decimal import Decimal
from itertools import pairwise
from typing import Any

from db.model.base import Exact, Noun, Positive
from services.intake import values
from services.intake.refusal import RefusedInputError
from services.intake.text import shown
from services.market.sectors import canonical_sector

KEYS = ("sector", "name", "leverage_factor", "average_daily_volume")
SECTION = "instrument"
SYMBOL_LINE = r"""^[ \t]*(?:\[instrument\.)?["']?([A-Za-z0-9./]{1,12})["']?[ \t]*[\]=]"""
MOST_VOLUME = Decimal("1e12")


class InstrumentNote(Noun):
    """What a file says of a symbol; None where it says nothing."""

    symbol: str
    name: str | None = None
    sector: str | None = None
    leverage_factor: Exact | None = None
    average_daily_volume: Positive | None = None


class InstrumentTable(Noun):
    """Notes on symbols, one a symbol."""

    source: str
    notes: tuple[InstrumentNote, ...]


def looks_like(text: str) -> bool:
    return re.search(rf"^[ \t]*\[[ \t]*{SECTION}[ \t]*[.\]]", text, re.M) is not None


def read(name: str, text: str) -> InstrumentTable:
    """`[instrument.SYMBOL]` tables, or `SYMBOL = {…}` under `[instrument]`. Raises
    RefusedInputError."""
    try:
        found = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RefusedInputError(name, f"not TOML: {shown(str(error))}") from error
    values.only(name, found, (SECTION,), text)
    table = values.table(name, found.get(SECTION, {}), SECTION)
    if not table:
        raise RefusedInputError(name, f"no instrument, expected [{SECTION}.SYMBOL] tables")
    lines = values.first_lines(text, SYMBOL_LINE)
    notes = tuple(
        _note(name, text, symbol, entry, lines.get(symbol)) for symbol, entry in table.items()
    )
    symbols = sorted(note.symbol for note in notes)
    twice = next((one for one, next_ in pairwise(symbols) if one == next_), None)
    if twice is not None:
        raise RefusedInputError(name, "expected each symbol once", field=twice)
    return InstrumentTable(source=name, notes=notes)


def _note(name: str, text: str, said: str, entry: Any, line: int | None) -> InstrumentNote:
    symbol = values.symbol(name, said, "symbol", line)
    table = values.table(name, entry, symbol, line)
    values.only(name, table, KEYS, text, f"{symbol}.")
    sector = table.get("sector")
    if sector is not None:
        sector = values.string(name, sector, f"{symbol}.sector", line)
        sector = canonical_sector(sector) or sector
    factor = table.get("leverage_factor")
    if factor is not None:
        factor = values.number(
            name, factor, f"{symbol}.leverage_factor", least=Decimal(-5), most=Decimal(5), line=line
        )
    volume = table.get("average_daily_volume")
    if volume is not None:
        volume = values.number(
            name,
            volume,
            f"{symbol}.average_daily_volume",
            least=Decimal(1),
            most=MOST_VOLUME,
            line=line,
        )
    title = table.get("name")
    return InstrumentNote(
        symbol=symbol,
        name=None if title is None else values.string(name, title, f"{symbol}.name", line),
        sector=sector,
        leverage_factor=factor,
        average_daily_volume=volume,
    )
