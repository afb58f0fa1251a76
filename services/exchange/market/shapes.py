"""The shapes a made-up day can have: a few dozen paths, stretched and mirrored for every day.

A price of a day is its open times 1 + S × w, where w is the shape's and S the day's stretch.
So what a whole day comes to follows from its shape's few figures, and ten years of daily bars
need no minute of them; and a minute, made when asked for, agrees with its day.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from services.exchange.market.draws import NANO, WORD, normal, words
from services.exchange.market.profile import PARTS, VOLATILITY, VOLUME

SHAPES = 48
WICK = 600_000_000  # how far a minute's high and low pass its ends at most, of its deviation


class Piece(NamedTuple):
    """Some minutes of a shape: heights in billionths of the stretch; `mean` weighs volume."""

    opens: int
    highest: int
    lowest: int
    closes: int
    mean: int


@dataclass(frozen=True, eq=False)
class Shape:
    """`minutes` are open, high, low and close in billionths of the stretch; `shares` are the
    parts of the day's volume before each minute, and all of it, in billionths."""

    minutes: tuple[tuple[int, int, int, int], ...]
    shares: tuple[int, ...]

    @property
    def end(self) -> int:
        return self.minutes[-1][3]

    @lru_cache(maxsize=16_384)  # noqa: B019 - a wardrobe keeps its shapes for good
    def piece(self, first: int, count: int) -> Piece:
        """`count` minutes from the `first` on."""
        bars, shares = self.minutes[first : first + count], self.shares[first : first + count + 1]
        means = (sum(bar) // 4 * (shares[n + 1] - shares[n]) for n, bar in enumerate(bars))
        return Piece(
            bars[0][0],
            max(bar[1] for bar in bars),
            min(bar[2] for bar in bars),
            bars[-1][3],
            sum(means) // (shares[-1] - shares[0]),
        )


class Wardrobe:
    """All shapes of a session of so many minutes, by where they end."""

    def __init__(self, seed: int, minutes: int) -> None:
        found = [_shape(seed, minutes, number) for number in range(SHAPES)]
        both = [(shape.end, 1, shape) for shape in found]
        both += [(-shape.end, -1, shape) for shape in found]
        self._sorted = sorted(both, key=lambda one: one[:2])
        self._ends = [end for end, _, _ in self._sorted]

    def nearest(self, draw: int) -> tuple[Shape, int]:
        """The shape whose day ends nearest to a draw in billionths, and 1, or -1 for mirrored."""
        right = bisect_left(self._ends, draw)
        best = min(
            range(max(right - 1, 0), min(right + 1, len(self._ends))),
            key=lambda index: abs(self._ends[index] - draw),
        )
        _, sign, shape = self._sorted[best]
        return shape, sign


@lru_cache(maxsize=8)
def wardrobe(seed: int, minutes: int) -> Wardrobe:
    return Wardrobe(seed, minutes)


def _shape(seed: int, minutes: int, number: int) -> Shape:
    whole = int((minutes * NANO * NANO) ** 0.5)  # the deviation of `minutes` steps of one
    at, bars, weights = 0, [], []
    for minute in range(minutes):
        drawn = words(seed, "shape", minutes, number, minute)
        part = PARTS * minute // minutes
        deviation = VOLATILITY[part] * NANO // 100 * NANO // whole
        end = at + normal(drawn) * deviation // NANO
        up, down = (deviation * WICK // NANO * drawn[n] // WORD for n in (12, 13))
        bars.append((at, max(at, end) + up, min(at, end) - down, end))
        weights.append(VOLUME[part] * (WORD // 2 + drawn[14]))
        at = end
    sums = [0, *accumulate(weights)]
    shares = tuple(NANO * part // sums[-1] for part in sums)
    return Shape(tuple(bars), shares)
