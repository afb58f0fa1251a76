"""What symbols have in common: one market factor, one a sector (a one-level factor model)."""

from collections import deque
from collections.abc import Iterable

from services.exchange.market.draws import NANO, normal, words

# Parts of a symbol's variance, in hundredths: two symbols of one sector correlate by 0.55,
# of two sectors by 0.30, about what large US stocks show.
MARKET_PART, SECTOR_PART, OWN_PART = 30, 25, 45
# Their square roots, in billionths.
MARKET_WEIGHT, SECTOR_WEIGHT, OWN_WEIGHT = 547_722_558, 500_000_000, 670_820_393


def common(seed: object, step: object, sectors: Iterable[str]) -> dict[str, int]:
    """What a step brings every symbol of a sector, in billionths of its deviation."""
    market = MARKET_WEIGHT * normal(words(seed, step, "market"))
    return {
        sector: (market + SECTOR_WEIGHT * normal(words(seed, step, "sector", sector))) // NANO
        for sector in sectors
    }


def moved(shared: int, own: int) -> int:
    """A symbol's whole draw: of variance 1, in billionths."""
    return shared + OWN_WEIGHT * own // NANO


class Factors:
    """The common draws of the newest step, and their sum over the last `stride` steps."""

    def __init__(self, seed: int, sectors: Iterable[str], stride: int, step: int) -> None:
        self._seed, self._sectors = seed, tuple(sorted(set(sectors)))
        first = step - stride + 1
        self._window = deque(common(seed, n, self._sectors) for n in range(first, step + 1))
        self.sums = {s: sum(draw[s] for draw in self._window) for s in self._sectors}

    def take(self, step: int) -> dict[str, int]:
        """Go on to the next step and tell its draws."""
        drawn, gone = common(self._seed, step, self._sectors), self._window.popleft()
        self._window.append(drawn)
        for sector in self._sectors:
            self.sums[sector] += drawn[sector] - gone[sector]
        return drawn
