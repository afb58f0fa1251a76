"""What an answer to a write means. Pure: one table of statuses, one of words (alpaca.md §9).

Only an answer that is the broker's own, readable and definite settles anything; all else is
unresolved until the broker is asked."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from services.brokers.alpaca import parsing
from services.brokers.alpaca.answer import Answer, NoAnswerError, UnreadableError
from services.brokers.port import (
    BrokerUnavailableError,
    CancelOutcome,
    Confirmed,
    Denied,
    Rejected,
    RejectionClass,
    SubmitOutcome,
    Unresolved,
    WrongCredentialsError,
)

NOT_FOUND = 40410000

DEFINITE = frozenset({400, 401, 403, 404, 405, 413, 415, 422, 429})
"""Statuses that, with a message of the broker's, mean that no order exists."""

DEFINITE_BY_STATUS = frozenset({401, 429})
"""Said before the order is looked at, so the status is enough even with an unreadable body."""

_WORDS: Sequence[tuple[RejectionClass, str]] = (
    (RejectionClass.DUPLICATE_ID, r"client_order_id must be unique"),
    (RejectionClass.WASH_TRADE, r"wash trade"),
    (RejectionClass.DAY_TRADES, r"pattern day trading|day trad"),
    (RejectionClass.HALTED, r"\bhalt"),
    (RejectionClass.FUNDS, r"insufficient (\w+ )?(buying power|funds|balance)"),
    (RejectionClass.REGULATORY, r"regulat|reg sho|short sale restriction|limit up|limit down"),
    (
        RejectionClass.QUANTITY,
        r"insufficient .*qty|while a (long|short) \w+ order is open|qty must be|qty or notional"
        r"|notional amount|cost basis|fraction",
    ),
    (
        RejectionClass.RESTRICTED,
        r"not allowed to|not authorized|unauthorized|forbidden|restricted|not eligible|blocked"
        r"|cannot be sold short|hard-to-borrow|not tradable|is not active",
    ),
    (RejectionClass.FORMAT, r"must be submitted"),
)
"""First match wins; searched without regard to case."""

_BY_STATUS = {
    400: RejectionClass.FORMAT,
    401: RejectionClass.RESTRICTED,
    422: RejectionClass.FORMAT,
    429: RejectionClass.RATE_LIMIT,
}

_DAY_TRADES = 40310100

_CLOSED = re.compile(
    r"already in .*state|already (filled|cancell?ed|expired|replaced|rejected|closed)"
    r"|not (open|cancell?able)",
    re.IGNORECASE,
)


def category(status: int, code: int | None, message: str) -> RejectionClass:
    """The class of a definite refusal (spec 5, Submitting, step 4)."""
    if code == _DAY_TRADES:
        return RejectionClass.DAY_TRADES
    if status == 429:
        return RejectionClass.RATE_LIMIT
    for found, words in _WORDS:
        if re.search(words, message, re.IGNORECASE):
            return found
    return _BY_STATUS.get(status, RejectionClass.OTHER)


def of_submit(answer: Answer, client_order_id: str, account: str) -> SubmitOutcome:
    """The outcome of POST /v2/orders from its answer."""
    if answer.ok:
        return _confirmed(answer, client_order_id, account)
    refusal = answer.refusal()
    if refusal is None and answer.status in DEFINITE_BY_STATUS:
        refusal = (None, "too many requests" if answer.status == 429 else "unauthorized")
    if refusal is None or answer.status not in DEFINITE:
        return Unresolved(reason=f"the broker answered {answer.status}{_quoted(answer)}")
    code, message = refusal
    return Rejected(
        category=category(answer.status, code, message),
        status=answer.status,
        code=code,
        message=message,
    )


def _confirmed(answer: Answer, client_order_id: str, account: str) -> Confirmed | Unresolved:
    try:
        order = parsing.order(answer.json(), account)
    except (UnreadableError, ValidationError) as error:
        return Unresolved(reason=f"the broker answered {answer.status} but {said(error)}")
    if order.client_order_id != client_order_id:
        return Unresolved(reason=f"the broker answered with another order, {order.client_order_id}")
    return Confirmed(order=order)


def of_silence(error: NoAnswerError) -> Denied | Unresolved:
    """The outcome of a write without an answer."""
    if error.never_left:
        return Denied(reason=f"never left: {error}")
    return Unresolved(reason=str(error))


def of_cancel(answer: Answer) -> CancelOutcome:
    """The outcome of DELETE /v2/orders/{id}, and of one row of the bulk cancel."""
    if answer.ok:
        return CancelOutcome.ACCEPTED
    if says_not_found(answer):
        return CancelOutcome.NOT_FOUND
    refusal = answer.refusal()
    if answer.status == 422 and refusal is not None and _CLOSED.search(refusal[1]):
        return CancelOutcome.ALREADY_CLOSED
    return CancelOutcome.UNRESOLVED


def of_bulk_cancel(body: Any) -> dict[str, CancelOutcome]:
    """Broker order id → outcome, from the rows of a 207. Raises UnreadableError."""
    return {
        parsing.required_text(row, "id"): of_cancel(_answer_of(row))
        for row in parsing.rows(body, "cancels")
    }


def _answer_of(row: Mapping[str, Any]) -> Answer:
    status = row.get("status")
    body = row.get("body")
    return Answer(
        status if isinstance(status, int) else 0,
        json.dumps(body, default=str) if isinstance(body, dict) else "",
    )


def says_not_found(answer: Answer) -> bool:
    """True only for the broker's own "not found": a gateway's 404, or one for the path, is not
    evidence about an order."""
    refusal = answer.refusal()
    if answer.status != 404 or refusal is None:
        return False
    code, message = refusal
    return code == NOT_FOUND and "endpoint" not in message.lower()


def of_failed_read(answer: Answer, what: str) -> BrokerUnavailableError:
    """The error of a read that the broker did not answer with what was asked for."""
    if answer.status in (401, 403):
        return WrongCredentialsError(
            f"The broker refused the API keys ({answer.status}) for {what}:"
            " check the keys, and that they belong to this environment."
        )
    return BrokerUnavailableError(
        f"The broker answered {answer.status} for {what}{_quoted(answer)}."
    )


def said(error: Exception) -> str:
    """What was unreadable, without the broker's data in it."""
    return parsing.sentence(error) if isinstance(error, ValidationError) else str(error)


def _quoted(answer: Answer) -> str:
    refusal = answer.refusal()
    return f": {refusal[1]}" if refusal else ""
