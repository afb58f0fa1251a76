"""Every fault of the exchange (alpaca.md §13): name, where it applies, parameters.

A class is a row: its name in snake case is the fault's, its base says where it applies, its fields
are the parameters with types and defaults, its docstring is the sentence shown to the trader. Seconds of waiting are true seconds; what stands for a while is measured on the
exchange's clock.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[Decimal, Field(ge=0, le=86_400, allow_inf_nan=False)]
Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[Decimal, Field(gt=0, lt=1, allow_inf_nan=False)]
Said = str | int | Decimal
Count = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]


class Place(StrEnum):
    """Where a fault applies.

    Those of requests, answers, orders and events spoil what passes; the others are deeds, done
    once, at their time or on the occasion they wait for.
    """

    REQUEST = "request"
    ANSWER = "answer"
    ORDER = "order"
    EVENT = "event stream"
    STREAM = "open streams"
    MARKET = "market"
    ACCOUNT = "account"
    SESSION = "session"


ON_REQUESTS = frozenset({Place.REQUEST, Place.ANSWER})
ON_STREAMS = frozenset({Place.EVENT, Place.STREAM})
DEEDS = frozenset({Place.STREAM, Place.MARKET, Place.ACCOUNT, Place.SESSION})


class Fault(BaseModel):
    """One thing that goes wrong, with its parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    place: ClassVar[Place]
    lasting: ClassVar[bool] = False  # of a deed: it can be taken back when its time is over


# -- requests and answers ---------------------------------------------------------------------


class _OfRequest(Fault):
    place: ClassVar[Place] = Place.REQUEST


class _OfAnswer(Fault):
    place: ClassVar[Place] = Place.ANSWER


class Delay(_OfRequest):
    """The answer comes late; with `before` the exchange waits before it acts, too."""

    seconds: Seconds = Decimal(2)
    before: bool = False


class Hang(_OfRequest):
    """No answer comes; after `seconds` the connection is closed."""

    seconds: Seconds = Decimal(600)
    processed: bool = True


class Drop(_OfRequest):
    """The connection is closed without an answer, before or after processing."""

    processed: bool = False


class RateLimited(_OfRequest):
    """429, as when too many requests came; nothing is processed."""


class GatewayTimeout(_OfRequest):
    """504 although the exchange did what was asked; with `processed` false it did not."""

    processed: bool = True


class ServerError(_OfRequest):
    """500 with a page of HTML."""

    processed: bool = False


class Unavailable(_OfRequest):
    """503 with a page of HTML."""

    processed: bool = False


class Refuse(_OfRequest):
    """The request is refused for a reason the account did not give."""

    cause: Literal[
        "wash_trade", "hard_to_borrow", "not_authorized", "liquidation_only", "order_not_found"
    ]


class MalformedJson(_OfAnswer):
    """The answer's JSON ends in the middle."""


class TruncatedList(_OfAnswer):
    """A list is cut short after `keep` items, without a word."""

    keep: Annotated[int, Field(ge=0, strict=True)] = 1


class MissingField(_OfAnswer):
    """A field is left out of the answer, wherever it stands."""

    field: str


class UnknownValue(_OfAnswer):
    """A field of the answer, wherever it stands, says what no client knows."""

    field: str = "status"
    value: Said = "under_enquiry"


class StalePositions(_OfAnswer):
    """Positions are answered as they were some seconds of exchange time ago."""

    seconds: Seconds = Decimal(30)


# -- orders -----------------------------------------------------------------------------------


class _OfOrder(Fault):
    place: ClassVar[Place] = Place.ORDER


class VenueReject(_OfOrder):
    """An order answered with 200 is rejected by the venue a moment later."""


class SlowAcknowledge(_OfOrder):
    """An order stays pending_new for a while."""

    seconds: Seconds = Decimal(5)


class PartialFill(_OfOrder):
    """An execution is cut to a share of what it would have been; the rest stays open."""

    share: Share = Decimal("0.5")


class CancelLost(_OfOrder):
    """The order fills before its cancel arrives."""


class CancelStuck(_OfOrder):
    """The order stays pending_cancel for a while; it still can fill."""

    seconds: Seconds = Decimal(60)


class CancelRejected(_OfOrder):
    """The cancel is answered with 204 and rejected later."""


class ReplaceStuck(_OfOrder):
    """The order stays pending_replace for a while; it still can fill."""

    seconds: Seconds = Decimal(60)


class ReplaceRejected(_OfOrder):
    """The replacement is answered with 200 and rejected later; the old order stays."""


# -- streams ----------------------------------------------------------------------------------


class _OfEvent(Fault):
    place: ClassVar[Place] = Place.EVENT


class OfStream(Fault):
    """`stream` and `account` left out are those of the event it waited for, else all."""

    place: ClassVar[Place] = Place.STREAM
    stream: Literal["trade_updates", "data"] | None = None
    account: str | None = None


class DuplicateEvent(_OfEvent):
    """An event is sent more than once."""

    copies: Annotated[int, Field(ge=2, le=100, strict=True)] = 2


class LoseEvent(_OfEvent):
    """An event is never sent."""


class SwapEvents(_OfEvent):
    """An event is sent after the one that follows it."""


class DelayEvent(_OfEvent):
    """An event comes late, past those that follow it meanwhile."""

    seconds: Seconds = Decimal(5)


class ReplayEvents(_OfEvent):
    """After an event the last ones are sent again, itself included."""

    count: Annotated[int, Field(ge=1, le=100, strict=True)] = 3


class MissingEventField(_OfEvent):
    """A field of an event of trade_updates is left out, wherever it stands."""

    field: str


class UnknownEventValue(_OfEvent):
    """A field of an event of trade_updates, wherever it stands, says what no client knows."""

    field: str = "status"
    value: Said = "under_enquiry"


class CloseStream(OfStream):
    """The socket is closed with a code."""

    code: Annotated[int, Field(ge=1000, le=4999, strict=True)] = 1011


class HalfDead(OfStream):
    """The socket is closed but its session lingers: new ones get 406 or 429 for a while."""

    seconds: Seconds = Decimal(90)


class MuteStream(OfStream):
    """The socket stays connected and says nothing any more."""


class NoAuthAnswer(_OfEvent):
    """The socket is accepted and authentication never answered."""


class SlowClient(OfStream):
    """The client is told that it is too slow (407) and sent away."""


# -- market, account, session -----------------------------------------------------------------


class OfMarket(Fault):
    """`symbol` left out is that of the order it waited for, else every symbol."""

    place: ClassVar[Place] = Place.MARKET
    symbol: str | None = None


class _OfAccount(Fault):
    """`account` left out is that of the request it waited for, else the first."""

    place: ClassVar[Place] = Place.ACCOUNT
    account: str | None = None


class _OfSession(Fault):
    place: ClassVar[Place] = Place.SESSION


class Halt(OfMarket):
    """Trading in a symbol is halted."""

    lasting: ClassVar[bool] = True
    reason: str = "T1"


class Resume(OfMarket):
    """A halted symbol trades again."""


class Jump(OfMarket):
    """The price jumps by a percentage, over all stops and limits between; no trade on the way."""

    lasting: ClassVar[bool] = True
    percent: Annotated[Decimal, Field(gt=-100, le=10_000, allow_inf_nan=False)]


class Correct(OfMarket):
    """The last trade of a symbol is corrected by a percentage."""

    percent: Annotated[Decimal, Field(gt=-100, le=10_000, allow_inf_nan=False)] = Decimal(-1)


class Bust(OfMarket):
    """The last trade of a symbol is cancelled."""


class Split(OfMarket):
    """A split: `new` shares for each `old`."""

    new: Count = 2
    old: Count = 1


class Dividend(OfMarket):
    """A cash dividend, paid at once to who holds the share."""

    per_share: Positive = Decimal("0.5")


class Restrict(_OfAccount):
    """The account may do less: nothing, only close, or nothing by its own wish."""

    lasting: ClassVar[bool] = True
    to: Literal["blocked", "liquidation_only", "suspend_trade", "no_shorting"]


class OutsideTrade(_OfAccount):
    """The account trades elsewhere: a position changes without an order of ours.

    `symbol` left out is the first holding."""

    symbol: str | None = None
    side: Literal["buy", "sell"] = "sell"
    qty: Positive = Decimal(10)


class CloseSession(_OfSession):
    """The session is over at once: the exchange's clock goes on at its close."""


class Forward(_OfSession):
    """The exchange's clock goes forward."""

    seconds: Seconds = Decimal(3600)


def _kinds(base: type[Fault]) -> Iterator[type[Fault]]:
    """The faults that derive from a base, as they stand in this file."""
    for kind in base.__subclasses__():
        yield from _kinds(kind) if kind.__subclasses__() else (kind,)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


FAULTS: dict[str, type[Fault]] = {_snake(kind.__name__): kind for kind in _kinds(Fault)}
NAMES = {kind: name for name, kind in FAULTS.items()}


def name_of(fault: Fault) -> str:
    return NAMES[type(fault)]


def described(name: str) -> dict[str, Any]:
    """A row of the table, as the control endpoint and the documentation show it."""
    kind = FAULTS[name]
    schema = kind.model_json_schema()
    return {
        "fault": name,
        "applies_to": kind.place.value,
        "says": " ".join((kind.__doc__ or "").split()),
        "parameters": {
            parameter: str(field.default) if not field.is_required() else "required"
            for parameter, field in kind.model_fields.items()
        },
        "schema": schema.get("properties", {}),
    }
