"""The latest quote of every symbol, how old it is, and whether the stream still speaks."""

from collections.abc import Callable, Mapping
from datetime import datetime

from db.model.market import Quote

SILENCE = 5.0
"""Seconds without a streamed quote, in market hours, after which prices are polled (spec 6)."""


class PriceBoard:
    """Pure but for the injected clock. Ages are seconds since the price was true, as far as known:
    the time since it arrived plus what it had aged when it came."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._quotes: dict[str, Quote] = {}
        self._born: dict[str, float] = {}
        self._arrived: dict[str, float] = {}
        self._heard = monotonic()
        self._watched: frozenset[str] = frozenset()

    def watch(self, symbols: frozenset[str]) -> None:
        """The symbols that the stream was asked for; silence is counted anew when they grow."""
        if symbols - self._watched:
            self._heard = self._monotonic()
        self._watched = symbols

    def update(self, quote: Quote, market_now: datetime | None = None) -> bool:
        """Take a quote. False when a newer one is there already (late or out of order).

        `market_now` is market time; with it an old quote, polled, is as old as it says."""
        now = self._monotonic()
        if quote.source == "stream":
            self._heard = now
        self._arrived[quote.symbol] = now
        known = self._quotes.get(quote.symbol)
        if known is not None and quote.at < known.at:
            return False
        lag = 0.0 if market_now is None else (market_now - quote.at).total_seconds()
        self._quotes[quote.symbol] = quote
        self._born[quote.symbol] = now - max(lag, 0.0)
        return True

    def quote(self, symbol: str) -> Quote | None:
        return self._quotes.get(symbol)

    def quotes(self) -> Mapping[str, Quote]:
        return dict(self._quotes)

    def age(self, symbol: str) -> float | None:
        """Seconds; None without a quote."""
        born = self._born.get(symbol)
        return None if born is None else self._monotonic() - born

    def stale(self, symbol: str, seconds: float) -> bool:
        """True when the price is older than `seconds`, or there is none."""
        age = self.age(symbol)
        return age is None or age > seconds

    def silent(self, seconds: float = SILENCE) -> bool:
        """True when symbols are watched and the stream brought nothing for more than `seconds`."""
        return bool(self._watched) and self._monotonic() - self._heard > seconds

    def overdue(self, seconds: float = SILENCE) -> frozenset[str]:
        """Watched symbols of which nothing came for more than `seconds`, from stream or polling:
        a plan that streams fewer symbols than are watched leaves the others to polling."""
        now = self._monotonic()
        return frozenset(
            symbol
            for symbol in self._watched
            if now - self._arrived.get(symbol, float("-inf")) > seconds
        )

    def polling(self, market_open: bool, seconds: float = SILENCE) -> str | None:
        """Why prices must be polled now, in a sentence; None while the stream does it, and while
        the market is closed."""
        if not market_open or not self.silent(seconds):
            return None
        quiet = self._monotonic() - self._heard
        return f"No quote has been streamed for {quiet:.0f} s: prices are polled."
