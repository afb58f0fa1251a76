"""The tables of what may be asked for: order types, times in force, classes (alpaca.md §8.2).

`supported` is what this exchange executes. The rest is known, and refused by name, never
accepted and ignored.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from services.exchange import sessions

GTC_LIFE = timedelta(days=90)
GTC_SWEEP = time(16, 15)


@dataclass(frozen=True)
class OrderType:
    limit_price: bool
    stop_price: bool
    supported: bool


ORDER_TYPES: dict[str, OrderType] = {
    "market": OrderType(limit_price=False, stop_price=False, supported=True),
    "limit": OrderType(limit_price=True, stop_price=False, supported=True),
    "stop": OrderType(limit_price=False, stop_price=True, supported=False),
    "stop_limit": OrderType(limit_price=True, stop_price=True, supported=False),
    "trailing_stop": OrderType(limit_price=False, stop_price=False, supported=False),
}


@dataclass(frozen=True)
class TimeInForce:
    supported: bool
    fractional: bool = False
    immediate: bool = False  # what does not fill at once is cancelled


TIMES_IN_FORCE: dict[str, TimeInForce] = {
    "day": TimeInForce(supported=True, fractional=True),
    "gtc": TimeInForce(supported=True),
    "ioc": TimeInForce(supported=True, immediate=True),
    "fok": TimeInForce(supported=False),
    "opg": TimeInForce(supported=False),
    "cls": TimeInForce(supported=False),
}

ORDER_CLASSES: dict[str, bool] = {
    "": True,
    "simple": True,
    "bracket": False,
    "oco": False,
    "oto": False,
    "mleg": False,
}

# Fields that belong to a type or class above that is not executed here.
FIELDS_OF_OTHERS = ("trail_price", "trail_percent", "take_profit", "stop_loss", "legs")


def expiry(time_in_force: str, at: datetime) -> datetime:
    """The end of its session; for gtc a quarter past four, 90 days on (alpaca.md §8.2)."""
    if time_in_force != "gtc":
        return sessions.current_or_next(at).closes
    last_day = (at + GTC_LIFE).astimezone(sessions.NEW_YORK).date()
    return datetime.combine(last_day, GTC_SWEEP, sessions.NEW_YORK).astimezone(at.tzinfo)
