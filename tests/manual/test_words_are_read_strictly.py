"""What the trader types of a ticket: read whole, refused in a sentence, or asked about. No desk."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hand_makers import AT, NEW_YORK, ticket
from hypothesis import given
from hypothesis import strategies as st

from db.model.order import Fill, OrderState, Side
from db.model.ticket import Claim, Ticket
from services.brokers.manual.typed import (
    WrongInputError,
    doubt,
    meant_again,
    read_claim,
    read_time,
)


def claimed(one: Ticket, **typed: str) -> Claim:
    return read_claim(one, {"qty": "10", "price": "80", **typed}, AT, NEW_YORK)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"qty": ""}, "quantity is missing"),
        ({"price": ""}, "price is missing"),
        ({"qty": "ten"}, "no number"),
        ({"qty": "0"}, "above zero"),
        ({"qty": "-5"}, "above zero"),
        ({"qty": "151"}, "150 can still fill"),
        ({"price": "nan"}, "no sensible number"),
        ({"price": "1e999"}, "no sensible number"),
        ({"price": "1,23"}, "no number"),
        ({"price": "1.0000000001"}, "decimals"),
        ({"fee": "-1"}, "can't be"),
        ({"fee": "800"}, "can't be"),
        ({"at": "25:00"}, "no time"),
        ({"at": "tomorrow"}, "no time"),
        ({"at": "12:00"}, "still to come"),
        ({"at": "09:31"}, "can't have filled"),
        ({"confirmation": "x" * 61}, "at most 60"),
    ],
)
def test_what_cannot_be_is_one_sentence(typed: dict[str, str], said: str) -> None:
    with pytest.raises(WrongInputError, match=said) as refused:
        claimed(ticket(), **typed)
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)


def test_numbers_are_read_as_brokers_print_them() -> None:
    claim = claimed(ticket(), qty="100", price="$1,234.50", fee="$1.25", at="10:29")
    assert (claim.fill.price, claim.fee) == (Decimal("1234.50"), Decimal("1.25"))
    assert claim.fill.at == AT.replace(minute=30) - timedelta(minutes=1)


def test_no_more_fills_than_the_ticket_is_for() -> None:
    part = ticket(("100", "80"), ("20", "80.01"))
    with pytest.raises(WrongInputError, match="30 can still fill"):
        claimed(part, qty="31")
    assert claimed(part, qty="30").fill.qty == 30
    with pytest.raises(WrongInputError, match="in full already"):
        claimed(ticket(("150", "80")))


def test_the_same_words_are_the_same_execution() -> None:
    """Invariant 10: an execution changes state at most once, whatever it was typed with."""
    once, twice = claimed(ticket()), claimed(ticket())
    assert once.fill.execution_id == twice.fill.execution_id
    assert once.fill.execution_id != claimed(ticket(), price="80.01").fill.execution_id
    numbered = {claimed(ticket(), confirmation="A1", qty=qty).fill.execution_id for qty in "12"}
    assert len(numbered) == 1, "the broker's number names it"


def test_a_second_fill_meant_so_gets_an_id_of_its_own() -> None:
    part = ticket(("10", "80"))
    again = claimed(part)
    assert "already" in (doubt(part, again, Decimal(80)) or "")
    ids = {part.claims[0].fill.execution_id, meant_again(part, again).fill.execution_id}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("one", "typed", "expected", "said"),
    [
        (ticket(limit="80"), {"price": "79.99"}, "80", "limit 80"),
        (ticket(limit="80", side=Side.BUY), {"price": "80.01"}, "80", "limit 80"),
        (ticket(), {"price": "800"}, "80", "away"),
        (ticket(), {"price": "8"}, None, None),
        (ticket(), {"fee": "100"}, "80", "fee of 100"),
        (ticket(limit="80"), {"price": "80"}, "80", None),
        (ticket(limit="80"), {"price": "81"}, "80", None),
    ],
)
def test_what_is_unlikely_is_asked_about(
    one: Ticket, typed: dict[str, str], expected: str | None, said: str | None
) -> None:
    question = doubt(one, claimed(one, **typed), None if expected is None else Decimal(expected))
    assert (question is None) if said is None else (said in (question or ""))


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_anything_typed_is_read_or_refused(qty: str, price: str, fee: str, at: str) -> None:
    one = ticket()
    try:
        claim = claimed(one, qty=qty, price=price, fee=fee, at=at)
    except WrongInputError as refused:
        assert str(refused)
    else:
        assert 0 < claim.fill.qty <= one.left
        assert 0 <= claim.fee < claim.fill.qty * claim.fill.price
        assert claim.fill.at <= AT


def test_a_time_without_a_date_is_of_today_where_the_trader_is() -> None:
    assert read_time("10:05", AT, NEW_YORK) == datetime(2026, 1, 5, 15, 5, tzinfo=UTC)
    assert read_time("", AT, NEW_YORK) == AT


def test_the_line_and_the_states_of_a_ticket() -> None:
    one = ticket(limit="79.5")
    assert one.line == "SELL 150 NEM LIMIT 79.50 DAY in account main"
    assert one.state is OrderState.SENT
    entered = one.model_copy(update={"entered_at": AT})
    assert entered.state is OrderState.ACKNOWLEDGED
    wanted = entered.model_copy(update={"cancel_by_hand": True})
    assert wanted.state is OrderState.PENDING_CANCEL
    assert "cancelled" in {item.name for item in wanted.checklist}
    assert "cancelled" not in {item.name for item in entered.checklist}
    assert isinstance(ticket(("150", "80")).claims[0].fill, Fill)
    assert ticket(("150", "80")).state is OrderState.FILLED
