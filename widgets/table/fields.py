"""How figures are written on the screen.

Pure functions from Decimals to words. What is missing (None, NaN) is shown as a dash, never as 0.
A sign that matters is shown by character as well as by colour.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Literal

MISSING = "—"
MINUS = "−"

_EXACT = Context(prec=60)  # wide enough that nothing but the rounding asked for happens

Tone = Literal["", "gain", "loss", "stale", "muted", "warning"]


@dataclass(frozen=True, slots=True)
class Field:
    """Words and the tone they are shown in; the theme says which colour a tone has."""

    text: str
    tone: Tone = ""

    def __str__(self) -> str:
        return self.text


def money(value: Decimal | None, places: int = 2) -> str:
    """An amount in dollars, rounded half up: `12,345.67`, `−3.00`."""
    rounded = _round(value, places)
    return MISSING if rounded is None else _digits(rounded, places)


def price(value: Decimal | None) -> str:
    """A price with two decimals, or as many as it has up to four: `412.50`, `0.1234`."""
    if value is None or not _shown(value):
        return MISSING
    exponent = value.normalize().as_tuple().exponent
    decimals = -exponent if isinstance(exponent, int) else 2
    return money(value, max(2, min(4, decimals)))


def qty(value: Decimal | None) -> str:
    """A quantity in shares, exact, without trailing zeros: `1,200`, `0.125`."""
    if value is None or not _shown(value):
        return MISSING
    text = f"{abs(value) if value == 0 else value:,f}"
    return _minus(text.rstrip("0").rstrip(".") if "." in text else text)


def percent(fraction: Decimal | None, places: int = 2) -> str:
    """A fraction of one as a percentage: 0.0125 is `1.25%`."""
    rounded = _hundredths(fraction, places)
    return MISSING if rounded is None else f"{_digits(rounded, places)}%"


def signed_money(value: Decimal | None, places: int = 2) -> Field:
    """A gain or loss in dollars: `▲ +1,234.50`, `▼ −12.00`, `0.00`."""
    return _signed(_round(value, places), places, "")


def signed_percent(fraction: Decimal | None, places: int = 2) -> Field:
    """A gain or loss as a fraction of one: `▲ +1.25%`, `▼ −0.30%`."""
    return _signed(_hundredths(fraction, places), places, "%")


def age(since: timedelta | None, stale_after: timedelta | None = None) -> Field:
    """How old something is: `3s`, `2m`, `5h`, `4d`; from `stale_after` on marked `!` and stale."""
    if since is None:
        return Field(MISSING, "muted")
    text = _span(max(0, int(since.total_seconds())))
    if stale_after is not None and since >= stale_after:
        return Field(f"{text}!", "stale")
    return Field(text)


def _span(seconds: int) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _signed(rounded: Decimal | None, places: int, unit: str) -> Field:
    if rounded is None:
        return Field(MISSING, "muted")
    text = f"{_digits(rounded, places)}{unit}"
    if rounded > 0:
        return Field(f"▲ +{text}", "gain")
    return Field(f"▼ {text}", "loss") if rounded < 0 else Field(text)


def _round(value: Decimal | None, places: int) -> Decimal | None:
    """Rounded half up, None for what is no number; a negative that rounds to zero is zero."""
    if value is None or not _shown(value):
        return None
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, context=_EXACT)
    return rounded if rounded else abs(rounded)


def _hundredths(fraction: Decimal | None, places: int) -> Decimal | None:
    rounded = _round(fraction, places + 2)
    return None if rounded is None else rounded.scaleb(2, context=_EXACT)


def _shown(value: Decimal) -> bool:
    """Whether it is a number at all, and not one of a magnitude that only a mistake can have."""
    return value.is_finite() and value.adjusted() < 30


def _digits(value: Decimal, places: int) -> str:
    return _minus(f"{value:,.{places}f}")


def _minus(text: str) -> str:
    return text.replace("-", MINUS)
