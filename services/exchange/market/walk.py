"""Prices that move by a seeded random walk: same seed, same sequence, also after a restart."""

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from services.exchange.book import Listing
from services.exchange.market.quotes import Quote, Trade, tick_size

MID_STEP = Decimal("1e-8")
LEAST_MID = Decimal("0.01")
DRAW = 10**9  # a normal draw is cut to nine decimals, then all is exact
TRADE_SHARE = 0.25  # how many ticks of a symbol print a trade


class Dice(random.Random):
    """Repeatable draws are the point here; nothing secret comes from them."""


class Walk:
    """One quote a symbol and step. The draws of step n depend on the seed and n alone."""

    def __init__(
        self,
        listings: Iterable[Listing],
        *,
        seed: int,
        step_deviation: Decimal,
        trading: Callable[[datetime], bool],
        mids: Mapping[str, Decimal] | None = None,
        step: int = 0,
    ) -> None:
        """`step_deviation` is the standard deviation of one step as a fraction of the price."""
        self._listings = tuple(listings)
        self._seed, self._deviation, self._trading = seed, step_deviation, trading
        self.mids = {listing.symbol: listing.price for listing in self._listings}
        self.mids.update({s: mid for s, mid in (mids or {}).items() if s in self.mids})
        self.step = step

    def opening(self, now: datetime) -> list[Quote | Trade]:
        """Where the walk stands, so that there is a price before the first step."""
        ticks: list[Quote | Trade] = []
        for listing in self._listings:
            mid = self.mids[listing.symbol]
            ticks.append(quote_around(listing, mid, now, 100, 100))
            ticks.append(_print_at(listing.symbol, self.step, mid, 100, now))
        return ticks

    def due(self, now: datetime) -> list[Quote | Trade]:
        if not self._trading(now):
            return []
        self.step += 1
        dice = Dice(f"{self._seed}:{self.step}")
        ticks: list[Quote | Trade] = []
        for listing in self._listings:
            mid = self._stepped(self.mids[listing.symbol], dice.gauss(0.0, 1.0))
            self.mids[listing.symbol] = mid
            sizes = dice.randrange(1, 20) * 100, dice.randrange(1, 20) * 100
            ticks.append(quote_around(listing, mid, now, *sizes))
            if dice.random() < TRADE_SHARE:
                size = dice.randrange(1, 5) * 100
                ticks.append(_print_at(listing.symbol, self.step, mid, size, now))
        return ticks

    def _stepped(self, mid: Decimal, draw: float) -> Decimal:
        if not self._deviation:
            return mid
        change = mid * self._deviation * int(draw * DRAW) / DRAW
        return max((mid + change).quantize(MID_STEP), LEAST_MID)


def quote_around(
    listing: Listing, mid: Decimal, now: datetime, bid_size: int, ask_size: int
) -> Quote:
    """Bid and ask on the tick, half the spread and at least a tick away from the mid's tick."""
    tick = tick_size(mid)
    middle = _on_tick(mid, tick)
    half = max(_on_tick(mid * listing.spread_bps / 20_000, tick), tick)
    bid = max(middle - half, tick)
    return Quote(listing.symbol, bid, bid_size, max(middle + half, bid + tick), ask_size, now)


def _print_at(symbol: str, step: int, mid: Decimal, size: int, now: datetime) -> Trade:
    price = max(_on_tick(mid, tick_size(mid)), tick_size(mid))
    return Trade(symbol, step, price, size, now, price, price, price)


def _on_tick(price: Decimal, tick: Decimal) -> Decimal:
    return (price / tick).to_integral_value(rounding=ROUND_HALF_EVEN) * tick
