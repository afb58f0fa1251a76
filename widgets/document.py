"""Reading the desk's JSON documents (plans, cards, previews): figures are decimal strings, perhaps missing."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from widgets.table.fields import price


def number(value: object) -> Decimal | None:
    """A figure of a document; None when it is missing or no finite number."""
    if value is None or isinstance(value, bool):
        return None
    try:
        figure = Decimal(str(value))
    except InvalidOperation:
        return None
    return figure if figure.is_finite() else None


def moment(value: object) -> datetime | None:
    """A time of a document; None when it is missing or carries no zone."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else None


def text(document: Mapping[str, Any], name: str) -> str:
    """A word of a document; empty when it is missing."""
    value = document.get(name)
    return "" if value is None else str(value)


def rows(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of objects in a document; empty when it is missing."""
    value = document.get(name)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def terms(order: Mapping[str, Any]) -> str:
    """How an order or step is to be worked: `market`, `limit 79.50`, `stop 75.00 limit 74.50 gtc`; a day order
    does not say so."""
    named = ((name, number(order.get(f"{name}_price"))) for name in ("stop", "limit"))
    prices = [f"{name} {price(value)}" for name, value in named if value is not None]
    time = text(order, "time_in_force")
    rests = [time] if time not in ("", "day") else []
    extended = ["ext"] if order.get("extended_hours") else []
    return " ".join((*(prices or [text(order, "type")]), *rests, *extended))
