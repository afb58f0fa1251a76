"""Reads a market analysis: sector ranks and picks with conviction (spec 2.G)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from db.model.market import MarketAnalysis, Pick
from services.intake import values
from services.intake.entry import Entry
from services.intake.markdown import Piece, pieces
from services.intake.positions import Path
from services.intake.refusal import RefusedInputError
from services.intake.text import shown
from services.intake.values import Range
from services.market.sectors import canonical_sector

KEYS = ("as_of", "sector_rank", "pick")
PICK_KEYS = ("symbol", "sector", "conviction")
MOST_SECTORS, MOST_PICKS = 100, 5000
LONGEST_SECTOR = 60
RANK = Range(Decimal(1), Decimal(MOST_SECTORS), f"a whole number from 1 to {MOST_SECTORS}")


def looks_like_markdown(text: str) -> bool:
    return re.search(r"^ {0,3}#{1,6}[ \t].*market analysis", text, re.I | re.M) is not None


def read(document: Entry) -> MarketAnalysis:
    """TOML or JSON: `as_of`, the table `sector_rank`, a list of tables `pick`."""
    document.table(KEYS)
    as_of = document.at("as_of").instant()
    ranks = document.get("sector_rank")
    picks = document.get("pick")
    ranked = [] if ranks is None else [(entry, name) for name, entry in ranks.members()]
    if len(ranked) > MOST_SECTORS:
        raise document.at("sector_rank").refused(f"expected at most {MOST_SECTORS} sectors")
    chosen = [] if picks is None else picks.each(MOST_PICKS, "picks")
    analysis = MarketAnalysis(
        as_of=as_of,
        sector_rank=_ranks([(_named(entry, name), entry, entry) for entry, name in ranked]),
        picks=_picks([_pick(entry.table(PICK_KEYS)) for entry in chosen]),
    )
    return _whole(document.source.name, analysis)


def _named(entry: Entry, name: str) -> Entry:
    """The key of a table as a value that stands where the key does."""
    return Entry(entry.source, name, entry.path)


def _pick(entry: Entry) -> tuple[Entry, Entry, Entry]:
    symbol, sector, conviction = (entry.at(key) for key in PICK_KEYS)
    return symbol, sector, conviction


def _ranks(said: Sequence[tuple[Entry, Entry, Entry]]) -> dict[str, int]:
    """Of (sector, rank, where both stand): each sector once."""
    ranked: dict[str, int] = {}
    for name, place, where in said:
        sector = sector_of(name)
        rank = place.number(RANK)
        if rank % 1:
            raise place.unfit(RANK)
        if sector in ranked:
            raise where.refused(f"{shown(sector)} is ranked twice, expected each sector once")
        ranked[sector] = int(rank)
    return ranked


def _picks(said: Sequence[tuple[Entry, Entry, Entry]]) -> tuple[Pick, ...]:
    """Of (symbol, sector, conviction): each symbol once."""
    chosen: dict[str, Pick] = {}
    for symbol, sector, conviction in said:
        ticker = symbol.symbol()
        if ticker in chosen:
            raise symbol.refused(f"{ticker} is picked twice, expected once")
        chosen[ticker] = Pick(
            symbol=ticker, sector=sector_of(sector), conviction=conviction.number(values.SCORE)
        )
    return tuple(chosen.values())


def sector_of(entry: Entry) -> str:
    """A sector by the name we know it by, or by its own."""
    said = entry.text(LONGEST_SECTOR)
    return canonical_sector(said) or said


@dataclass(frozen=True)
class Cell:
    """Where a cell of a Markdown table stands."""

    name: str
    line: int

    def place(self, path: Path) -> tuple[int | None, int | None]:
        return self.line, None


def read_markdown(name: str, text: str) -> MarketAnalysis:
    """The Markdown form: a line `As of: TIME`, a table `Rank | Sector`, and a table
    `Symbol | Sector | Conviction`."""
    as_of: Entry | None = None
    header: tuple[str, ...] = ()
    ranks: list[tuple[Entry, Entry, Entry]] = []
    picks: list[tuple[Entry, Entry, Entry]] = []
    for piece in pieces(text):
        if piece.kind != "row":
            header = ()
            if match := re.match(r"as of:?\s*(\S+)", piece.text, re.IGNORECASE):
                if as_of is not None:
                    again = Entry(Cell(name, piece.line), match[1], ("as of",))
                    raise again.refused("it stands there twice, expected once")
                as_of = Entry(Cell(name, piece.line), match[1], ("as of",))
            continue
        names = tuple(cell.casefold() for cell in piece.cells)
        if set(names) in ({"rank", "sector"}, set(PICK_KEYS)):
            header = names
        elif header:
            row = dict(zip(header, piece.cells, strict=False))
            cells = {key: Entry(Cell(name, piece.line), row.get(key, ""), (key,)) for key in header}
            if "rank" in header:
                ranks.append((cells["sector"], cells["rank"], cells["sector"]))
            else:
                picks.append((cells["symbol"], cells["sector"], cells["conviction"]))
        else:
            _unknown(name, piece)
    if as_of is None:
        raise RefusedInputError(
            name, "missing, expected a line 'As of: 2026-01-05T14:00:00Z'", field="as of"
        )
    if len(ranks) > MOST_SECTORS or len(picks) > MOST_PICKS:
        said = f"expected at most {MOST_SECTORS} sectors and {MOST_PICKS} picks"
        raise RefusedInputError(name, said, field="pick")
    analysis = MarketAnalysis(as_of=as_of.instant(), sector_rank=_ranks(ranks), picks=_picks(picks))
    return _whole(name, analysis)


def _whole(name: str, analysis: MarketAnalysis) -> MarketAnalysis:
    """Refuses an analysis that says nothing."""
    if not analysis.sector_rank and not analysis.picks:
        raise RefusedInputError(name, "no sector rank and no pick, expected at least one")
    return analysis


def _unknown(name: str, piece: Piece) -> None:
    raise RefusedInputError(
        name,
        f"unknown table, expected the columns Rank and Sector or Symbol, Sector and Conviction, "
        f"found {shown(piece.text)!r}",
        line=piece.line,
    )
