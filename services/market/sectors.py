"""Sector names as people write them, and the one name we use for each."""

from collections.abc import Iterable

SECTORS = (
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Healthcare",
    "Industrials",
    "Materials",
    "Real Estate",
    "Technology",
    "Utilities",
)
ALIASES = {
    "basic materials": "Materials",
    "communications": "Communication Services",
    "communication": "Communication Services",
    "telecom": "Communication Services",
    "telecommunications": "Communication Services",
    "consumer cyclical": "Consumer Discretionary",
    "consumer defensive": "Consumer Staples",
    "staples": "Consumer Staples",
    "financial": "Financials",
    "finance": "Financials",
    "financial services": "Financials",
    "health care": "Healthcare",
    "health": "Healthcare",
    "industrial": "Industrials",
    "information technology": "Technology",
    "it": "Technology",
    "tech": "Technology",
    "reits": "Real Estate",
    "realestate": "Real Estate",
    "utility": "Utilities",
}


def canonical_sector(name: str, known: Iterable[str] = ()) -> str | None:
    """The sector meant by `name`, or None when it is neither one of `known` nor of ours."""
    wanted = " ".join(name.split()).casefold()
    by_name = {sector.casefold(): sector for sector in (*known, *SECTORS)}
    return by_name.get(wanted) or ALIASES.get(wanted)
