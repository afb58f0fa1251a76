"""The lengths a bar can have, and when a bar of such a length begins (alpaca.md §7)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from services.exchange.market.rows import Row, folded, midnight

# Unit, its short form, the numbers Alpaca takes.
UNITS: dict[str, tuple[str, frozenset[int]]] = {
    "Min": ("T", frozenset(range(1, 60))),
    "Hour": ("H", frozenset(range(1, 24))),
    "Day": ("D", frozenset({1})),
    "Week": ("W", frozenset({1})),
    "Month": ("M", frozenset({1, 2, 3, 4, 6, 12})),
}
MINUTE = 60
SECONDS = {"Min": MINUTE, "Hour": 60 * MINUTE}


@dataclass(frozen=True)
class Timeframe:
    amount: int
    unit: str

    @classmethod
    def parsed(cls, text: str) -> "Timeframe":
        """`5Min`, `1Day`, or short `5T`, `1D`. ValueError for what no bar can be."""
        found = re.fullmatch(r"(\d{1,2})([A-Za-z]+)", text)
        for unit, (short, amounts) in UNITS.items():
            if found and found[2] in (unit, short) and int(found[1]) in amounts:
                return cls(int(found[1]), unit)
        raise ValueError(f"no such timeframe: {text}")

    @property
    def within_a_day(self) -> bool:
        return self.unit in SECONDS

    def first_day(self, day: date) -> date:
        """The day the bar that `day` falls into begins with: Monday, the first of a month."""
        if self.unit == "Week":
            return day - timedelta(days=day.weekday())
        if self.unit == "Month":
            return date(day.year, (day.month - 1) // self.amount * self.amount + 1, 1)
        return day

    def of_minutes(self, day: date, minutes: Iterable[Row]) -> Iterator[Row]:
        """A day's minutes as bars of this length, counted from New York's midnight."""
        if (self.amount, self.unit) == (1, "Min"):
            return iter(minutes)
        length, begins = self.amount * SECONDS[self.unit], midnight(day)
        groups = groupby(minutes, key=lambda row: (row.at - begins) // length)
        return (folded(rows, begins + number * length) for number, rows in groups)

    def slices(self, day: date, opens: int, count: int) -> Iterator[tuple[int, int, int]]:
        """How bars of this length cut a session of `count` minutes from `opens` on: when each
        begins, its first minute, and how many there are of them."""
        length = self.amount * SECONDS[self.unit]
        since = opens - midnight(day)
        first = 0
        while first < count:
            begins = (since + first * MINUTE) // length * length
            last = min((begins + length - since) // MINUTE, count)
            yield midnight(day) + begins, first, last - first
            first = last

    def of_days(self, days: Iterable[tuple[date, Row]]) -> Iterator[Row]:
        """Days in time order as bars of this length."""
        for first, group in groupby(days, key=lambda one: self.first_day(one[0])):
            yield folded((row for _, row in group), midnight(first))
