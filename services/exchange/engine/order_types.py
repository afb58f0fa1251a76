"""The tables of what may be asked for: order types, times in force, classes (alpaca.md §8.2, §8.8).

They alone say which fields belong to what, and what goes with what; `terms_rules` enforces them.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from services.exchange import sessions

GTC_LIFE = timedelta(days=90)
GTC_SWEEP = time(16, 15)


@dataclass(frozen=True)
class OrderType:
    """The prices it needs, and no others may be given. `trail` needs one of price and percent."""

    limit_price: bool = False
    stop_price: bool = False
    trail: bool = False
    fractional: bool = True


ORDER_TYPES: dict[str, OrderType] = {
    "market": OrderType(),
    "limit": OrderType(limit_price=True),
    "stop": OrderType(stop_price=True),
    "stop_limit": OrderType(limit_price=True, stop_price=True),
    "trailing_stop": OrderType(trail=True, fractional=False),
}
SINGLE = tuple(ORDER_TYPES)
ENTRIES = ("market", "limit", "stop", "stop_limit")
UNTRIGGERED = ("market", "limit")


@dataclass(frozen=True)
class TimeInForce:
    types: tuple[str, ...]
    fractional: bool = False
    extended_hours: bool = False  # may be worked outside the regular session
    immediate: bool = False  # what does not fill at once is cancelled
    whole: bool = False  # all of it at once, or nothing
    auction: str = ""  # "opening" or "closing": fills there only


TIMES_IN_FORCE: dict[str, TimeInForce] = {
    "day": TimeInForce(SINGLE, fractional=True, extended_hours=True),
    "gtc": TimeInForce(SINGLE, extended_hours=True),
    "ioc": TimeInForce(UNTRIGGERED, immediate=True),
    "fok": TimeInForce(UNTRIGGERED, immediate=True, whole=True),
    "opg": TimeInForce(UNTRIGGERED, auction="opening"),
    "cls": TimeInForce(UNTRIGGERED, auction="closing"),
}
LASTING = ("day", "gtc")


@dataclass(frozen=True)
class OrderClass:
    """Of the fields `needs`, all must be given; of `takes`, at least one; no others may be."""

    types: tuple[str, ...]
    times_in_force: tuple[str, ...]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    most_legs: int = 0
    single: bool = False  # may be fractional, and worked in extended hours
    closes: bool = False  # an exit, not an entry


EXITS = ("take_profit", "stop_loss")
ORDER_CLASSES: dict[str, OrderClass] = {
    "": OrderClass(SINGLE, tuple(TIMES_IN_FORCE), single=True),
    "bracket": OrderClass(ENTRIES, LASTING, needs=EXITS, most_legs=2),
    "oco": OrderClass(("limit",), LASTING, needs=EXITS, most_legs=1, closes=True),
    "oto": OrderClass(ENTRIES, LASTING, takes=EXITS, most_legs=1),
    "mleg": OrderClass(UNTRIGGERED, LASTING, needs=("legs",), most_legs=4),
}
CLASS_NAMES = {"simple": "", **{name: name for name in ORDER_CLASSES}}  # as asked → as answered
FIELDS_OF_CLASSES = (*EXITS, "legs")
EXEMPT_FROM_WASH = frozenset({"bracket", "oco", "oto"})  # alpaca.md §8.7

# Options are narrower than their classes (alpaca.md §8.12).
OPTION_CLASSES = ("", "mleg")
OPTION_TYPES = UNTRIGGERED
OPTION_TIMES_IN_FORCE = ("day",)
FEWEST_LEGS = 2

INTENTS = {
    "buy": ("buy_to_open", "buy_to_close"),
    "sell": ("sell_to_open", "sell_to_close"),
}


def expiry(time_in_force: str, at: datetime, *, extended_hours: bool = False) -> datetime:
    """The end of its session, of after-hours if it works there; for gtc a quarter past four,
    90 days on (alpaca.md §8.2)."""
    if time_in_force != "gtc":
        if extended_hours:
            return sessions.current_or_next_day(at).ends
        return sessions.current_or_next(at).closes
    last_day = (at + GTC_LIFE).astimezone(sessions.NEW_YORK).date()
    return datetime.combine(last_day, GTC_SWEEP, sessions.NEW_YORK).astimezone(at.tzinfo)
