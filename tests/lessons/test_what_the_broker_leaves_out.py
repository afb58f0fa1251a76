"""A broker takes a field out of its answers, as one did overnight: nothing crashes, what is missing is
unknown, and never zero (failure 11; invariants 8, 21, 30)."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from wire_rows import account_row, activity_row, order_row, position_row, update_message

from db.model.base import Noun
from services.brokers.alpaca import outcomes, parsing
from services.brokers.alpaca.answer import Answer, UnreadableError
from services.brokers.port import Unresolved

CLOCK = {
    "timestamp": "2026-03-03T10:31:02.118204311-05:00",
    "is_open": True,
    "next_open": "2026-03-04T09:30:00-05:00",
    "next_close": "2026-03-03T16:00:00-05:00",
}
ORDER = order_row(filled_qty="5", filled_avg_price="45.48", status="partially_filled")
FILL = update_message(
    "partial_fill", qty="5", price="45.48", position_qty="5", order=order_row(filled_qty="5")
)

ANSWERS: dict[str, tuple[Callable[[Any], Noun], dict[str, Any], set[str]]] = {
    "account": (
        lambda row: parsing.account(row, "main"),
        account_row(),
        {"account_number", "cash", "equity", "buying_power"},
    ),
    "position": (
        lambda row: parsing.position(row, "main"),
        position_row(),
        {"symbol", "qty", "qty_available", "avg_entry_price"},
    ),
    "order": (
        lambda row: parsing.order(row, "main"),
        ORDER,
        {"id", "client_order_id", "status", "qty", "filled_qty"},
    ),
    "clock": (parsing.market_clock, CLOCK, set(CLOCK)),
    "execution": (
        lambda row: parsing.activity_fill(row, "main"),
        activity_row(),
        {"id", "order_id", "symbol", "side", "qty", "price", "transaction_time"},
    ),
    "stream": (
        lambda row: parsing.update({**FILL, "data": row}, "main"),
        FILL["data"],
        {"event", "order", "qty", "price"},
    ),
}
"""Answer → how it is read, as it comes, and the fields without which it says nothing."""
CASES = [(name, key) for name, (_, row, _) in ANSWERS.items() for key in row]


@pytest.mark.parametrize(("name", "key"), CASES, ids=[f"{n}-{k}" for n, k in CASES])
def test_each_field_in_turn(name: str, key: str) -> None:
    read, row, vital = ANSWERS[name]
    for less in ({k: v for k, v in row.items() if k != key}, {**row, key: None}):
        if key in vital:
            with pytest.raises(UnreadableError):
                read(less)
            continue
        whole, found = read(row).model_dump(), read(less).model_dump()
        for field, value in found.items():
            if isinstance(value, Decimal) and value != whole[field]:
                assert (field, value) == ("multiplier", 1), "no loan, when nobody says how much"


def test_a_position_that_names_no_side_is_short_by_its_sign() -> None:
    row = position_row(side=None)
    assert parsing.position(row, "main").qty == -40
    assert parsing.position({**row, "qty": "40", "qty_available": "40"}, "main").qty == 40


@pytest.mark.parametrize("key", ["id", "client_order_id", "status", "qty", "filled_qty"])
def test_an_accepted_order_whose_answer_lacks_it_is_unknown_not_failed(key: str) -> None:
    row = {k: v for k, v in ORDER.items() if k != key}
    answer = Answer(200, json.dumps(row))
    assert isinstance(outcomes.of_submit(answer, ORDER["client_order_id"], "main"), Unresolved)
