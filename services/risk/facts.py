"""What planning and checks may know. Nothing else: no clock, no broker, no file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from db.model.instrument import UNCLASSIFIED, Instrument
from db.model.market import MarketAnalysis, MarketClock, Quote
from db.model.order import Side
from db.model.policy import Policy
from db.model.portfolio import Portfolio, Position

ZERO = Decimal(0)


@dataclass(frozen=True)
class Facts:
    """One instant. `now` is market time, on the same clock as the quotes' `at`.

    `quotes` should cover every held symbol and every symbol to be traded; what is missing makes
    a check say so, it never makes one pass."""

    portfolio: Portfolio
    quotes: Mapping[str, Quote]
    instruments: Mapping[str, Instrument]
    policy: Policy
    analysis: MarketAnalysis | None
    clock: MarketClock | None
    now: datetime

    @cached_property
    def _positions(self) -> dict[tuple[str, str], Position]:
        return {(p.account, p.symbol): p for p in self.portfolio.positions}

    @cached_property
    def _last_prices(self) -> dict[str, Decimal | None]:
        return {p.symbol: p.current_price for p in self.portfolio.positions}

    @cached_property
    def _mids(self) -> dict[str, Decimal]:
        mids = ((symbol, quote.mid) for symbol, quote in self.quotes.items())
        return {symbol: mid for symbol, mid in mids if mid is not None}

    def price(self, symbol: str) -> Decimal | None:
        """The mid; without one, the broker's last price of a held position; else unknown."""
        mid = self._mids.get(symbol)
        return self._last_prices.get(symbol) if mid is None else mid

    @cached_property
    def unpriced(self) -> tuple[str, ...]:
        """Held symbols whose price nobody knows: no weight can be trusted while there are any."""
        held = {p.symbol for p in self.portfolio.positions if p.qty}
        return tuple(sorted(symbol for symbol in held if self.price(symbol) is None))

    def position(self, account: str, symbol: str) -> Position | None:
        return self._positions.get((account, symbol))

    @cached_property
    def _picked_sectors(self) -> dict[str, str]:
        picks = self.analysis.picks if self.analysis is not None else ()
        return {pick.symbol: pick.sector for pick in picks}

    def sector(self, symbol: str) -> str:
        """By the instruments; where they know none, by the analysis that picks the symbol."""
        known = self.instruments.get(symbol)
        if known is not None and known.sector != UNCLASSIFIED:
            return known.sector
        return self._picked_sectors.get(symbol, UNCLASSIFIED)

    def leverage_factor(self, symbol: str) -> Decimal:
        known = self.instruments.get(symbol)
        return known.leverage_factor if known is not None else Decimal(1)

    def adv(self, symbol: str) -> Decimal | None:
        """Average daily volume in shares."""
        known = self.instruments.get(symbol)
        return known.average_daily_volume if known is not None else None

    def adv_share(self, symbol: str, qty: Decimal) -> Decimal | None:
        """`qty` as a fraction of an average day's volume."""
        adv = self.adv(symbol)
        return qty / adv if adv else None

    def fresh(self, symbol: str) -> bool:
        """Both sides quoted, and not longer ago than the policy allows a market order."""
        quote = self.quotes.get(symbol)
        if quote is None or quote.mid is None:
            return False
        return (self.now - quote.at).total_seconds() <= self.policy.quote_fresh_seconds

    @property
    def market_open(self) -> bool:
        """Regular hours now. Unknown is not open."""
        return self.clock is not None and self.clock.is_open

    def held(self, account: str, symbol: str) -> Decimal:
        """Shares held in the account, negative when short."""
        position = self.position(account, symbol)
        return position.qty if position is not None else ZERO

    def reduces(self, account: str, symbol: str, side: Side, qty: Decimal) -> bool:
        """The order moves the position toward zero and not through it."""
        held = self.held(account, symbol)
        return held >= qty if side is Side.SELL else -held >= qty
