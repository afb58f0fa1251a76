"""Days before the exchange began: made up, but always the same for a seed, a symbol and a day.

The chain of days ends at the listing's price, as the close before the first day. It goes back
to the first session of 2016, as Alpaca's history does. Only regular sessions; no late trades.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from services.exchange.book import Listing
from services.exchange.market.draws import NANO, WORD, normal, words
from services.exchange.market.factors import common, moved
from services.exchange.market.profile import moment_of
from services.exchange.market.quotes import Quote, Trade
from services.exchange.market.rows import SCALE, Row, midnight, price_of
from services.exchange.market.shapes import Shape, wardrobe
from services.exchange.market.timeframes import Timeframe
from services.exchange.market.walk import LOT, USUAL_ADV, quote_around
from services.exchange.sessions import Session, session_of

FIRST_DAY = date(2016, 1, 1)
FINE = 10**8  # prices of the chain are counted in hundred-millionths
DAILY = 14_000_000  # the usual deviation of a day's move, in billionths
OVERNIGHT = 4_000_000
RISE = 250_000  # a day's mean gain, so that the past is mostly cheaper
LEAST_VOLUME, LEAST_TRADES = 10, 4  # of a minute
SHARES_A_TRADE = 200
DAY = timedelta(days=1)
MINUTE = 60


@dataclass(frozen=True)
class PastDay:
    """One made-up session of a symbol; `stretch` is signed, in billionths."""

    seed: int
    listing: Listing
    session: Session
    start: int
    stretch: int
    shape: Shape
    volume: int

    @property
    def row(self) -> Row:
        """The whole day, as its daily bar."""
        return self.piece(midnight(self.session.day), 0, len(self.shape.minutes))

    @property
    def opens(self) -> int:
        return int(self.session.opens.timestamp())

    def minute(self, number: int) -> Row:
        return self.piece(self.opens + MINUTE * number, number, 1)

    def rows(self, timeframe: Timeframe) -> list[Row]:
        """The day's bars of a length within it."""
        slices = timeframe.slices(self.session.day, self.opens, len(self.shape.minutes))
        return [self.piece(*slice_) for slice_ in slices]

    def piece(self, at: int, first: int, count: int) -> Row:
        """The bar of `count` minutes from the `first` on: the fold of theirs, but for its
        turnover: the mean price is theirs within a basis point and a tenth of a cent, for the
        sizes of minutes are whole shares and their prices whole cents."""
        opens, one, other, closes, mean = self.shape.piece(first, count)
        low, high = sorted((self._price(one), self._price(other)))
        volume = LEAST_VOLUME * count + self._part(self.volume, first, count)
        return Row(
            at,
            self._price(opens),
            high,
            low,
            self._price(closes),
            volume,
            LEAST_TRADES * count + self._part(self.volume // SHARES_A_TRADE, first, count),
            volume * min(max(self._exact(mean), low), high),
        )

    def trades(self, number: int) -> list[Trade]:
        """The prints of a minute: the first at its open, then its high and low, last its close."""
        row = self.minute(number)
        drawn = words(self.seed, self.session.day, self.listing.symbol, "trades", number)
        begins = datetime.fromtimestamp(row.at, UTC)
        apart = MINUTE * 1_000_000 // row.trades
        between = [
            _on_tick(row.low * FINE // SCALE + (row.high - row.low) * FINE // SCALE * word // WORD)
            for word in drawn
        ]
        found = []
        for index in range(row.trades):
            ends = {0: row.open, 1: row.high, 2: row.low, row.trades - 1: row.close}
            price = price_of(ends.get(index, between[index * 7 % len(between)]))
            size = row.volume * (index + 1) // row.trades - row.volume * index // row.trades
            at = begins + timedelta(microseconds=apart * index + drawn[index % 32] * apart // WORD)
            ticket = number * 100_000 + index + 1
            found.append(Trade(self.listing.symbol, ticket, price, size, at, price, price, price))
        return found

    def quotes(self, number: int) -> list[Quote]:
        """A quote each second of a minute, around the way from its open to its close."""
        row = self.minute(number)
        drawn = words(self.seed, self.session.day, self.listing.symbol, "quotes", number)
        begins = datetime.fromtimestamp(row.at, UTC)
        widened = moment_of(begins).spread
        found = []
        for second in range(MINUTE):
            mid = price_of(row.open + (row.close - row.open) * second // MINUTE)
            sizes = [(1 + drawn[(second + n) % 32] * 9 // WORD) * LOT for n in (0, 7)]
            at = begins + timedelta(seconds=second)
            found.append(quote_around(self.listing, mid, at, sizes[0], sizes[1], widened))
        return found

    def _part(self, whole: int, first: int, count: int) -> int:
        shares = self.shape.shares
        return whole * shares[first + count] // NANO - whole * shares[first] // NANO

    def _raw(self, height: int) -> int:
        return self.start + self.start * self.stretch * height // (NANO * NANO)

    def _price(self, height: int) -> int:
        return _on_tick(self._raw(height))

    def _exact(self, height: int) -> int:
        return max(self._raw(height) * SCALE // FINE, 1)


class Past:
    """The days of one symbol, newest first, made as far back as anybody asked."""

    def __init__(self, seed: int, listing: Listing, sessions: "PastSessions") -> None:
        self._seed, self._listing, self._sessions = seed, listing, sessions
        self._days: list[PastDay] = []
        self._close = int(listing.price * FINE)
        temper = words(seed, "temper", listing.symbol)[0]
        self._deviation = DAILY * (WORD * 7 // 10 + temper) // WORD

    def day(self, index: int) -> PastDay | None:
        """The `index`-th session before the first day, 0 the newest; None before 2016."""
        while len(self._days) <= index:
            session = self._sessions.before(len(self._days))
            if session is None:
                return None
            self._days.append(self._made(session))
        return self._days[index]

    def _made(self, session: Session) -> PastDay:
        """The day before the ones made so far, from the close it has to end at."""
        listing, sector = self._listing, self._listing.sector
        own = words(self._seed, session.day, listing.symbol)
        shared = self._sessions.common(session, sector)
        length = int((session.closes - session.opens).total_seconds()) // MINUTE
        shape, sign = wardrobe(self._seed, length).nearest(moved(shared, normal(own)))
        stretch = sign * self._deviation * (WORD * 7 // 10 + own[12] * 6 // 10) // WORD
        grown = NANO * NANO + stretch * shape.end
        start = max(self._close * NANO * NANO // grown, FINE // SCALE)
        usual = (listing.adv or USUAL_ADV) * length // 390
        volume = usual * (WORD * 6 // 10 + own[13] * 8 // 10) // WORD
        gap = OVERNIGHT * normal(own[13:] + own[:13]) // NANO + RISE
        self._close = max(start * NANO // (NANO + gap), FINE // SCALE)
        return PastDay(self._seed, listing, session, start, stretch, shape, volume)


class PastSessions:
    """The sessions before a day, newest first, and what each brought the sectors."""

    def __init__(self, seed: int, begun: date) -> None:
        self._seed, self._next = seed, begun - DAY
        self._found: list[Session] = []
        self._common: dict[tuple[date, str], int] = {}

    def before(self, index: int) -> Session | None:
        while len(self._found) <= index:
            if self._next < FIRST_DAY:
                return None
            session = session_of(self._next)
            self._next -= DAY
            if session is not None:
                self._found.append(session)
        return self._found[index]

    def indices(self, first: date, last: date) -> Iterator[int]:
        """Of the sessions from `first` to `last`, newest first."""
        index = 0
        while (session := self.before(index)) is not None and session.day >= first:
            if session.day <= last:
                yield index
            index += 1

    def common(self, session: Session, sector: str) -> int:
        key = session.day, sector
        if key not in self._common:
            self._common[key] = common(self._seed, session.day, [sector])[sector]
        return self._common[key]


def _on_tick(raw: int) -> int:
    """A fine price in ten-thousandths, on the cent from a dollar on; never lower for higher."""
    if raw >= FINE:
        return (raw + FINE // 200) // (FINE // 100) * (SCALE // 100)
    return max((raw + FINE // SCALE // 2) // (FINE // SCALE), 1)
