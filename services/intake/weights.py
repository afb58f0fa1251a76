"""Reads target weights: CSV, TOML or JSON (spec 2.E)."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from db.model.proposal import WeightsProposal
from services.intake.basket import LONGEST_ACCOUNT
from services.intake.csv_rows import rows
from services.intake.entry import Entry
from services.intake.refusal import RefusedInputError
from services.intake.text import sha256
from services.intake.values import Range

COLUMNS = ("symbol", "weight")
TABLE = "weights"
OPTIONS = ("remainder", "unlisted", "account")
MARKS = (TABLE, *OPTIONS[:2])
CASH = "CASH"
WEIGHT = Range(Decimal(0), Decimal(1), "a fraction from 0 to 1, as 0.30 for 30%")
ROUNDING = Decimal("0.005")
MOST_WEIGHTS = 5000
Pair = tuple[Entry, Entry]


def read_csv(name: str, text: str, data: bytes) -> WeightsProposal:
    """`symbol,weight`, cash with the rest: a table of two columns has no room for options."""
    found = rows(name, text, COLUMNS, COLUMNS)
    return _proposal(name, data, [(row.at("symbol"), row.at("weight")) for _, row in found])


def read(document: Entry, data: bytes) -> WeightsProposal:
    """A table `weights`, or the symbols by themselves, with `remainder`, `unlisted` and `account`
    beside. Raises RefusedInputError."""
    listed = document.get(TABLE)
    document.table((TABLE, *OPTIONS) if listed else None)
    members = (listed or document).members()
    pairs = [
        (Entry(entry.source, symbol, entry.path), entry)
        for symbol, entry in members
        if listed or symbol not in OPTIONS
    ]
    remainder, unlisted = document.get("remainder"), document.get("unlisted")
    account = document.get("account")
    rest = remainder is not None and remainder.word(("cash",)) == "cash"
    sold = unlisted is not None and unlisted.word(("keep", "sell")) == "sell"
    buyer = account.text(LONGEST_ACCOUNT) if account else None
    name = document.source.name
    return _proposal(name, data, pairs, rest, "sell" if sold else "keep", buyer)


def _proposal(
    name: str,
    data: bytes,
    pairs: Iterable[Pair],
    rest: bool = False,
    unlisted: Literal["keep", "sell"] = "keep",
    account: str | None = None,
) -> WeightsProposal:
    wanted: dict[str, Decimal] = {}
    for symbol, weight in pairs:
        ticker = symbol.symbol()
        if ticker in wanted:
            raise symbol.refused(f"{ticker} is there twice, expected each symbol once")
        wanted[ticker] = weight.number(WEIGHT)
        if len(wanted) > MOST_WEIGHTS:
            raise symbol.refused(f"more than {MOST_WEIGHTS} symbols, expected fewer")
    total = sum(wanted.values(), Decimal(0))
    cash = wanted.pop(CASH, None)
    if not wanted and unlisted == "keep":
        raise RefusedInputError(name, "no symbol, expected at least one with its weight")
    least = Decimal(0) if rest else 1 - ROUNDING
    if not least <= total <= 1 + ROUNDING:
        expected = "at most 1" if rest else '1, or remainder = "cash" in TOML or JSON'
        said = f"with cash they sum to {total:f}, expected {expected}"
        raise RefusedInputError(name, said, field="weights")
    if rest and cash is not None:
        cash = max(1 - sum(wanted.values(), Decimal(0)), Decimal(0))
    return WeightsProposal(
        source=name, sha256=sha256(data), weights=wanted, cash_weight=cash, unlisted=unlisted,
        account=account,
    )  # fmt: skip
