"""Reads the restricted list: symbols that may not be bought, why, and until when (spec 2.G). It takes
the place of the list before; an empty one lifts every restriction."""

from collections.abc import Iterable

from db.model.base import Noun
from db.model.instrument import Restriction
from services.intake.csv_rows import rows
from services.intake.entry import Entry

TABLE = "restricted"
COLUMNS = ("symbol", "reason", "expires")
REQUIRED = ("symbol", "reason")
KEYS = ("reason", "expires")
LONGEST_REASON = 200


class RestrictedList(Noun):
    """All restrictions of the trader's, one a symbol."""

    source: str
    restrictions: tuple[Restriction, ...]


def read_csv(name: str, text: str) -> RestrictedList:
    """`symbol,reason,expires`; an empty date is no end."""
    found = rows(name, text, COLUMNS, REQUIRED)
    return _listed(name, ((row.at("symbol"), row) for _, row in found))


def read(document: Entry) -> RestrictedList:
    """TOML or JSON: `[restricted]` with `SYMBOL = "reason"` or `[restricted.SYMBOL]` tables. Raises
    RefusedInputError."""
    members = document.table((TABLE,)).at(TABLE).members()
    return _listed(
        document.source.name,
        ((Entry(entry.source, symbol, entry.path), entry) for symbol, entry in members),
    )


def _listed(name: str, said: Iterable[tuple[Entry, Entry]]) -> RestrictedList:
    found: dict[str, Restriction] = {}
    for symbol, entry in said:
        ticker = symbol.symbol()
        if ticker in found:
            raise symbol.refused(f"{ticker} is there twice, expected each symbol once")
        found[ticker] = _restriction(ticker, entry)
    return RestrictedList(source=name, restrictions=tuple(found.values()))


def _restriction(symbol: str, entry: Entry) -> Restriction:
    if isinstance(entry.value, str):
        return Restriction(symbol=symbol, reason=entry.text(LONGEST_REASON))
    table = entry.table((*KEYS, "symbol") if "symbol" in entry.table().value else KEYS)
    expires = table.get("expires")
    return Restriction(
        symbol=symbol,
        reason=table.at("reason").text(LONGEST_REASON),
        expires=expires and expires.day().isoformat(),
    )
