"""Prices and time as the market gives them."""

from datetime import date
from decimal import Decimal

from pydantic import model_validator

from db.model.base import Exact, Noun, Utc


class Quote(Noun):
    """Best bid and offer. A side without a quote is None, never 0 (alpaca.md §7)."""

    symbol: str
    bid: Exact | None = None
    ask: Exact | None = None
    bid_size: Exact | None = None
    ask_size: Exact | None = None
    at: Utc
    source: str = "stream"

    @property
    def mid(self) -> Decimal | None:
        """Half way between bid and ask; None unless both are there."""
        if self.bid is None or self.ask is None:
            return None
        return (self.bid + self.ask) / 2

    @property
    def spread_bps(self) -> Decimal | None:
        """Spread in basis points of the mid."""
        if self.bid is None or self.ask is None or not (mid := self.mid):
            return None
        return (self.ask - self.bid) / mid * 10_000

    @model_validator(mode="after")
    def _zero_is_no_quote(self) -> "Quote":
        for side in ("bid", "ask"):
            price = getattr(self, side)
            if price is not None and price <= 0:
                object.__setattr__(self, side, None)
        return self


class TradingStatus(Noun):
    """An exchange halted a symbol, or something about it changed: the words of the tape."""

    symbol: str
    code: str
    """By the tape of the symbol's listing; Alpaca's `sc`."""
    message: str
    reason: str = ""
    at: Utc

    @property
    def why(self) -> str:
        return self.reason or self.message


class MarketClock(Noun):
    """The broker's clock (GET /v2/clock), which is market time."""

    at: Utc
    is_open: bool
    next_open: Utc
    next_close: Utc


class Pick(Noun):
    """One symbol that an analysis favours, with its conviction score (0-100)."""

    symbol: str
    sector: str
    conviction: Exact


class MarketAnalysis(Noun):
    """Sector ranking (1 is best) and, per sector, picks (spec 2.G)."""

    as_of: Utc
    sector_rank: dict[str, int] = {}
    picks: tuple[Pick, ...] = ()


class Bar(Noun):
    """One session of one symbol, adjusted for splits."""

    date: date
    """The exchange's."""
    high: Exact
    low: Exact
    close: Exact


class Close(Noun):
    """The official close of a session, as the broker's data tell it."""

    date: date
    """The exchange's."""
    price: Exact
