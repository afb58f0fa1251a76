"""JSON with a field missing, or saying what nobody expects, wherever it stands."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

Objects = Callable[[dict[str, Any]], dict[str, Any]]


def without(value: Any, field: str) -> Any:
    """The value without a field, in every object of it."""
    return _everywhere(value, lambda item: {k: v for k, v in item.items() if k != field})


def saying(value: Any, field: str, said: str | int | Decimal) -> Any:
    """The value with a field saying something else, in every object that has it."""
    plain = float(said) if isinstance(said, Decimal) else said
    return _everywhere(value, lambda item: {**item, field: plain} if field in item else item)


def _everywhere(value: Any, change: Objects) -> Any:
    if isinstance(value, list):
        return [_everywhere(item, change) for item in value]
    if isinstance(value, dict):
        return change({name: _everywhere(item, change) for name, item in value.items()})
    return value
