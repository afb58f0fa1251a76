"""One look at a condition for one subject."""

from dataclasses import dataclass
from decimal import Decimal

from db.model.portfolio import Position


@dataclass(frozen=True)
class Observation:
    """A condition looked at for one subject. `on`: true now. `over`: not true any more, by the
    margin. Neither: in between, or not to be told; an alert stays as it is."""

    subject: str
    on: bool
    over: bool
    values: dict[str, str]


def position_id(position: Position) -> str:
    return f"{position.account}/{position.symbol}"


def percent(fraction: Decimal) -> str:
    return f"{fraction * 100:.2f}%"
