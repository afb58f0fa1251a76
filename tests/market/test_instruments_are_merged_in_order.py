"""Shipped defaults, under what the broker says, under the trader's own file."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from db.model.instrument import UNCLASSIFIED, Instrument
from services.intake.instruments import InstrumentNote
from services.market.instruments import merge, shipped
from services.market.sectors import ALIASES, SECTORS, canonical_sector

CASES = Path(__file__).parents[1] / "data" / "cases"
FACTORS = {
    "TQQQ": 3, "SQQQ": -3, "SPXL": 3, "SPXS": -3, "SOXL": 3, "SOXS": -3, "TECL": 3, "TECS": -3,
    "FAS": 3, "FAZ": -3, "TNA": 3, "TZA": -3, "UDOW": 3, "SDOW": -3, "LABU": 3, "LABD": -3,
    "ERX": 2, "ERY": -2, "DRN": 3, "DRV": -3, "TMF": 3, "TMV": -3, "NUGT": 2, "DUST": -2,
}  # fmt: skip


def test_what_the_broker_does_not_list_is_not_there() -> None:
    assert set(merge(shipped(), [Instrument(symbol="AAPL")])) == {"AAPL"}


def test_the_broker_leaves_open_what_the_defaults_know() -> None:
    asset = Instrument(symbol="TQQQ", name="ProShares", fractionable=True)
    (merged,) = merge(shipped(), [asset]).values()
    assert (merged.name, merged.sector, merged.leverage_factor) == ("ProShares", "Technology", 3)
    assert merged.average_daily_volume is not None
    assert merged.fractionable


def test_what_the_broker_says_stands_over_the_defaults_and_ones_own_over_both() -> None:
    asset = Instrument(symbol="AAPL", sector="Gadgets", average_daily_volume=Decimal(7))
    assert merge(shipped(), [asset])["AAPL"].sector == "Gadgets"
    own = InstrumentNote(symbol="AAPL", sector="Phones")
    merged = merge(shipped(), [asset], [own])["AAPL"]
    assert (merged.sector, merged.average_daily_volume) == ("Phones", 7)


def test_a_symbol_that_nobody_knows_is_unclassified() -> None:
    merged = merge(shipped(), [Instrument(symbol="ZZZZ")])["ZZZZ"]
    assert (merged.sector, merged.average_daily_volume) == (UNCLASSIFIED, None)


@pytest.mark.parametrize(("symbol", "factor"), FACTORS.items())
def test_the_leveraged_catalogue_is_shipped(symbol: str, factor: int) -> None:
    assert shipped()[symbol].leverage_factor == factor


@pytest.mark.parametrize("case", ["rebalance", "nov10"])
def test_the_defaults_know_every_symbol_of_the_cases(case: str) -> None:
    book = json.loads((CASES / case / "book.json").read_text(encoding="utf-8"))
    for listing in book["market"]:
        note = shipped()[listing["symbol"]]
        assert note.sector == listing["sector"]
        assert note.average_daily_volume is not None


def test_every_note_has_a_sector_and_a_volume() -> None:
    assert len(shipped()) >= 100
    for note in shipped().values():
        assert note.sector
        assert note.average_daily_volume is not None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("tech", "Technology"),
        (" HEALTH  care ", "Healthcare"),
        ("energy", "Energy"),
        ("Crypto", None),
    ],
)
def test_sectors_have_one_name(said: str, meant: str | None) -> None:
    assert canonical_sector(said) == meant


def test_a_sector_of_ones_own_is_known_by_its_own_name() -> None:
    assert canonical_sector("crypto", ["Crypto"]) == "Crypto"
    assert set(ALIASES.values()) <= set(SECTORS)
