"""The hash chain: each row of the journal carries the hash of the row before it (spec 7, Journal)."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from db.model.base import canonical_json

GENESIS = "0" * 64
"""`prev_hash` of the first event."""


def row_hash(
    seq: int,
    at: str,
    kind: str,
    plan_id: str | None,
    step: int | None,
    client_order_id: str | None,
    account: str | None,
    symbol: str | None,
    payload: str,
    prev_hash: str,
) -> str:
    """SHA-256, in hex, of the row's values and of the hash before, as canonical JSON. `payload` is
    canonical JSON already: what was written is what is hashed."""
    row = canonical_json([seq, at, kind, plan_id, step, client_order_id, account, symbol])
    text = f'{row[:-1]},{payload},"{prev_hash}"]'
    return hashlib.sha256(text.encode()).hexdigest()


def moment(at: datetime) -> str:
    """A time as the journal writes it: UTC, microseconds, of one length, so text order is time order."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def json_value(value: Any) -> Any:
    """A copy of `value` in plain JSON values. Raises ValueError for what would not come back the
    same: floats (money is a decimal string), keys that are not text, and foreign types."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError(f"An event's payload has a key that is not text: {list(value)!r}.")
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    raise ValueError(
        f"An event's payload holds {value!r} ({type(value).__name__}), which is not a JSON value: "
        "write decimals as strings and times as ISO 8601."
    )
