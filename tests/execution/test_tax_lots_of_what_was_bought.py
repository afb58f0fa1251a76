"""The lots that fills leave, first in, first out; and what is of no known lot (spec 4, Dry run)."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from execution_makers import Log
from hypothesis import given
from hypothesis import strategies as st
from plan_makers import NOON

from db.model.event import Event
from db.model.portfolio import Position
from services.execution import tax_book
from services.execution.tax_book import Bought, known_lots


def events(*told: str) -> Sequence[Event]:
    """`buy 10 at 50`, a day after the one before; `adopt 30`; `next` for another day."""
    log, day = Log(), 0
    for n, text in enumerate(told):
        kind, *rest = text.split()
        about: dict[str, object] = {"account": "main", "symbol": "AAA", "plan_id": None}
        if kind == "adopt":
            log.write("PositionAdopted", **about, payload={"qty": rest[0]})
        elif kind == "next":
            day += 1
        else:
            fill = {
                "execution_id": f"x{n}", "account": "main", "order_id": "b", "symbol": "AAA",
                "side": kind, "qty": rest[0], "price": rest[2],
                "at": (NOON + timedelta(days=day)).isoformat(),
            }  # fmt: skip
            log.write("FillReceived", **about, payload={"fill": fill})
    return log.events


def held(*told: str) -> Bought:
    return tax_book.after({}, events(*told)).get(("main", "AAA"), Bought())


# told, shares, (day after the first, shares, price) of each lot that is left
TABLE: list[tuple[tuple[str, ...], str, list[tuple[int, str, str]]]] = [
    (("buy 10 at 50",), "10", [(0, "10", "50")]),
    (("buy 10 at 50", "next", "buy 5 at 60"), "15", [(0, "10", "50"), (1, "5", "60")]),
    # an order filled in parts is one lot: 4 + 6; at another price, or on another day, it is two
    (("buy 4 at 50", "buy 6 at 50"), "10", [(0, "10", "50")]),
    (("buy 4 at 50", "buy 6 at 51"), "10", [(0, "4", "50"), (0, "6", "51")]),
    (("buy 4 at 50", "next", "buy 6 at 50"), "10", [(0, "4", "50"), (1, "6", "50")]),
    # first in, first out: 12 − 10 = 2 of the second lot, 8 − 2 = 6 are left
    (("buy 10 at 50", "next", "buy 8 at 60", "sell 12 at 70"), "6", [(1, "6", "60")]),
    (("buy 10 at 50", "sell 10 at 70"), "0", []),
    (("buy 10 at 50", "sell 10 at 70", "next", "buy 3 at 40"), "3", [(1, "3", "40")]),
    # 30 were there before: they are older, and go first: of 40, 30 + 2 are sold
    (("adopt 30", "buy 10 at 50", "sell 25 at 60"), "15", [(0, "10", "50")]),
    (("adopt 30", "buy 10 at 50", "sell 32 at 60"), "8", [(0, "8", "50")]),
    # an adoption of what we had changes nothing; of anything else, nobody knows the lots
    (("buy 10 at 50", "adopt 10"), "10", [(0, "10", "50")]),
    (("buy 10 at 50", "adopt 20"), "20", []),  # a split, say
    (("buy 10 at 50", "adopt 9"), "9", []),
    (("buy 10 at 50", "adopt 20", "next", "buy 5 at 30"), "25", [(1, "5", "30")]),
    # what covers a short is no lot: 10 sold, 4 bought back, then 9: 6 cover, 3 are held
    (("sell 10 at 50", "buy 4 at 40"), "-6", []),
    (("sell 10 at 50", "buy 4 at 40", "buy 9 at 40"), "3", [(0, "3", "40")]),
    (("buy 2 at 50", "sell 5 at 60"), "-3", []),
]  # fmt: skip


@pytest.mark.parametrize(("told", "qty", "lots"), TABLE)
def test_the_lots_that_are_left(
    told: tuple[str, ...], qty: str, lots: list[tuple[int, str, str]]
) -> None:
    found = held(*told)
    assert found.qty == Decimal(qty)
    days = [(lot.acquired - NOON.date()).days for lot in found.lots]
    left = [(f"{lot.qty:f}", f"{lot.price:f}") for lot in found.lots]
    assert [(day, *rest) for day, rest in zip(days, left, strict=True)] == lots


@pytest.mark.parametrize(("shares", "known"), [("10", True), ("9", False), ("11", False)])
def test_where_the_broker_holds_another_number_no_lot_is_known(shares: str, known: bool) -> None:
    book = tax_book.after({}, events("buy 10 at 50"))
    qty = Decimal(shares)
    position = Position(
        account="main", symbol="AAA", qty=qty, qty_available=qty, avg_entry_price=Decimal(50)
    )
    assert (("main", "AAA") in known_lots(book, [position])) is known


trades = st.lists(
    st.one_of(
        st.builds("{} {} at {}".format, st.sampled_from(["buy", "sell"]), st.integers(1, 9),
                  st.integers(40, 42)),
        st.builds("adopt {}".format, st.integers(0, 20)),
        st.just("next"),
    ),
    max_size=15,
)  # fmt: skip


@given(trades)
def test_share_by_share_the_lots_are_the_same(told: list[str]) -> None:
    """An oracle that keeps a queue of single shares; one of no known lot is None."""
    shares: list[str | None] = []
    short = 0
    for text in told:
        kind, *rest = text.split()
        qty = int(rest[0]) if rest else 0
        if kind == "adopt" and qty != len(shares) - short:
            shares, short = [None] * qty, 0
        elif kind == "sell":
            short += max(qty - len(shares), 0)
            shares = shares[qty:]
        elif kind == "buy":
            covered = min(short, qty)
            short -= covered
            shares += [rest[2]] * (qty - covered)
    found = held(*told)
    assert found.qty == len(shares) - short
    told_lots = [f"{lot.price:f}" for lot in found.lots for _ in range(int(lot.qty))]
    assert told_lots == [price for price in shares if price is not None]
    assert sum((lot.qty for lot in found.lots), Decimal(0)) <= max(found.qty, Decimal(0))
