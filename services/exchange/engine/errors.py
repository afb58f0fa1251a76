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
    NO_SYMBOL = (404, 40410000, "symbol not found: {symbol}")
    NO_ASSET = (404, 40410000, "asset not found for {symbol}")
    NO_CONTRACT = (404, 40410000, "option contract not found for {symbol}")
    NO_WATCHLIST = (404, 40410000, "watchlist not found")
    NO_ANNOUNCEMENT = (404, 40410000, "announcement not found")
    NO_MARKET = (404, 40410000, "market not found: {market}")
    DATA_REQUEST = (400, None, "{reason}")
    NO_DATA = (404, None, "no {kind} found for {symbol}")
    INTERNAL = (500, 50010000, "internal server error occurred")

    UNKNOWN_ASSET = (422, 42210000, 'asset "{symbol}" not found')
    NOT_ACTIVE = (422, 42210000, 'asset "{symbol}" is not active')
    NOT_TRADABLE = (422, 42210000, 'asset "{symbol}" is not tradable')
    NOT_FRACTIONABLE = (403, 40310000, 'asset "{symbol}" is not fractionable')
    NOT_SHORTABLE = (422, 42210000, 'asset "{symbol}" cannot be sold short')
    HARD_TO_BORROW = (
        422,
        42210000,
        'only day orders are allowed for hard-to-borrow asset "{symbol}"',
    )
    CONTRACT_NOT_ACTIVE = (422, 42210000, 'contract "{symbol}" is not active')
    CLIENT_ID_TAKEN = (422, 40010001, "client_order_id must be unique")
    CLIENT_ID_LONG = (422, 40010001, "client_order_id must be no more than 128 characters")
    SUB_PENNY = (
        422,
        42210000,
        "invalid {name} {price}. sub-penny increment does not fulfill minimum pricing criteria",
    )
    STOP_NOT_BELOW = (422, 42210000, "stop price must be less than current price")
    STOP_NOT_ABOVE = (422, 42210000, "stop price must be greater than current price")
    BASE_PRICE_BELOW = (422, 42210000, "stop_loss.stop_price must be <= base_price - 0.01")
    BASE_PRICE_ABOVE = (422, 42210000, "stop_loss.stop_price must be >= base_price + 0.01")
    NOT_ENTRY = (422, 42210000, "{name} orders must be entry orders")
    NOT_EXIT = (422, 42210000, "{name} orders must be exit orders")
    FRACTIONAL_SHORT = (422, 42210000, "fractional orders cannot be sold short")
    LIMIT_DISTANCE = (422, 42210000, "limit price is too far from the current price")
    INTENT_MISMATCH = (
        422,
        42210000,
        "position intent mismatch, inferred: {inferred}, specified: {specified}",
    )
    OPTION_MARKET_HOURS = (
        422,
        42210000,
        "options market orders are only allowed during market hours",
    )
    OPTION_EXPIRY_DAY = (
        422,
        42210000,
        'contract "{symbol}" expires today: no opening orders from 3:30pm',
    )

    AUCTION_WINDOW = (
        403,
        40310000,
        "{tif} orders must be submitted after 7:00pm and before {cutoff}",
    )
    NOT_AUTHORIZED = (403, 40310000, "account is not authorized to trade")
    SUSPENDED = (403, 40310000, "new orders are rejected by user request")
    LIQUIDATION_ONLY = (403, 40310000, "account is restricted to liquidation only")
    NO_FRACTIONS = (403, 40310000, "account is not allowed to trade fractional shares")
    BUYING_POWER = (403, 40310000, "insufficient buying power")
    OPTIONS_BUYING_POWER = (403, 40310000, "insufficient options buying power")
    OPTIONS_LEVEL = (403, 40310000, "account not eligible for level{level} options trading")
    NOT_COVERED = (
        403,
        40310000,
        "insufficient underlying qty available for covered call"
        " (required: {required}, available: {available})",
    )
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
    BUY_WHILE_SHORTING = (
        403,
        40310000,
        "cannot open a long buy while a short sell order is open",
    )
    WASH_TRADE = (403, 40310000, "potential wash trade detected. use complex orders")
    COST_BASIS = (403, 40310000, "cost basis must be >= minimal amount of order 1")
    DAY_TRADE = (403, 40310100, "trade denied due to pattern day trading protection")
    NOT_CANCELABLE = (422, 42210000, 'order is already in "{status}" state')
    NOT_REPLACEABLE = (422, 42210000, "cannot replace order in {status} status")
    NOT_OPEN = (422, 42210000, "unable to replace order, order is not open")
    UNCHANGED = (422, 42210000, "order parameters are not changed")
    REPLACED = (422, 42210000, "order already replaced")
    CHAIN_UNSETTLED = (422, 42210000, "order chain not fully replaced")


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
