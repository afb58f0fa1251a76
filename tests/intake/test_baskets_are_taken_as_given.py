"""A basket: each line an order as asked, or the file is refused naming line and field."""

from decimal import Decimal
from pathlib import Path

import pytest

from db.model.order import OrderType, Side, TimeInForce
from db.model.proposal import BasketProposal
from services.intake.read import recognise
from services.intake.refusal import RefusedInputError

CASE = Path(__file__).parents[1] / "data" / "cases" / "nov10" / "basket.csv"
HEADER = "symbol,side,qty,notional,type,limit_price,stop_price,time_in_force,account\n"


def read(text: str) -> BasketProposal:
    found = recognise("basket.csv", text.encode())
    assert isinstance(found, BasketProposal)
    return found


def test_the_case_has_seventeen_orders() -> None:
    found = read(CASE.read_text(encoding="utf-8"))
    assert len(found.lines) == 17
    assert [line.symbol for line in found.lines if line.side is Side.SELL] == [
        "CTVA", "DVN", "HAL", "CF", "OVV", "PNW",
    ]  # fmt: skip
    first = found.lines[0]
    assert (first.line, first.symbol, first.qty, first.account) == (2, "ALKS", 100, "main")


def test_every_column_is_read() -> None:
    (line,) = read(HEADER + "brk.b, SELL,,250.50,stop_limit,10.05,10.10,GTC,ira\n").lines
    assert line.model_dump() == {
        "line": 2, "symbol": "BRK.B", "side": Side.SELL, "qty": None, "notional": Decimal("250.50"),
        "type": OrderType.STOP_LIMIT, "limit_price": Decimal("10.05"),
        "stop_price": Decimal("10.10"), "time_in_force": TimeInForce.GTC, "account": "ira",
        "extended_hours": False, "urgent": False,
    }  # fmt: skip


def test_only_symbol_side_and_a_size_are_needed() -> None:
    (line,) = read("qty,symbol,side\n1.5,AAPL,buy\n\n").lines
    assert (line.qty, line.type, line.time_in_force) == (
        Decimal("1.5"), OrderType.MARKET, TimeInForce.DAY,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "field", "said"),
    [
        ("symbol,qty\nAAPL,1\n", 1, "side", "the column side is missing"),
        ("side,qty\nbuy,1\n", 1, "symbol", "the column symbol is missing"),
        ("symbol,side,type\nAAPL,buy,market\n", 1, "qty or notional", "is missing"),
        ("symbol,side,qty,colour\nAAPL,buy,1,red\n", 1, "header", "unknown column colour"),
        ("symbol,side,qty,qty\nAAPL,buy,1,1\n", 1, "qty", "there twice"),
        ("symbol,side,qty\n", None, "", "the basket has no order"),
        ("symbol,side,qty\nAAPL,buy\n", 2, "", "2 values, expected 3"),
        ("symbol,side,qty\nAAPL,buy,1,000\n", 2, "", "4 values, expected 3"),
        ("symbol,side,qty\nAAPL,buy,-5\n", 2, "qty", "above zero, found '-5'"),
        ("symbol,side,qty\nAAPL,buy,0\n", 2, "qty", "above zero, found '0'"),
        ("symbol,side,qty\nAAPL,buy,0.0\n", 2, "qty", "above zero"),
        ("symbol,side,qty\nAAPL,buy,NaN\n", 2, "qty", "above zero, found 'NaN'"),
        ("symbol,side,qty\nAAPL,buy,Infinity\n", 2, "qty", "above zero, found 'Infinity'"),
        ("symbol,side,qty\nAAPL,buy,1e3\n", 2, "qty", "above zero, found '1e3'"),
        ("symbol,side,qty\nAAPL,buy,ten\n", 2, "qty", "above zero, found 'ten'"),
        ("symbol,side,qty\nAAPL,buy,٣\n", 2, "qty", "above zero"),
        ("symbol,side,qty\nAAPL,buy,\n", 2, "qty", "either qty or notional"),
        ("symbol,side,qty,notional\nAAPL,buy,1,100\n", 2, "qty", "either qty or notional"),
        ("symbol,side,qty\nMSFT,buy,1\nAAPL,hold,1\n", 3, "side", "expected buy or sell, found 'hold'"),
        ("symbol,side,qty\nAAPL,,1\n", 2, "side", "expected buy or sell"),
        ("symbol,side,qty\n,buy,1\n", 2, "symbol", "expected a ticker"),
        ("symbol,side,qty\nA L,buy,1\n", 2, "symbol", "expected a ticker"),
        ("symbol,side,qty,type\nAAPL,buy,1,twap\n", 2, "type", "expected market or limit"),
        ("symbol,side,qty,type\nAAPL,buy,1,trailing_stop\n", 2, "type", "expected market or limit"),
        ("symbol,side,qty,type\nAAPL,buy,1,limit\n", 2, "limit_price", "a limit order needs one"),
        ("symbol,side,qty,type\nAAPL,sell,1,stop\n", 2, "stop_price", "a stop order needs one"),
        ("symbol,side,qty,limit_price\nAAPL,buy,1,9\n", 2, "limit_price", "a market order takes none"),
        ("symbol,side,qty,time_in_force\nAAPL,buy,1,soon\n", 2, "time_in_force", "expected day or"),
        ('symbol,side,qty\n"AAPL,buy,1\n', 2, "", "not CSV"),
    ],
)  # fmt: skip
def test_a_wrong_basket_is_refused(text: str, line: int | None, field: str, said: str) -> None:
    with pytest.raises(RefusedInputError) as refused:
        read(text)
    assert (refused.value.line, refused.value.field) == (line, field)
    assert said in str(refused.value)
