"""Reads an instruments file: symbol → sector, leverage factor, average daily volume (spec 2.G)."""

from decimal import Decimal

from db.model.base import Exact, Noun, Positive
from services.intake.analysis import sector_of
from services.intake.document import open_toml
from services.intake.entry import Entry
from services.intake.values import Range

KEYS = (
    "sector", "industry", "name", "leverage_factor", "average_daily_volume", "volume_profile",
)  # fmt: skip
SECTION = "instrument"
LEVERAGE = Range(Decimal(-5), Decimal(5))
VOLUME = Range(Decimal(1), Decimal("1e12"))
PART = Range(Decimal(0), Decimal("1e12"))
HALF_HOURS = 13
"""Of the regular session."""
LONGEST_NAME = 200


class InstrumentNote(Noun):
    """What a file says of a symbol; None where it says nothing."""

    symbol: str
    name: str | None = None
    sector: str | None = None
    industry: str | None = None
    leverage_factor: Exact | None = None
    average_daily_volume: Positive | None = None
    volume_profile: tuple[Exact, ...] | None = None


class InstrumentTable(Noun):
    """Notes on symbols, one a symbol."""

    source: str
    notes: tuple[InstrumentNote, ...]


def read(name: str, text: str) -> InstrumentTable:
    """Of TOML. Raises RefusedInputError."""
    return read_table(open_toml(name, text))


def read_table(document: Entry) -> InstrumentTable:
    """`[instrument.SYMBOL]` tables, or `SYMBOL = {…}` under `[instrument]`. Raises
    RefusedInputError."""
    listed = document.table((SECTION,)).at(SECTION).table()
    if not listed.value:
        raise listed.refused(f"no instrument, expected [{SECTION}.SYMBOL] tables")
    notes: dict[str, InstrumentNote] = {}
    for said, entry in listed.members():
        symbol = Entry(entry.source, said, entry.path).symbol()
        if symbol in notes:
            raise entry.refused(f"{symbol} is there twice, expected each symbol once")
        notes[symbol] = _note(symbol, entry.table(KEYS))
    return InstrumentTable(source=document.source.name, notes=tuple(notes.values()))


def _note(symbol: str, entry: Entry) -> InstrumentNote:
    title, sector, industry = (entry.get(key) for key in ("name", "sector", "industry"))
    profile = entry.get("volume_profile")
    factor, volume = entry.get("leverage_factor"), entry.get("average_daily_volume")
    return InstrumentNote(
        symbol=symbol,
        name=title and title.text(LONGEST_NAME),
        sector=sector and sector_of(sector),
        industry=industry and industry.text(LONGEST_NAME),
        leverage_factor=factor and factor.number(LEVERAGE),
        average_daily_volume=volume and volume.number(VOLUME),
        volume_profile=profile and _profile(profile),
    )


def _profile(entry: Entry) -> tuple[Decimal, ...]:
    parts = tuple(one.number(PART) for one in entry.each(HALF_HOURS, "half hours"))
    if len(parts) != HALF_HOURS or not sum(parts):
        raise entry.refused(f"expected {HALF_HOURS} numbers, the volume of each half hour")
    return parts
