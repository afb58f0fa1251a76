"""Prices that move by a seeded random walk: same seed, same sequence, also after a restart."""

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from services.exchange.book import Listing
from services.exchange.market.draws import NANO, WORD, between, normal, words
from services.exchange.market.factors import Factors, moved
from services.exchange.market.profile import CALM, Moment, moment_of
from services.exchange.market.quotes import ONE, Quote, Trade, tick_size

MID_STEP = Decimal("1e-8")
LEAST_MID = Decimal("0.01")
USUAL_ADV = 1_000_000  # of a listing that does not say
LOT = 100
MOST_PRINTS = Decimal("0.25")  # of a symbol's steps, that print a trade
SHOWN = 20_000  # the best price shows this part of the day's volume on average


class Dice(random.Random):
    """Repeatable draws are the point here; nothing secret comes from them."""


class Walk:
    """A quote a symbol and step, and trades as often as the day's volume asks for.

    What a symbol does in step n depends on the seed, n and the symbol alone, and on where it
    stood. The `quiet` listings take turns: each moves in one step of `stride`, by what
    `stride` steps would have moved it, so that many of them cost little.
    """

    def __init__(
        self,
        listings: Iterable[Listing],
        *,
        seed: int,
        step_deviation: Decimal,
        trading: Callable[[datetime], bool],
        mids: Mapping[str, Decimal] | None = None,
        step: int = 0,
        seconds: Decimal = ONE,
        quiet: Iterable[Listing] = (),
        stride: int = 1,
    ) -> None:
        """`step_deviation` is the standard deviation of one step as a fraction of the price,
        on the day's average; `seconds` is the exchange time a step takes."""
        self._lively, self._quiet = tuple(listings), tuple(quiet)
        self._seed, self._deviation, self._trading = seed, step_deviation, trading
        self._seconds, self._stride = seconds, stride
        everything = self._lively + self._quiet
        self.mids = {listing.symbol: listing.price for listing in everything}
        self.mids.update({s: mid for s, mid in (mids or {}).items() if s in self.mids})
        self.step = step
        self._factors = Factors(seed, (listing.sector for listing in everything), stride, step)

    def opening(self, now: datetime) -> list[Quote | Trade]:
        """Where the walk stands, so that there is a price before the first step."""
        ticks: list[Quote | Trade] = []
        for listing in self._lively + self._quiet:
            mid = self.mids[listing.symbol]
            ticks.append(quote_around(listing, mid, now, LOT, LOT))
            ticks.append(_print_at(listing.symbol, self.step, _on_tick(mid), LOT, now))
        return ticks

    def jump(self, symbol: str, factor: Decimal) -> None:
        """Move a symbol at once; from its next step on the walk goes on from there."""
        if symbol in self.mids:
            self.mids[symbol] = max((self.mids[symbol] * factor).quantize(MID_STEP), LEAST_MID)

    def due(self, now: datetime) -> list[Quote | Trade]:
        if not self._trading(now):
            return []
        self.step += 1
        moment = moment_of(now) if self._deviation else CALM
        drawn = self._factors.take(self.step)
        ticks: list[Quote | Trade] = []
        for listing in self._lively:
            self._move(ticks, listing, drawn[listing.sector], 1, moment, now)
        sums = self._factors.sums
        for listing in self._quiet[self.step % self._stride :: self._stride]:
            self._move(ticks, listing, sums[listing.sector], self._stride, moment, now)
        return ticks

    def _move(
        self,
        ticks: list[Quote | Trade],
        listing: Listing,
        shared: int,
        steps: int,
        moment: Moment,
        now: datetime,
    ) -> None:
        """One symbol's move over `steps` steps whose common draws add up to `shared`."""
        symbol = listing.symbol
        own = words(self._seed, self.step, symbol)
        mid = self.mids[symbol]
        if self._deviation:
            draw = moved(shared, normal(own) if steps == 1 else _grown(normal(own), steps))
            change = mid * self._deviation * moment.volatility * draw / NANO
            self.mids[symbol] = mid = max((mid + change).quantize(MID_STEP), LEAST_MID)
        lots = (listing.adv or USUAL_ADV) // (SHOWN * LOT)
        sizes = (_shown(lots, own[12]), _shown(lots, own[13]))
        quote = quote_around(listing, mid, now, *sizes, moment.spread)
        ticks.append(quote)
        expected = (listing.adv or USUAL_ADV) * moment.volume * self._seconds * steps
        chance = min(expected / LOT, MOST_PRINTS)
        if own[14] < chance * WORD:
            size = max(int(expected / chance * (own[15] + WORD // 2) / WORD), 1)
            price = _printed(quote, own[16]) if self._deviation else _on_tick(mid)
            ticks.append(_print_at(symbol, self.step, price, size, now))


def quote_around(
    listing: Listing,
    mid: Decimal,
    now: datetime,
    bid_size: int,
    ask_size: int,
    widened: Decimal = ONE,
) -> Quote:
    """Bid and ask on the tick, half the spread and at least a tick away from the mid's tick."""
    tick = tick_size(mid)
    middle = _rounded(mid, tick)
    half = max(_rounded(mid * listing.spread_bps * widened / 20_000, tick), tick)
    bid = max(middle - half, tick)
    return Quote(listing.symbol, bid, bid_size, max(middle + half, bid + tick), ask_size, now)


def _grown(draw: int, steps: int) -> int:
    """A draw of variance 1 as one of variance `steps`."""
    return int(draw * Decimal(steps).sqrt())


def _shown(lots: int, word: int) -> int:
    """A displayed size around its mean, from a fifth to nine fifths of it, at least a lot."""
    return max(lots * between(word, 20, 180) // 100, 1 + word * 3 // WORD) * LOT


def _printed(quote: Quote, word: int) -> Decimal:
    """Two trades in five take the ask, two the bid, one meets between them."""
    if word < WORD * 2 // 5:
        return quote.ask
    if word < WORD * 4 // 5:
        return quote.bid
    return _on_tick((quote.bid + quote.ask) / 2)


def _print_at(symbol: str, step: int, price: Decimal, size: int, now: datetime) -> Trade:
    return Trade(symbol, step, price, size, now, price, price, price)


def _on_tick(price: Decimal) -> Decimal:
    return max(_rounded(price, tick_size(price)), tick_size(price))


def _rounded(price: Decimal, tick: Decimal) -> Decimal:
    return (price / tick).to_integral_value(rounding=ROUND_HALF_EVEN) * tick
