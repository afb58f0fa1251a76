"""Recognises what arrived by its content, never by its name alone (spec 2)."""

from pathlib import Path

from db.model.market import MarketAnalysis
from db.model.proposal import BasketProposal, DirectiveProposal
from services.intake import analysis, basket, directive, instruments
from services.intake.instruments import InstrumentTable
from services.intake.refusal import RefusedInputError
from services.intake.text import LARGEST, check_lines, check_prose, decoded, too_large

Recognised = DirectiveProposal | BasketProposal | MarketAnalysis | InstrumentTable

KINDS = (
    "a directive (Markdown with an ACTION PLAN), a basket (CSV with symbol and side), "
    "a market analysis (TOML, JSON or Markdown tables) or instruments (TOML)"
)


def recognise(name: str, data: bytes) -> Recognised:
    """What the bytes say. Raises RefusedInputError with one sentence; never anything else."""
    text = decoded(name, data)
    if directive.looks_like(text):
        check_prose(name, text)
        return directive.read(name, text, data)
    if analysis.looks_like_markdown(text):
        check_prose(name, text)
        return analysis.read_markdown(name, text)
    first = text.lstrip()[:1]
    if first == "{":
        return analysis.read_json(name, text)
    if basket.looks_like(text):
        return basket.read(name, text, data)
    check_lines(name, text)
    if instruments.looks_like(text):
        return instruments.read(name, text)
    if analysis.looks_like(text):
        return analysis.read_toml(name, text)
    raise RefusedInputError(name, f"nothing in it is known here, expected {KINDS}")


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
