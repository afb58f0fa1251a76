"""Reads a market analysis: sector ranks and picks with conviction (spec 2.G)."""

import json
import re
import tomllib
from decimal import Decimal
from typing import Any

from db.model.market import MarketAnalysis, Pick
from services.intake import values
from services.intake.markdown import Piece, pieces
from services.intake.refusal import RefusedInputError
from services.intake.text import shown
from services.market.sectors import canonical_sector

KEYS = ("as_of", "sector_rank", "pick")
MOST_SECTORS, MOST_PICKS = 100, 5000
SYMBOL_LINE = r"""symbol["']?\s?[=:]\s?["']([^"']*)["']"""
PICK_KEYS = ("symbol", "sector", "conviction")
OTHER_JSON = {
    "overall_status": "a QA report",
    "conviction_score": "a stock recommendation",
    "signal_type": "a signal",
}
ZERO, HUNDRED = Decimal(0), Decimal(100)


def looks_like(text: str) -> bool:
    return (
        re.search(r"^[ \t]*(as_of|\[+[ \t]*(sector_rank|pick)\b|sector_rank|pick)", text, re.M)
        is not None
    )


def looks_like_markdown(text: str) -> bool:
    return re.search(r"^ {0,3}#{1,6}[ \t].*market analysis", text, re.I | re.M) is not None


def read_toml(name: str, text: str) -> MarketAnalysis:
    try:
        found = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RefusedInputError(name, f"not TOML: {shown(str(error))}") from error
    return _read(name, text, found)


def read_json(name: str, text: str) -> MarketAnalysis:
    try:
        found = json.loads(text, parse_float=Decimal, parse_constant=Decimal)
    except json.JSONDecodeError as error:
        raise RefusedInputError(name, f"not JSON: {error.msg}", line=error.lineno) from error
    except (RecursionError, ValueError) as error:
        raise RefusedInputError(name, "not JSON that can be read, expected flat tables") from error
    table = values.table(name, found, "the whole")
    for key, what in OTHER_JSON.items():
        if key in table:
            raise RefusedInputError(
                name, f"it is {what}, which is not read yet, expected a market analysis", field=key
            )
    return _read(name, text, table)


def _read(name: str, text: str, found: dict[str, Any]) -> MarketAnalysis:
    values.only(name, found, KEYS, text)
    if "as_of" not in found:
        raise RefusedInputError(name, "missing, expected a time", field="as_of")
    as_of = values.instant(name, found["as_of"], "as_of", values.line_of(text, "as_of"))
    ranks = values.table(name, found.get("sector_rank", {}), "sector_rank")
    picks = found.get("pick", [])
    if not isinstance(picks, list):
        raise RefusedInputError(name, "expected a list of picks", field="pick")
    if len(ranks) > MOST_SECTORS or len(picks) > MOST_PICKS:
        most = f"expected at most {MOST_SECTORS} sectors and {MOST_PICKS} picks"
        raise RefusedInputError(name, most, field="pick")
    lines = values.first_lines(text, SYMBOL_LINE)
    return _made(
        name,
        as_of,
        [(sector, rank, values.line_of(text, sector)) for sector, rank in ranks.items()],
        [_pick(name, text, entry, lines) for entry in picks],
    )


def _pick(
    name: str, text: str, entry: Any, lines: dict[str, int]
) -> tuple[Any, Any, Any, int | None]:
    table = values.table(name, entry, "pick")
    values.only(name, table, PICK_KEYS, text, "pick.")
    said = table.get("symbol")
    line = lines.get(said) if isinstance(said, str) else None
    for key in PICK_KEYS:
        if key not in table:
            raise RefusedInputError(name, "missing", line=line, field=f"pick.{key}")
    return said, table["sector"], table["conviction"], line


def _made(
    name: str,
    as_of: Any,
    ranks: list[tuple[Any, Any, int | None]],
    picks: list[tuple[Any, Any, Any, int | None]],
) -> MarketAnalysis:
    """The analysis, every value checked."""
    ranked: dict[str, int] = {}
    for sector, rank, line in ranks:
        known = _sector(name, sector, "sector_rank", line)
        place = values.number(
            name, rank, f"sector_rank.{shown(known)}", least=Decimal(1), most=HUNDRED, line=line
        )
        if place % 1 or known in ranked:
            wanted = "expected each sector once" if known in ranked else "expected a whole number"
            raise RefusedInputError(name, wanted, line=line, field=f"sector_rank.{known}")
        ranked[known] = int(place)
    chosen: dict[str, Pick] = {}
    for symbol, sector, conviction, line in picks:
        ticker = values.symbol(name, symbol, "pick.symbol", line)
        if ticker in chosen:
            raise RefusedInputError(
                name, f"{ticker} is picked twice, expected once", line=line, field="pick.symbol"
            )
        chosen[ticker] = Pick(
            symbol=ticker,
            sector=_sector(name, sector, "pick.sector", line),
            conviction=values.number(
                name,
                conviction,
                f"pick.conviction of {ticker}",
                least=ZERO,
                most=HUNDRED,
                line=line,
            ),
        )
    if not ranked and not chosen:
        raise RefusedInputError(name, "no sector rank and no pick, expected at least one")
    return MarketAnalysis(as_of=as_of, sector_rank=ranked, picks=tuple(chosen.values()))


def _sector(name: str, value: Any, field: str, line: int | None) -> str:
    said = values.string(name, value, field, line)
    return canonical_sector(said) or said


def read_markdown(name: str, text: str) -> MarketAnalysis:
    """The Markdown form: a line `As of: TIME`, a table `Rank | Sector`, and a table
    `Symbol | Sector | Conviction`."""
    document = pieces(text)
    as_of: tuple[str, int] | None = None
    header: tuple[str, ...] = ()
    ranks: list[tuple[Any, Any, int | None]] = []
    picks: list[tuple[Any, Any, Any, int | None]] = []
    for piece in document:
        if piece.kind != "row":
            header = ()
            if match := re.match(r"as of:?\s*(\S+)", piece.text, re.IGNORECASE):
                as_of = match[1], piece.line
            continue
        names = tuple(cell.casefold() for cell in piece.cells)
        if {"rank", "sector"} == set(names) or {"symbol", "sector", "conviction"} == set(names):
            header = names
        elif header:
            row = dict(zip(header, piece.cells, strict=False))
            if "rank" in header:
                ranks.append((row["sector"], _figure(row["rank"]), piece.line))
            else:
                conviction = _figure(row["conviction"])
                picks.append((row["symbol"], row["sector"], conviction, piece.line))
        else:
            _unknown(name, piece)
    if as_of is None:
        raise RefusedInputError(
            name, "missing, expected a line 'As of: 2026-01-05T14:00:00Z'", field="as of"
        )
    moment = values.instant(name, as_of[0], "as of", as_of[1])
    return _made(name, moment, ranks, picks)


def _figure(text: str) -> Decimal | str:
    return Decimal(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII) else text


def _unknown(name: str, piece: Piece) -> None:
    raise RefusedInputError(
        name,
        f"unknown table, expected the columns Rank and Sector or Symbol, Sector and Conviction, "
        f"found {shown(piece.text)!r}",
        line=piece.line,
    )
