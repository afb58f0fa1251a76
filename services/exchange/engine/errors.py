"""Every refusal of the trading API in one table (alpaca.md §9): HTTP status, code, message.

Status and code are the contract; messages follow what Alpaca was seen to say.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Cause(Enum):
    """Why a request is refused: (HTTP status, code or None, message template)."""

    UNAUTHORIZED = (401, None, "unauthorized.")
    MALFORMED = (400, 40010000, "request body format is invalid")
    INVALID = (422, 40010001, "{reason}")
    UNPROCESSABLE = (422, 42210000, "{reason}")
    FORBIDDEN = (403, 40310000, "{reason}")
    RATE = (429, 42910000, "rate limit exceeded")
    NO_ENDPOINT = (404, 40410000, "endpoint not found")
    NO_ORDER = (404, 40410000, "order not found for {id}")
    NO_POSITION = (404, 40410000, "position does not exist")
    NO_ASSET = (404, 40410000, "asset not found for {symbol}")
    INTERNAL = (500, 50010000, "internal server error occurred")

    UNKNOWN_ASSET = (422, 42210000, 'asset "{symbol}" not found')
    NOT_TRADABLE = (422, 42210000, "asset {symbol} is not tradable")
    NOT_FRACTIONABLE = (403, 40310000, 'asset "{symbol}" is not fractionable')
    CLIENT_ID_TAKEN = (422, 40010001, "client_order_id must be unique")
    CLIENT_ID_LONG = (422, 40010001, "client_order_id must be no more than 128 characters")
    SUB_PENNY = (
        422,
        42210000,
        "invalid limit_price {price}. sub-penny increment does not fulfill minimum pricing"
        " criteria",
    )
    BUYING_POWER = (403, 40310000, "insufficient buying power")
    INSUFFICIENT_QTY = (
        403,
        40310000,
        "insufficient qty available for order (requested: {requested}, available: {available})",
    )
    NO_SHORTS = (403, 40310000, "account is not allowed to short")
    SHORT_WHILE_BUYING = (
        403,
        40310000,
        "cannot open a short sell while a long buy order is open",
    )
    WASH_TRADE = (403, 40310000, "potential wash trade detected. use complex orders")
    COST_BASIS = (403, 40310000, "cost basis must be >= minimal amount of order 1")
    NOT_CANCELABLE = (422, 42210000, 'order is already in "{status}" state')
    NOT_REPLACEABLE = (422, 42210000, "cannot replace order in {status} status")
    NOT_OPEN = (422, 42210000, "unable to replace order, order is not open")
    UNCHANGED = (422, 42210000, "order parameters are not changed")
    REPLACED = (422, 42210000, "order already replaced")


@dataclass
class RefusedError(Exception):
    """A refused request. `extra` are the fields Alpaca adds to the body (strings)."""

    cause: Cause
    words: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        status: int = self.cause.value[0]
        return status

    @property
    def body(self) -> dict[str, Any]:
        _, code, message = self.cause.value
        coded = {} if code is None else {"code": code}
        return {**coded, "message": message.format(**self.words), **self.extra}


def invalid(reason: str) -> RefusedError:
    """422/40010001: the request itself is wrong."""
    return RefusedError(Cause.INVALID, {"reason": reason})


def unprocessable(reason: str) -> RefusedError:
    """422/42210000: well formed, but against a trading rule."""
    return RefusedError(Cause.UNPROCESSABLE, {"reason": reason})
