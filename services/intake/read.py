"""Recognises what arrived by its content, never by its name alone (spec 2)."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path

from db.model.market import MarketAnalysis
from db.model.proposal import BasketProposal, DirectiveProposal, IdeasProposal, WeightsProposal
from services.intake import (
    analysis,
    basket,
    csv_rows,
    directive,
    instruments,
    qa_report,
    recommendation,
    restricted,
    signals,
    values,
    weights,
)
from services.intake.document import open_json, open_lines, open_toml
from services.intake.entry import Entry
from services.intake.instruments import InstrumentTable
from services.intake.refusal import RefusedInputError
from services.intake.restricted import RestrictedList
from services.intake.text import LARGEST, check_lines, check_prose, decoded, too_large

Reference = MarketAnalysis | InstrumentTable | RestrictedList
"""What is no proposal: proposals are planned with it."""
Recognised = DirectiveProposal | BasketProposal | WeightsProposal | IdeasProposal | Reference

KINDS = (
    "a directive (Markdown with an ACTION PLAN), a QA report, a stock recommendation or signals "
    "(JSON), target weights (CSV, TOML, JSON), a basket (CSV), a market analysis (TOML, JSON, "
    "Markdown tables), instruments (TOML, JSON) or a restricted list (CSV, TOML, JSON)"
)
MARKS: dict[str, tuple[str, ...]] = {
    "qa_report": qa_report.MARKS,
    "signal": signals.MARKS,
    "recommendation": recommendation.MARKS,
    "analysis": analysis.KEYS,
    "instruments": (instruments.SECTION,),
    "restricted": (restricted.TABLE,),
    "weights": weights.MARKS,
}
"""Keys that a document of this format has and no other: most of them tell."""
MOST_SIGNALS = 1000
_TOML_LINE = re.compile(r"^[ \t]*(\[+[^\[\]\n]+\]+[ \t]*(#.*)?$|[\w.\"' /-]{1,80}=)", re.MULTILINE)


def recognise(name: str, data: bytes) -> Recognised:
    """What the bytes say. Raises RefusedInputError with one sentence; never anything else."""
    text = decoded(name, data)
    first = text.lstrip()[:1]
    if first == "{":
        return _json(name, text, data)
    if first == "[" and text.lstrip()[1:].lstrip()[:1] in ("{", "]"):
        found = open_json(name, text).each(MOST_SIGNALS, "signals")
        if not found:
            raise RefusedInputError(name, "an empty list, expected signals")
        return signals.read(found, data)
    said = directive.looks_like(text)
    if (said or analysis.looks_like_markdown(text)) and not _is_toml(text):
        check_prose(name, text)
        return directive.read(name, text, data) if said else analysis.read_markdown(name, text)
    columns = csv_rows.header(text)
    if set(weights.COLUMNS) <= columns:
        return weights.read_csv(name, text, data)
    if set(restricted.REQUIRED) <= columns:
        return restricted.read_csv(name, text)
    if columns & {"symbol", "side", "qty", "notional"}:
        return basket.read(name, text, data)
    check_lines(name, text)
    if _TOML_LINE.search(text) is None:
        raise _unknown(name)
    return _document(open_toml(name, text), data)


def _json(name: str, text: str, data: bytes) -> Recognised:
    lines = open_lines(name, text)
    if lines is not None:
        return signals.read(lines, data)
    document = open_json(name, text)
    match _format(document):
        case "qa_report":
            return qa_report.read(document, data)
        case "signal":
            return signals.read([document], data)
        case "recommendation":
            return recommendation.read(document, data)
    return _document(document, data)


def _document(document: Entry, data: bytes) -> Recognised:
    """The formats that may be TOML as well as JSON."""
    match _format(document):
        case "analysis":
            return analysis.read(document)
        case "instruments":
            return instruments.read_table(document)
        case "restricted":
            return restricted.read(document)
        case "weights":
            return weights.read(document, data)
        case None:
            raise _unknown(document.source.name)
        case other:
            said = f"{other.replace('_', ' ')}s are JSON, expected that"
            raise RefusedInputError(document.source.name, said)


def _format(document: Entry) -> str | None:
    """The format whose marks the document has most of; symbols alone are weights."""
    keys = document.table().value
    count, best = max((len(keys.keys() & set(marks)), -n) for n, marks in enumerate(MARKS.values()))
    if count:
        return list(MARKS)[-best]
    return "weights" if keys and all(map(values.SYMBOL.fullmatch, keys)) else None


def _is_toml(text: str) -> bool:
    """Headings are comments to TOML: what it can read, and finds something in, is no Markdown."""
    if _TOML_LINE.search(text) is None:
        return False
    try:
        return bool(tomllib.loads(text, parse_float=Decimal))
    except (ValueError, RecursionError, ArithmeticError):
        return False


def _unknown(name: str) -> RefusedInputError:
    return RefusedInputError(name, f"nothing in it is known here, expected {KINDS}")


def read_file(path: Path, limit: int = LARGEST) -> Recognised:
    """The same of a file, whose size is looked at before it is read. Raises RefusedInputError."""
    try:
        if not path.is_file():
            what = "it is not a file" if path.exists() else "there is no such file"
            raise RefusedInputError(str(path), f"{what}, expected {KINDS}")
        size = path.stat().st_size
        if size > limit:
            raise too_large(str(path), size, limit)
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        why = (error.strerror or "it can't be read").lower()
        raise RefusedInputError(str(path), f"it can't be read: {why}") from error
    return recognise(path.name, data)
