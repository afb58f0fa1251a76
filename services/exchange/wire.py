"""How scalars look on Alpaca's wire: decimal strings without trailing zeros, UTC times with a Z."""

import json
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Any

QTY_STEP = Decimal("1e-9")
LARGEST = Decimal("1e10")  # far above any sane qty or price, far below what Decimal rounds
FINEST = -40  # exponent of the smallest digit read
_NUMERIC = (int, str, Decimal)


def number(value: Decimal) -> str:
    """`Decimal("45.50")` → `"45.5"`; never an exponent, never "-0"."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def optional_number(value: Decimal | None) -> str | None:
    return None if value is None else number(value)


def instant(value: datetime) -> str:
    """An aware datetime → `2026-03-03T14:31:02.118204Z`."""
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return utc.isoformat()[:-6] + "Z"


def optional_instant(value: datetime | None) -> str | None:
    return None if value is None else instant(value)


def nanoseconds(value: datetime) -> int:
    """Nanoseconds since the epoch, exact (a float of seconds would lose the microseconds)."""
    since = value - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def decimal(value: object) -> Decimal:
    """A JSON number or numeric string as an exact, finite Decimal; ValueError for anything else."""
    if not isinstance(value, _NUMERIC) or isinstance(value, bool):
        raise ValueError("not a number")
    try:
        parsed = Decimal(value)
    except InvalidOperation as error:
        raise ValueError("not a number") from error
    exponent = parsed.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < FINEST or abs(parsed) > LARGEST:
        raise ValueError("out of range")
    return parsed


def truncated_qty(value: Decimal) -> Decimal:
    """Alpaca keeps nine decimals of a quantity and silently drops the rest."""
    return value.quantize(QTY_STEP, rounding=ROUND_DOWN)


def boolean(value: object) -> bool:
    """`True`, `true`, JSON true; ValueError for anything that is not a yes or a no."""
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise ValueError("not a boolean")
    return text == "true"


def moment(text: str) -> datetime:
    """An ISO-8601 time or date of a query; without an offset it is UTC. ValueError if neither."""
    parsed = datetime.fromisoformat(text.replace(" ", "+"))
    if parsed.tzinfo is None:
        return parsed.replace(tzinfo=UTC)
    try:
        return parsed.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)


def loads(text: str | bytes) -> Any:
    """JSON with exact decimals; ValueError for what is not JSON, NaN and Infinity included."""
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
