"""When a fault strikes: the conditions of a scenario's `when`, all of which must hold.

The table is `Trigger`; what happens on the exchange and may be waited for is an `Occasion`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.exchange.scenarios.faults import Count, Positive, Seconds
from services.exchange.sessions import NEW_YORK


@dataclass(frozen=True)
class Occasion:
    """Something that happens on the exchange. Empty: it is not about that.

    `order` is the number of the POST /v2/orders it is about, counted from 1 since the start.
    """

    account: str = ""
    symbol: str = ""
    method: str = ""
    path: str = ""
    order: int = 0
    stream: str = ""
    event: str = ""


class Trigger(BaseModel):
    """Nothing said: from the start, on every occasion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime | time | None = Field(
        None, description="exchange time, or a time of the day; New York when it has no offset"
    )
    after: Seconds | None = Field(None, description="seconds of exchange time after the start")
    lasts: Positive | None = Field(
        None,
        description="for how many seconds of exchange time: from its time, or with nth from that"
        " occasion; what is done is taken back then",
    )
    order: Count | None = Field(None, description="the n-th order sent since the start")
    account: str | None = Field(None, description="an account's name")
    symbol: str | None = Field(None, description="the symbol of an order or an event")
    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"] | None = Field(
        None, description="of a request"
    )
    path: str | None = Field(None, description="of a request, with * for any text")
    stream: Literal["trade_updates", "data"] | None = Field(None, description="which websocket")
    event: str | None = Field(
        None, description="an event of trade_updates, or data for market data"
    )
    nth: Count | None = Field(None, description="first on the n-th matching occasion")
    every: Count | None = Field(None, description="then on every n-th")
    times: Count | None = Field(None, description="at most so many times")
    share: Annotated[Decimal, Field(gt=0, le=1)] | None = Field(
        None, description="on this share of the occasions, drawn from the seed"
    )

    @model_validator(mode="after")
    def _one_time(self) -> "Trigger":
        if self.at is not None and self.after is not None:
            raise ValueError("at and after cannot both be given")
        return self

    def begins(self, start: datetime) -> datetime:
        """The exchange time from which it waits, for an exchange started at `start`."""
        if self.after is not None:
            return start + timedelta(seconds=float(self.after))
        if isinstance(self.at, datetime):
            zoned = self.at if self.at.tzinfo else self.at.replace(tzinfo=NEW_YORK)
            return zoned.astimezone(UTC)
        if isinstance(self.at, time):
            zone = self.at.tzinfo or NEW_YORK
            day = start.astimezone(zone).date()
            today = datetime.combine(day, self.at, zone)
            tomorrow = datetime.combine(day + timedelta(days=1), self.at, zone)
            return (today if start <= today else tomorrow).astimezone(UTC)
        return start

    @property
    def waits_for_an_occasion(self) -> bool:
        """Whether more than time is waited for."""
        asked = self.order, self.account, self.symbol, self.method, self.path, self.nth, self.every
        return any(condition is not None for condition in (*asked, self.stream, self.event))

    def matches(self, occasion: Occasion) -> bool:
        """Whether an occasion is one of those meant, whatever their count."""
        plain = (
            (self.order, occasion.order),
            (self.account, occasion.account),
            (self.symbol, occasion.symbol),
            (self.method, occasion.method),
            (self.stream, occasion.stream),
            (self.event, occasion.event),
        )
        if any(asked is not None and asked != given for asked, given in plain):
            return False
        return self.path is None or fnmatchcase(occasion.path, self.path)

    @property
    def first(self) -> int:
        """Which matching occasion is the first to be struck."""
        return self.nth or self.every or 1
