"""Alpaca's documented refusals (alpaca.md §9) → our classes, and what counts as evidence
(invariant 8)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.brokers.alpaca import outcomes
from services.brokers.alpaca.answer import Answer, NoAnswerError
from services.brokers.port import (
    BrokerUnavailableError,
    CancelOutcome,
    Confirmed,
    Denied,
    Rejected,
    Unresolved,
    WrongCredentialsError,
)
from services.brokers.port import RejectionClass as R

MESSAGES = [
    (400, 40010000, "request body format is invalid", R.FORMAT),
    (401, None, "unauthorized.", R.RESTRICTED),
    (403, None, "forbidden.", R.RESTRICTED),
    (403, 40310000, "insufficient buying power", R.FUNDS),
    (403, 40310000, "insufficient options buying power", R.FUNDS),
    (
        403,
        40310000,
        "insufficient qty available for order (requested: 12, available: 0)",
        R.QUANTITY,
    ),
    (403, 40310000, "potential wash trade detected. use complex orders", R.WASH_TRADE),
    (403, 40310000, "account is not allowed to short", R.RESTRICTED),
    (403, 40310000, "account is not authorized to trade", R.RESTRICTED),
    (403, 40310000, "account is restricted to liquidation only", R.RESTRICTED),
    (403, 40310000, "cannot open a short sell while a long buy order is open", R.QUANTITY),
    (403, 40310000, "cost basis must be >= minimal amount of order 1", R.QUANTITY),
    (403, 40310000, "opg orders must be submitted after 7:00pm and before 9:28am", R.FORMAT),
    (403, 40310000, 'asset "XYZ" is not fractionable', R.QUANTITY),
    (403, 40310100, "trade denied due to pattern day trading protection", R.DAY_TRADES),
    (403, 40310100, "words that may change", R.DAY_TRADES),
    (422, 40010001, "client_order_id must be unique", R.DUPLICATE_ID),
    (422, 40010001, "client_order_id must be no more than 128 characters", R.FORMAT),
    (422, 40010001, "qty must be > 0", R.QUANTITY),
    (422, 40010001, "qty or notional is required", R.QUANTITY),
    (422, 40010001, "invalid side", R.FORMAT),
    (422, 40010001, "limit orders require a limit price", R.FORMAT),
    (422, 42210000, 'asset "XYZ" not found', R.FORMAT),
    (422, 42210000, "asset XYZ is not active", R.RESTRICTED),
    (422, 42210000, 'asset "QRS" cannot be sold short', R.RESTRICTED),
    (422, 42210000, "only day orders are allowed for hard-to-borrow asset", R.RESTRICTED),
    (
        422,
        42210000,
        "invalid limit_price 45.123. sub-penny increment does not fulfill minimum pricing criteria",
        R.FORMAT,
    ),
    (422, 42210000, "fractional orders must be DAY orders", R.QUANTITY),
    (422, 42210000, "bracket orders must be entry orders", R.FORMAT),
    (422, 42210000, "market order rejected due to trading halt on symbol: XYZ", R.HALTED),
    (429, 42910000, "rate limit exceeded", R.RATE_LIMIT),
]


@pytest.mark.parametrize(("status", "code", "message", "expected"), MESSAGES)
def test_each_documented_refusal_has_its_class(
    status: int, code: int | None, message: str, expected: R
) -> None:
    body = {"message": message} if code is None else {"code": code, "message": message}
    outcome = outcomes.of_submit(Answer(status, json.dumps(body)), "qd-1", "main")
    assert outcome == Rejected(category=expected, status=status, code=code, message=message)


@given(st.integers(100, 599), st.text(max_size=80))
def test_no_answer_without_the_order_confirms_and_no_unreadable_one_rejects(
    status: int, text: str
) -> None:
    """Whatever comes back, an outcome comes out; only evidence settles it."""
    outcome = outcomes.of_submit(Answer(status, text), "qd-1", "main")
    assert not isinstance(outcome, Confirmed | Denied)
    if isinstance(outcome, Rejected):
        readable = Answer(status, text).refusal() is not None
        assert status in outcomes.DEFINITE_BY_STATUS or (status in outcomes.DEFINITE and readable)


@given(st.integers(500, 599), st.integers(), st.text())
def test_a_server_error_never_rejects_whatever_it_says(
    status: int, code: int, message: str
) -> None:
    answer = Answer(status, json.dumps({"code": code, "message": message}))
    assert isinstance(outcomes.of_submit(answer, "qd-1", "main"), Unresolved)


def test_silence_is_denied_only_when_nothing_can_have_left() -> None:
    assert isinstance(outcomes.of_silence(NoAnswerError("refused", never_left=True)), Denied)
    assert isinstance(outcomes.of_silence(NoAnswerError("timed out")), Unresolved)


CANCELS = [
    (204, "", CancelOutcome.ACCEPTED),
    (200, "{}", CancelOutcome.ACCEPTED),
    (404, '{"code": 40410000, "message": "order not found for a"}', CancelOutcome.NOT_FOUND),
    (404, '{"code": 40410000, "message": "endpoint not found"}', CancelOutcome.UNRESOLVED),
    (404, "<html>", CancelOutcome.UNRESOLVED),
    (
        422,
        '{"code": 42210000, "message": "order is already in \\"filled\\" state"}',
        CancelOutcome.ALREADY_CLOSED,
    ),
    (
        422,
        '{"code": 42210000, "message": "order is pending replacement"}',
        CancelOutcome.UNRESOLVED,
    ),
    (422, "<html>", CancelOutcome.UNRESOLVED),
    (429, '{"message": "too many requests."}', CancelOutcome.UNRESOLVED),
    (500, "", CancelOutcome.UNRESOLVED),
    (302, "", CancelOutcome.UNRESOLVED),
]


@pytest.mark.parametrize(("status", "text", "expected"), CANCELS)
def test_a_cancel_is_what_the_broker_says_and_unresolved_otherwise(
    status: int, text: str, expected: CancelOutcome
) -> None:
    assert outcomes.of_cancel(Answer(status, text)) is expected


def test_a_bulk_cancel_has_an_outcome_for_each_order() -> None:
    rows = [
        {"id": "a", "status": 200},
        {"id": "b", "status": 404, "body": {"code": 40410000, "message": "order not found"}},
        {"id": "c", "status": 422, "body": {"code": 42210000, "message": "order is not open"}},
        {"id": "d", "status": 500, "body": {"code": 50010000, "message": "internal"}},
        {"id": "e"},
    ]
    assert outcomes.of_bulk_cancel(rows) == {
        "a": CancelOutcome.ACCEPTED,
        "b": CancelOutcome.NOT_FOUND,
        "c": CancelOutcome.ALREADY_CLOSED,
        "d": CancelOutcome.UNRESOLVED,
        "e": CancelOutcome.UNRESOLVED,
    }


@pytest.mark.parametrize("status", [401, 403])
def test_refused_keys_are_named_as_such(status: int) -> None:
    assert isinstance(outcomes.of_failed_read(Answer(status, ""), "x"), WrongCredentialsError)


def test_other_failed_reads_are_unavailability_in_the_brokers_words() -> None:
    error = outcomes.of_failed_read(Answer(422, '{"message": "bad symbol"}'), "quotes")
    assert type(error) is BrokerUnavailableError
    assert str(error) == "The broker answered 422 for quotes: bad symbol."
