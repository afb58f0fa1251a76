"""Tolerant where nothing is lost by it, strict where a guess would be a wrong number
(invariants 6, 21)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_rows import account_row, activity_row, order_row, position_row, update_message

from db.model.order import OrderState, Side
from services.brokers.alpaca import parsing
from services.brokers.alpaca.answer import UnreadableError, decoded

STATUSES = [
    "new",
    "partially_filled",
    "filled",
    "done_for_day",
    "canceled",
    "expired",
    "replaced",
    "pending_cancel",
    "pending_replace",
    "pending_review",
    "accepted",
    "pending_new",
    "accepted_for_bidding",
    "stopped",
    "rejected",
    "suspended",
    "calculated",
    "held",
]
TERMINAL = {"filled", "canceled", "expired", "replaced", "rejected"}


@pytest.mark.parametrize("status", STATUSES)
def test_each_documented_status_has_a_state_terminal_as_at_the_broker(status: str) -> None:
    state = parsing.state_of(status, Decimal(0))
    assert state is not None
    assert state.terminal is (status in TERMINAL)


@given(st.text().filter(lambda word: word not in STATUSES))
def test_an_unknown_status_has_no_state_and_keeps_its_word(status: str) -> None:
    assert parsing.state_of(status, Decimal(0)) is None


@pytest.mark.parametrize("status", ["new", "pending_replace", "stopped"])
def test_a_working_order_with_fills_is_partially_filled(status: str) -> None:
    assert parsing.state_of(status, Decimal(1)) is OrderState.PARTIALLY_FILLED
    assert parsing.state_of("pending_cancel", Decimal(1)) is OrderState.PENDING_CANCEL


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9))
def test_numbers_are_exact_as_text_and_as_json_numbers(value: Decimal) -> None:
    assert parsing.number({"x": str(value)}, "x") == value
    assert parsing.number(decoded(f'{{"x": {value:f}}}'), "x") == value


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-inf", "1,5", "abc", True, [], {}])
def test_what_is_no_number_is_never_one(value: Any) -> None:
    with pytest.raises(UnreadableError):
        parsing.number({"x": value}, "x")


@pytest.mark.parametrize("value", ['{"x": NaN}', '{"x": Infinity}', "", "<html>", "[" * 100_000])
def test_what_is_no_json_is_unreadable(value: str) -> None:
    with pytest.raises(UnreadableError):
        decoded(value)


MOMENT = datetime(2026, 3, 3, 14, 31, 2, 118204, tzinfo=UTC)
TIMES = [
    ("2026-03-03T14:31:02.118204311Z", MOMENT),
    ("2026-03-03T14:31:02.118204Z", MOMENT),
    ("2026-03-03T09:31:02.118204-05:00", MOMENT),
    ("2026-03-03T14:31:02Z", MOMENT.replace(microsecond=0)),
    (msgpack.Timestamp(1772548262, 118204311), MOMENT),
    (None, None),
    ("", None),
]


@pytest.mark.parametrize(("value", "expected"), TIMES)
def test_times_are_utc_with_nine_digits_cut_to_six(value: Any, expected: datetime | None) -> None:
    assert parsing.moment({"t": value}, "t") == expected


@pytest.mark.parametrize("value", ["2026-03-03T14:31:02", "yesterday", 1772548262, "2026-13-01Z"])
def test_a_time_without_an_offset_is_no_time(value: Any) -> None:
    with pytest.raises(UnreadableError):
        parsing.moment({"t": value}, "t")


def test_an_order_as_sent_becomes_ours() -> None:
    order = parsing.order(order_row(filled_qty="5", filled_avg_price="45.48"), "main")
    assert (order.qty, order.filled_qty, order.limit_price) == (
        Decimal(12),
        Decimal(5),
        Decimal("45.5"),
    )
    assert (order.side, order.state) == (Side.BUY, OrderState.PARTIALLY_FILLED)
    assert order.updated_at == datetime(2026, 3, 3, 14, 31, 2, 120887, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "from_the_future"},
        {"order_class": None},
        {"asset_class": "moon_rocks"},
        {"side": "lend"},
        {"type": None, "order_type": "iceberg"},
        {"limit_price": 45.5},
        {"extra": "field"},
        {"symbol": ""},
    ],
)
def test_unknown_words_and_missing_extras_never_lose_an_order(changes: dict[str, Any]) -> None:
    assert parsing.order(order_row(**changes), "main").order_id


@pytest.mark.parametrize("key", ["id", "client_order_id", "status"])
@pytest.mark.parametrize("value", [None, "", 5])
def test_an_order_without_its_identity_is_unreadable(key: str, value: Any) -> None:
    with pytest.raises(UnreadableError):
        parsing.order(order_row(**{key: value}), "main")


def test_nested_legs_come_out_after_their_parent_each_once() -> None:
    leg = order_row(id="leg-1", status="held", type="stop", legs=None)
    family = parsing.family(order_row(id="parent", legs=[leg, {**leg, "id": "leg-2"}]), "main")
    assert [order.order_id for order in family] == ["parent", "leg-1", "leg-2"]
    assert family[1].state is OrderState.HELD


@pytest.mark.parametrize("qty", ["-40", "40"])
def test_a_short_position_is_negative_whatever_sign_is_sent(qty: str) -> None:
    position = parsing.position(position_row(qty=qty, qty_available=qty), "main")
    assert position.qty == position.qty_available == Decimal(-40)


def test_a_long_position_has_the_quantity_not_held_by_orders() -> None:
    position = parsing.position(position_row(side="long", qty="40", qty_available="28"), "main")
    assert (position.qty, position.qty_available) == (Decimal(40), Decimal(28))


@pytest.mark.parametrize("key", ["symbol", "qty", "qty_available", "avg_entry_price"])
def test_a_position_without_a_figure_is_unreadable_not_guessed(key: str) -> None:
    with pytest.raises(UnreadableError):
        parsing.position(position_row(**{key: None}), "main")


@pytest.mark.parametrize("key", ["cash", "equity", "buying_power", "account_number"])
def test_an_account_without_a_figure_is_unreadable_not_guessed(key: str) -> None:
    with pytest.raises(UnreadableError):
        parsing.account(account_row(**{key: None}), "main")


@pytest.mark.parametrize("key", ["trading_blocked", "account_blocked", "trade_suspended_by_user"])
def test_any_block_blocks_the_account(key: str) -> None:
    assert not parsing.account(account_row(), "main").trading_blocked
    assert parsing.account(account_row(**{key: True}), "main").trading_blocked


@pytest.mark.parametrize("event", ["fill", "partial_fill"])
def test_an_execution_on_the_stream_is_a_fill(event: str) -> None:
    message = update_message(event, price="45.48", qty="5", position_qty="-5")
    update = parsing.update(message, "main")
    assert update.fill is not None
    assert (update.fill.qty, update.fill.price) == (Decimal(5), Decimal("45.48"))
    assert update.position_qty == Decimal(-5)


def test_other_events_known_or_not_carry_the_order_only() -> None:
    for event in ("new", "canceled", "trade_bust", "from_the_future"):
        update = parsing.update(update_message(event), "main")
        assert (update.event, update.fill) == (event, None)


@pytest.mark.parametrize(
    "data",
    [
        {"price": None, "qty": "5"},
        {"price": "45.48", "qty": "0"},
        {"price": "45.48", "qty": "5", "order": order_row(side="lend")},
        {"order": None},
        {"order": order_row(status=None)},
    ],
)
def test_an_execution_that_cannot_be_read_is_never_passed_over(data: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        parsing.update(update_message("fill", **data), "main")


def test_the_executions_own_id_is_what_follows_the_activitys_time() -> None:
    fill = parsing.activity_fill(activity_row(7), "main")
    assert fill.execution_id == "00000007-3b52-4c1b-9d0e-6d5b0b6c7e10"
    assert parsing.activity_fill(activity_row(7, side="sell_short"), "main").side is Side.SELL


def test_a_side_without_a_quote_is_none_not_zero() -> None:
    row = {"bp": 0, "ap": Decimal("45.49"), "bs": 0, "as": 500, "t": "2026-03-03T14:31:02Z"}
    quote = parsing.quote(row, "XYZ", "poll")
    assert (quote.bid, quote.ask, quote.mid) == (None, Decimal("45.49"), None)
