"""Well-known US symbols to practise with, beside what a book lists itself.

Names, places and sectors are real; prices, volumes and spreads are approximate and simulated.
"""

import csv
from functools import cache
from importlib import resources

from services.exchange.book import Listing

FILE = "catalogue.csv"
FLAGS: dict[str, dict[str, bool]] = {
    "inactive": {"active": False, "tradable": False},
    "untradable": {"tradable": False},
    "no_short": {"shortable": False},
    "hard_to_borrow": {"easy_to_borrow": False},
    "whole_only": {"fractionable": False},
    "no_margin": {"marginable": False},
    "no_options": {"has_options": False},
}


class CatalogueError(ValueError):
    """The shipped catalogue is malformed; the message is one sentence."""


@cache
def catalogue() -> tuple[Listing, ...]:
    """All of it, by symbol. A book's own listing of a symbol goes before the catalogue's."""
    source = resources.files("services.exchange") / "market" / FILE
    return parse_catalogue(source.read_text(encoding="utf-8"))


def parse_catalogue(text: str) -> tuple[Listing, ...]:
    """Lines that begin with # say something about the file. Raises CatalogueError."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    listed: dict[str, Listing] = {}
    for row in csv.DictReader(lines):
        listing = _listing(row)
        if listing.symbol in listed:
            raise CatalogueError(f"The catalogue lists {listing.symbol} twice.")
        listed[listing.symbol] = listing
    return tuple(listed.values())


def _listing(row: dict[str, str]) -> Listing:
    flags = {"has_options": True}
    values = dict(row)
    try:
        for flag in values.pop("flags").split():
            flags |= FLAGS[flag]
        return Listing.model_validate(values | flags)
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise CatalogueError(
            f"The catalogue's {row.get('symbol')} is malformed: {error}."
        ) from error
