"""What differs between two policies, threshold by threshold."""

from decimal import Decimal
from typing import Any, NamedTuple

from db.model.base import plain
from db.model.policy import Policy
from services.risk.policy import KEYS, OFF


class Difference(NamedTuple):
    """One threshold, as each policy file would write it."""

    key: str
    one: str
    other: str


def differences(one: Policy, other: Policy) -> tuple[Difference, ...]:
    """In the order of the policy's keys; a restricted symbol is a key of its own."""
    found = [
        Difference(key, _shown(getattr(one, key)), _shown(getattr(other, key)))
        for key in KEYS
        if key != "restricted" and getattr(one, key) != getattr(other, key)
    ]
    symbols = sorted({*one.restricted, *other.restricted})
    for symbol in symbols:
        was, now = one.restricted.get(symbol), other.restricted.get(symbol)
        if was != now:
            found.append(Difference(f"restricted.{symbol}", was or "", now or ""))
    return tuple(found)


def _shown(value: Any) -> str:
    if value is None:
        return OFF
    return plain(value) if isinstance(value, Decimal) else str(value)
