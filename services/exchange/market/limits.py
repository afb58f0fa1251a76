"""Limit up, limit down: how far a price may go from where it just was, and the pause after.

The Plan to Address Extraordinary Market Volatility (LULD Plan, with Amendment 18), in short:
bands lie a percentage around the mean of the last five minutes' trades, in regular hours; they
move when that mean has moved a percent, at most every thirty seconds; a price that stands at a
band for fifteen seconds pauses the symbol for five minutes.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from services.exchange.book import Listing
from services.exchange.market.quotes import CENT, Bands, Quote, Trade, tick_size
from services.exchange.market.walk import USUAL_ADV
from services.exchange.sessions import NEW_YORK, session_of

WINDOW, RECOMPUTED, AT_BAND = timedelta(minutes=5), timedelta(seconds=30), timedelta(seconds=15)
PAUSE = timedelta(minutes=5)
DOUBLED = timedelta(minutes=25)  # before the close
MOVED = Decimal("0.01")
# Tier 1 is the large indices and active funds: here, whatever trades this much a day in dollars.
TIER_1 = Decimal(100_000_000)
DEAR, CHEAP = Decimal(3), Decimal("0.75")
PERCENT_TIER_1, PERCENT_TIER_2 = Decimal("0.05"), Decimal("0.10")
PERCENT_MIDDLE, PERCENT_CHEAP, MOST_CHEAP = Decimal("0.20"), Decimal("0.75"), Decimal("0.15")


def is_tier_1(listing: Listing) -> bool:
    return listing.price * (listing.adv or USUAL_ADV) >= TIER_1


def bands_around(reference: Decimal, *, tier_1: bool, late: bool) -> tuple[Decimal, Decimal]:
    """Upper and lower band, on the cent. `late` is the last 25 minutes, when they are double
    for tier 1 and for what costs three dollars or less."""
    if reference > DEAR:
        width = reference * (PERCENT_TIER_1 if tier_1 else PERCENT_TIER_2)
    elif reference >= CHEAP:
        width = reference * PERCENT_MIDDLE
    else:
        width = min(reference * PERCENT_CHEAP, MOST_CHEAP)
    if late and (tier_1 or reference <= DEAR):
        width *= 2
    up = (reference + width).quantize(CENT, ROUND_HALF_UP)
    down = (reference - width).quantize(CENT, ROUND_HALF_UP)
    return up, max(down, CENT)


@dataclass
class Limits:
    """The bands of one symbol. `bands` is None outside regular hours and before a first trade."""

    listing: Listing
    bands: Bands | None = None
    _trades: deque[tuple[datetime, Decimal]] = field(default_factory=deque)
    _reference: Decimal | None = None
    _at_band: datetime | None = None

    def note(self, trade: Trade) -> None:
        self._trades.append((trade.at, trade.price))

    def recomputed(self, now: datetime) -> Bands | None:
        """The bands of now when they are others than before, else None."""
        while self._trades and self._trades[0][0] < now - WINDOW:
            self._trades.popleft()
        session = session_of(now.astimezone(NEW_YORK).date())
        if session is None or not session.opens <= now < session.closes:
            self.bands = self._reference = None
            return None
        if self._trades:
            mean = sum((price for _, price in self._trades), Decimal(0)) / len(self._trades)
            if self._reference is None or abs(mean / self._reference - 1) >= MOVED:
                self._reference = mean
        if self._reference is None:
            return None
        late = now >= session.closes - DOUBLED
        up, down = bands_around(self._reference, tier_1=is_tier_1(self.listing), late=late)
        if self.bands is not None and (up, down) == (self.bands.up, self.bands.down):
            return None
        self.bands = Bands(self.listing.symbol, up, down, now)
        return self.bands

    def forget(self) -> None:
        """After a pause the first trade is the new reference."""
        self._trades.clear()
        self.bands = self._reference = self._at_band = None

    def stands_at_band(self, quote: Quote) -> bool:
        """Whether this quote makes it fifteen seconds at a band."""
        bands = self.bands
        if bands is None or not (quote.ask >= bands.up or 0 < quote.bid <= bands.down):
            self._at_band = None
            return False
        self._at_band = self._at_band or quote.at
        return quote.at - self._at_band >= AT_BAND


def within(bands: Bands, tick: Quote | Trade) -> Quote | Trade:
    """A tick as it may be shown: nothing is bid above the upper band or offered below the
    lower, and nothing trades outside."""
    if isinstance(tick, Trade):
        low, high = bands.down, bands.up
        price, opened, most, least = (
            min(max(one, low), high) for one in (tick.price, tick.open, tick.high, tick.low)
        )
        return tick._replace(price=price, open=opened, high=most, low=least)
    step = tick_size(bands.down)
    if tick.ask > bands.up:
        return tick._replace(ask=bands.up, bid=min(tick.bid, bands.up - step))
    if 0 < tick.bid < bands.down:
        return tick._replace(bid=bands.down, ask=max(tick.ask, bands.down + step))
    return tick
