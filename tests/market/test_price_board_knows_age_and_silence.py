"""A price has an age; a stream that says nothing is replaced by polling, and that is said."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from db.model.market import Quote
from services.market.board import SILENCE, PriceBoard

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def board(clock: Hand) -> PriceBoard:
    return PriceBoard(clock)


def quote(at: datetime = NOON, source: str = "stream", bid: str = "45.47") -> Quote:
    return Quote(symbol="XYZ", bid=Decimal(bid), ask=Decimal("45.49"), at=at, source=source)


def test_an_unknown_price_is_stale_and_has_no_age(board: PriceBoard) -> None:
    assert board.quote("XYZ") is None
    assert board.age("XYZ") is None
    assert board.stale("XYZ", 1_000_000)


def test_a_price_ages_and_becomes_stale(board: PriceBoard, clock: Hand) -> None:
    board.update(quote())
    clock.at += 10
    assert board.age("XYZ") == 10
    assert not board.stale("XYZ", 10)
    assert board.stale("XYZ", 9.9)


def test_an_old_price_polled_now_is_as_old_as_it_says(board: PriceBoard) -> None:
    board.update(quote(NOON - timedelta(hours=1), "poll"), market_now=NOON)
    assert board.age("XYZ") == 3600


def test_a_price_from_the_future_is_not_younger_than_now(board: PriceBoard) -> None:
    board.update(quote(NOON + timedelta(seconds=3)), market_now=NOON)
    assert board.age("XYZ") == 0


def test_an_older_quote_never_replaces_a_newer_one(board: PriceBoard, clock: Hand) -> None:
    assert board.update(quote())
    clock.at += 1
    assert not board.update(quote(NOON - timedelta(seconds=1), bid="1"))
    assert board.quotes() == {"XYZ": quote()}
    assert board.age("XYZ") == 1


def test_silence_is_counted_from_the_last_streamed_quote(board: PriceBoard, clock: Hand) -> None:
    board.watch(frozenset({"XYZ"}))
    board.update(quote())
    clock.at += SILENCE
    assert not board.silent()
    clock.at += 0.1
    assert board.silent()
    board.update(quote(NOON + timedelta(seconds=5), "poll"))
    assert board.silent(), "a polled quote does not make the stream speak"
    board.update(quote(NOON + timedelta(seconds=6)))
    assert not board.silent()


def test_nothing_watched_is_never_silent(board: PriceBoard, clock: Hand) -> None:
    clock.at += 1000
    assert not board.silent()
    board.watch(frozenset({"XYZ"}))
    assert not board.silent(), "silence is counted from the asking"


def test_polling_takes_over_in_market_hours_and_says_so(board: PriceBoard, clock: Hand) -> None:
    board.watch(frozenset({"XYZ"}))
    assert board.polling(market_open=True) is None
    clock.at += 7
    assert board.polling(market_open=False) is None
    reason = board.polling(market_open=True)
    assert reason == "No quote has been streamed for 7 s: prices are polled."


def test_a_symbol_of_which_nothing_comes_is_overdue_though_the_stream_speaks(
    board: PriceBoard, clock: Hand
) -> None:
    board.watch(frozenset({"XYZ", "QRS"}))
    assert board.overdue() == {"XYZ", "QRS"}
    board.update(quote())
    assert board.overdue() == {"QRS"}
    board.update(quote(source="poll").model_copy(update={"symbol": "QRS"}))
    assert board.overdue() == frozenset()
    clock.at += SILENCE + 0.1
    board.update(quote())
    assert board.overdue() == {"QRS"}
