"""What faults make of one REST request: how long it waits, whether it is processed, what is sent."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from services.exchange.engine.errors import Cause, RefusedError, unprocessable
from services.exchange.rest.call import Answer
from services.exchange.scenarios.faults import (
    Delay,
    Drop,
    Fault,
    GatewayTimeout,
    Hang,
    MalformedJson,
    MissingField,
    RateLimited,
    Refuse,
    ServerError,
    StalePositions,
    TruncatedList,
    Unavailable,
    UnknownValue,
    name_of,
)
from services.exchange.scenarios.spoilt_json import saying, without

JSON, HTML = "application/json", "text/html"
PAGES = {
    500: "500 Internal Server Error",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
}
REFUSALS = {
    "wash_trade": RefusedError(
        Cause.WASH_TRADE, extra={"reject_reason": "opposite side market/stop order exists"}
    ),
    "order_not_found": RefusedError(Cause.NO_ORDER, {"id": "that id"}),
    "not_authorized": RefusedError(
        Cause.FORBIDDEN, {"reason": "account is not authorized to trade"}
    ),
    "liquidation_only": RefusedError(
        Cause.FORBIDDEN, {"reason": "account is restricted to liquidation only"}
    ),
}


@dataclass(frozen=True)
class Sent:
    """What leaves: `text` None is an empty body."""

    status: int
    text: str | None
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Course:
    """What the faults that struck one request do to it, in their order."""

    faults: Sequence[Fault] = ()

    @classmethod
    def of(cls, faults: Sequence[Fault], *, known: bool) -> "Course":
        """Who is not `known` is told that before anything else the exchange itself would say."""
        return cls([f for f in faults if known or not isinstance(f, RateLimited | Refuse)])

    @property
    def names(self) -> list[str]:
        return [name_of(fault) for fault in self.faults]

    @property
    def processed(self) -> bool:
        """Whether the exchange gets to see the request at all."""
        for fault in self.faults:
            if isinstance(fault, RateLimited | Refuse):
                return False
            if isinstance(fault, Hang | Drop | GatewayTimeout | ServerError | Unavailable):
                return fault.processed
        return True

    @property
    def cut(self) -> bool:
        """Whether the connection ends without an answer."""
        return any(isinstance(fault, Hang | Drop) for fault in self.faults)

    @property
    def stale(self) -> Decimal | None:
        """How many seconds ago positions are answered as of; None for as they are."""
        found = [fault.seconds for fault in self.faults if isinstance(fault, StalePositions)]
        return found[0] if found else None

    async def wait(self, *, before: bool) -> None:
        """The delays before the exchange acts, or those before it answers."""
        for fault in self.faults:
            if isinstance(fault, Delay) and fault.before is before:
                await asyncio.sleep(float(fault.seconds))

    async def hang(self) -> None:
        for fault in self.faults:
            if isinstance(fault, Hang):
                await asyncio.sleep(float(fault.seconds))

    def sent(self, answer: Answer | None, symbol: str, limits: Mapping[str, str]) -> Sent | None:
        """What leaves instead of `answer` (None: not processed); None when nothing does."""
        if self.cut:
            return None
        spoilt = None if answer is None else _spoilt(answer, self.faults)
        sent = Sent(200, None) if spoilt is None else plain(spoilt, limits)
        for fault in self.faults:
            sent = _replaced(fault, sent, symbol, limits)
        return sent


def plain(answer: Answer, headers: Mapping[str, str]) -> Sent:
    """An answer as it leaves when nothing goes wrong."""
    text = None if answer.body is None else json.dumps(answer.body)
    return Sent(answer.status, text, headers=headers)


def _replaced(fault: Fault, sent: Sent, symbol: str, limits: Mapping[str, str]) -> Sent:
    match fault:
        case GatewayTimeout():
            return _page(504)
        case ServerError():
            return _page(500)
        case Unavailable():
            return _page(503)
        case RateLimited():
            headers = {"X-Ratelimit-Limit": "200", **limits, "X-Ratelimit-Remaining": "0"}
            return _refusal(RefusedError(Cause.RATE), headers)
        case Refuse():
            return _refusal(_reason(fault, symbol), limits)
        case MalformedJson():
            text = sent.text or "{}"
            return replace(sent, text=text[: max(len(text) // 2, 1)])
    return sent


def _page(status: int) -> Sent:
    title = PAGES[status]
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Sent(status, page, HTML)


def _refusal(refused: RefusedError, headers: Mapping[str, str]) -> Sent:
    return Sent(refused.status, json.dumps(refused.body), headers=headers)


def _reason(fault: Refuse, symbol: str) -> RefusedError:
    if fault.cause == "hard_to_borrow":
        return unprocessable(f'only day orders are allowed for hard-to-borrow asset "{symbol}"')
    return REFUSALS[fault.cause]


def _spoilt(answer: Answer, faults: Iterable[Fault]) -> Answer:
    """The answer's JSON with lists cut, fields missing or saying the unknown."""
    body = answer.body
    for fault in faults:
        match fault:
            case TruncatedList(keep=keep) if isinstance(body, list):
                body = body[:keep]
            case MissingField():
                body = without(body, fault.field)
            case UnknownValue():
                body = saying(body, fault.field, fault.value)
    return Answer(body, answer.status)
