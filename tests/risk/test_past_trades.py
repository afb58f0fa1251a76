"""What the desk tells the checks of the past: gains of earlier sales, and daily bars."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from db.model.market import Bar
from db.model.order import Fill, Side
from db.model.portfolio import Position
from services.brokers.alpaca.answer import UnreadableError
from services.brokers.alpaca.parsing import bars
from services.desk.past import trades_of

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)


def fill(text: str, minute: int) -> Fill:
    """`buy 10 at 50`."""
    side, qty, _, price = text.split()
    return Fill(
        execution_id=str(minute), account="main", order_id="o", symbol="AAA", side=Side(side),
        qty=Decimal(qty), price=Decimal(price), at=AT + timedelta(minutes=minute),
    )  # fmt: skip


def held(qty: str) -> list[Position]:
    shares = Decimal(qty)
    return [
        Position(
            account="main", symbol="AAA", qty=shares, qty_available=shares,
            avg_entry_price=Decimal(1),
        )
    ]  # fmt: skip


# fills, shares held now, gain of each
TABLE: list[tuple[list[str], str, list[str | None]]] = [
    (["buy 10 at 50", "sell 10 at 60"], "0", [None, "100"]),
    (["buy 10 at 50", "sell 4 at 40"], "6", [None, "-40"]),
    (["buy 10 at 50", "buy 10 at 70", "sell 5 at 61"], "15", [None, None, "5"]),  # 60 on average
    # 90 were there before: nobody here knows what those cost
    (["buy 10 at 50", "sell 4 at 40"], "96", [None, None]),
    (["sell 10 at 40"], "0", [None]),
    # all of those are gone: what comes after is known again
    (["sell 10 at 40", "buy 5 at 30", "sell 5 at 40"], "0", [None, None, "50"]),
    # through zero: a short has no gain that is told
    (["buy 5 at 30", "sell 10 at 40", "buy 5 at 30"], "0", [None, None, None]),
]


@pytest.mark.parametrize(("fills", "now", "gains"), TABLE)
def test_gains_of_earlier_sales(fills: list[str], now: str, gains: list[str | None]) -> None:
    told = list(trades_of([fill(text, n) for n, text in enumerate(fills)], held(now)))
    assert [None if t.gain is None else f"{t.gain:f}" for t in told] == gains


def test_a_page_of_daily_bars() -> None:
    row = {"t": "2026-01-05T05:00:00Z", "o": 99, "h": "101.5", "l": 98, "c": 100.25, "v": 7}
    found, token = bars({"bars": {"AAA": [row]}, "next_page_token": "more"})
    assert found == {
        "AAA": (
            Bar(
                date=date(2026, 1, 5), high=Decimal("101.5"), low=Decimal(98),
                close=Decimal("100.25"),
            ),
        )
    }  # fmt: skip
    assert token == "more"
    assert bars({"bars": None, "next_page_token": None}) == ({}, None)
    with pytest.raises(UnreadableError):
        bars({"bars": {"AAA": [{"t": "2026-01-05T05:00:00Z"}]}})
