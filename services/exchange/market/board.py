"""One instrument as it stands, what a tick changed, and how an instrument is described."""

from dataclasses import dataclass, field
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

from services.exchange.book import Listing
from services.exchange.market.lived import Lived
from services.exchange.market.quotes import (
    Bands,
    Bar,
    Cancel,
    Correction,
    Quote,
    Trade,
    TradingStatus,
)


@dataclass
class Board:
    """The latest of one instrument. `previous_close` is what yesterday ended at."""

    listing: Listing
    asset_id: str
    previous_close: Decimal
    halted: bool = False
    quote: Quote | None = None
    trade: Trade | None = None
    minute: Bar | None = None
    last_minute: Bar | None = None
    day: Bar | None = None
    bands: Bands | None = None
    lived: Lived = field(default_factory=Lived)

    @property
    def price(self) -> Decimal:
        """What a share is worth now: the last trade, as Alpaca values positions."""
        return self.trade.price if self.trade else self.listing.price


@dataclass(frozen=True)
class Update:
    """What one tick of the market changed, in order.

    `bars` are the minutes just finished, `updated` those that late trades or corrections changed
    since they were sent, `days` the running days of what traded in the last minute. `options`
    are the quotes of contracts somebody asked for, which follow their underlyings.
    """

    ticks: list[Quote | Trade]
    bars: list[Bar]
    days: list[Bar]
    updated: list[Bar] = field(default_factory=list)
    statuses: list[TradingStatus] = field(default_factory=list)
    lulds: list[Bands] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    cancels: list[Cancel] = field(default_factory=list)
    options: list[Quote] = field(default_factory=list)

    @property
    def quoted(self) -> set[str]:
        quotes = {tick.symbol for tick in self.ticks if isinstance(tick, Quote)}
        return quotes | {quote.symbol for quote in self.options}


def asset_id(symbol: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"simulated exchange asset {symbol}"))
