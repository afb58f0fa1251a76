"""What every noun shares: frozen, closed, exact decimals, aware UTC times."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from db.model.environment import Environment as Environment

LARGEST_POWER = 11
"""Of ten, in a number that somebody types: exact arithmetic has 28 digits, and no order has 12."""


def plain(number: Decimal) -> str:
    """A decimal as people and brokers write it: no exponent, no trailing zeros (`45.5`, `150`)."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


# Finite by pydantic's default: NaN and infinity are refused at every edge.
Exact = Annotated[
    Decimal,
    Field(allow_inf_nan=False),
    PlainSerializer(plain, return_type=str, when_used="json"),
]
Positive = Annotated[Exact, Field(gt=0)]
Utc = Annotated[AwareDatetime, AfterValidator(_utc)]


class Noun(BaseModel):
    """A frozen, storable value. Unknown fields are refused, so a typo is never silently dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> dict[str, Any]:
        """The noun as JSON values: decimals as strings, times as ISO 8601 UTC."""
        return self.model_dump(mode="json")


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_json(value: Any) -> str:
    """One text per value: sorted keys, no blanks. What hashes are taken of."""
    return _CANONICAL.encode(value)
