"""PORTFOLIO.md, a book or a CSV as a statement: read whole, or one sentence. Pure."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hand_makers import AT
from hand_world import CASES

from db.model.ticket import StatedHolding, Statement
from services.brokers.manual.ledger import Ledger
from services.desk.statement import read_statement
from services.intake.refusal import RefusedInputError

KNOWN = Ledger(
    statement=Statement(
        account="main",
        as_of=AT,
        cash=Decimal(100),
        holdings=(
            StatedHolding(
                symbol="NEM", qty=Decimal(5), avg_entry_price=Decimal(50), price=Decimal(80)
            ),
        ),
    )
)


def read(name: str, text: str, before: Ledger = KNOWN, *, opening: bool = False) -> Statement:
    return read_statement(name, text.encode(), "main", AT, before, opening=opening)


def test_a_book_is_an_opening() -> None:
    data = (CASES / "rebalance" / "book.json").read_bytes()
    found = read_statement("book.json", data, "main", AT, Ledger(), opening=True)
    assert found.cash == 2500
    held = {h.symbol: h for h in found.holdings}
    assert (held["NEM"].qty, held["NEM"].price) == (150, 80)
    assert held["NEM"].sector == "Materials"


def test_what_a_csv_leaves_out_is_what_was_known() -> None:
    found = read("s.csv", "Symbol,Quantity,Last Price\nNEM,7,\nFCX,2,40.5\nCASH,12.5\n")
    assert found.cash == Decimal("12.5")
    nem, fcx = found.holdings
    assert (nem.qty, nem.avg_entry_price, nem.price) == (7, 50, 80)
    assert (fcx.avg_entry_price, fcx.price) == (Decimal("40.5"), Decimal("40.5"))
    assert read("s.csv", "symbol,qty\nNEM,7").cash == 100, "not said, so as it was"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("s.csv", "a,b\nNEM,7", "columns symbol and quantity"),
        ("s.csv", "symbol,qty\nFCX,7", "nobody told a price of FCX"),
        ("s.csv", "symbol,qty\nNEM,x", "line 2"),
        ("s.csv", "symbol,qty\nNEM,1\nNEM,2", "stands twice"),
        ("s.txt", "NEM 7", "expected PORTFOLIO.md"),
        ("s.md", "# Shopping", "PORTFOLIO.md, line"),
        ("s.json", "{", "not JSON"),
        ("s.csv", "", "empty"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(name: str, text: str, said: str) -> None:
    with pytest.raises(RefusedInputError, match=said):
        read(name, text)


def test_a_beginning_needs_its_cash() -> None:
    with pytest.raises(RefusedInputError, match="says no cash"):
        read("s.csv", "symbol,qty,price\nNEM,1,80", replace(KNOWN, statement=None), opening=True)
