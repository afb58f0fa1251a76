"""The shipped catalogue: wide enough, spelled as the books spell it, with odd ones to meet."""

import pytest

from services.exchange.book import read_book
from services.exchange.market.catalogue import CatalogueError, catalogue, parse_catalogue

SECTORS = {
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "ETF",
    "Energy",
    "Financials",
    "Healthcare",
    "Industrials",
    "Materials",
    "Real Estate",
    "Technology",
    "Utilities",
}
FUNDS = [
    "SPY",
    "QQQ",
    "IWM",
    "DIA",
    "TLT",
    "GLD",
    "XLB",
    "XLC",
    "XLE",
    "XLF",
    "XLI",
    "XLK",
    "XLP",
    "XLRE",
    "XLU",
    "XLV",
    "XLY",
]
HEADER = "symbol,name,exchange,sector,price,adv,spread_bps,flags\n"


def test_there_are_more_than_five_hundred_active_shares_and_the_main_funds():
    listed = {listing.symbol: listing for listing in catalogue()}
    assert sum(listing.sector != "ETF" and listing.active for listing in listed.values()) > 520
    assert {listed[symbol].sector for symbol in FUNDS} == {"ETF"}


def test_every_sector_and_exchange_is_there_and_no_other():
    assert {listing.sector for listing in catalogue()} == SECTORS
    assert {listing.exchange for listing in catalogue()} == {
        "NASDAQ",
        "NYSE",
        "ARCA",
        "AMEX",
        "BATS",
        "OTC",
    }


def test_the_books_spell_sectors_alike():
    sector = {listing.symbol: listing.sector for listing in catalogue()}
    book = {line.symbol: line.sector for line in read_book(None).market}
    assert {symbol: sector[symbol] for symbol in book} == book


@pytest.mark.parametrize(
    "flag", ["active", "tradable", "marginable", "shortable", "easy_to_borrow", "fractionable"]
)
def test_a_few_are_not_what_most_are(flag):
    without = [listing for listing in catalogue() if listing.active and not getattr(listing, flag)]
    if flag == "active":
        without = [listing for listing in catalogue() if not listing.active]
    assert 3 <= len(without) <= 40


def test_what_is_inactive_cannot_be_traded_and_every_active_one_has_a_spread():
    for listing in catalogue():
        assert listing.name
        assert not (listing.tradable and not listing.active)
        assert not listing.active or (listing.adv > 0 and listing.spread_bps > 0)


def test_it_is_read_once():
    assert catalogue() is catalogue()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("AB,Ab,NYSE,Energy,1,1,1,\nAB,Ab,NYSE,Energy,1,1,1,\n", "lists AB twice"),
        ("AB,Ab,NYSE,Energy,0,1,1,\n", "AB is malformed"),
        ("AB,Ab,LSE,Energy,1,1,1,\n", "AB is malformed"),
        ("AB,Ab,NYSE,Energy,1,1,1,odd\n", "AB is malformed"),
        ("AB,Ab,NYSE\n", "AB is malformed"),
    ],
)
def test_a_malformed_catalogue_is_refused(rows, says):
    with pytest.raises(CatalogueError, match=says):
        parse_catalogue(HEADER + rows)
