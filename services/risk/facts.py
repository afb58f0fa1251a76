"""What planning and checks may know. Nothing else: no clock, no broker, no file."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from db.model.idea import Idea
from db.model.instrument import UNCLASSIFIED, Contract, Instrument, Restriction
from db.model.market import Bar, MarketAnalysis, MarketClock, Quote
from db.model.order import Side
from db.model.policy import Policy
from db.model.portfolio import Portfolio, Position
from db.model.record import DayState, TaxLot, TradeRecord
from db.model.trading import TradingState
from services.market.sectors import canonical_sector

ZERO = Decimal(0)
NEW_YORK = ZoneInfo("America/New_York")
Key = tuple[str, str]
"""Account and symbol."""


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
    trading_state: TradingState | None = None
    day: DayState = field(default_factory=DayState)
    record: TradeRecord | None = None
    """Trades of all accounts; None: nobody knows them."""
    lots: Mapping[Key, Sequence[TaxLot]] = field(default_factory=dict)
    """Oldest first. What is held beyond them was there before, see `undated`."""
    bars: Mapping[str, Sequence[Bar]] = field(default_factory=dict)
    """Daily, oldest first."""
    stops: Mapping[Key, Decimal] = field(default_factory=dict)
    """At which a holding is to be left, where that is known."""
    halted: Mapping[str, str] = field(default_factory=dict)
    """Symbol known to be halted by its exchange → why."""
    halted_before: Mapping[str, str] = field(default_factory=dict)
    """Symbol that was halted when last told → why: it may trade again."""
    halts_told: bool = True
    """Whether somebody tells of halts."""
    restrictions: Sequence[Restriction] = ()
    contracts: Mapping[str, Sequence[Contract]] = field(default_factory=dict)
    """Options by their underlying, where somebody tells them; nothing is guessed of the others."""
    heard: Sequence[Idea] = ()
    """Signals of the last minutes, those that are planned now left out."""

    @cached_property
    def remembered(self) -> dict[Hashable, object]:
        """What was computed from these facts, by what was asked."""
        return {}

    @property
    def today(self) -> date:
        """The exchange's date."""
        return self.now.astimezone(NEW_YORK).date()

    @cached_property
    def restricted(self) -> Mapping[str, str]:
        """Symbol → why it may not be bought: by the policy, and by the list where it still holds."""
        today = self.today.isoformat()
        listed = {
            r.symbol: r.reason if r.expires is None else f"{r.reason} (until {r.expires})"
            for r in self.restrictions
            if r.expires is None or today < r.expires
        }
        return {**listed, **self.policy.restricted}

    def rank(self, sector: str) -> int | None:
        """Of the sector in the market analysis, 1 is best; None: not ranked, or no analysis."""
        return self._ranks.get(sector)

    @cached_property
    def _ranks(self) -> dict[str, int]:
        ranks = self.analysis.sector_rank if self.analysis is not None else {}
        return {canonical_sector(name) or name: rank for name, rank in ranks.items()}

    @cached_property
    def _positions(self) -> dict[tuple[str, str], Position]:
        return {(p.account, p.symbol): p for p in self.portfolio.positions}

    def holdings_of(self, symbol: str) -> Sequence[Position]:
        """Positions of the symbol in all accounts."""
        return self._by_symbol.get(symbol, ())

    @cached_property
    def _by_symbol(self) -> dict[str, list[Position]]:
        found: dict[str, list[Position]] = {}
        for position in self.portfolio.positions:
            found.setdefault(position.symbol, []).append(position)
        return found

    @cached_property
    def shares(self) -> Mapping[str, Decimal]:
        """Symbol → shares held in all accounts."""
        found: dict[str, Decimal] = {}
        for position in self.portfolio.positions:
            found[position.symbol] = found.get(position.symbol, ZERO) + position.qty
        return found

    @cached_property
    def _prices(self) -> dict[str, Decimal | None]:
        known = {p.symbol: p.current_price for p in self.portfolio.positions}
        mids = ((symbol, quote.mid) for symbol, quote in self.quotes.items())
        return known | {symbol: mid for symbol, mid in mids if mid is not None}

    def price(self, symbol: str) -> Decimal | None:
        """The mid; without one, the broker's last price of a held position; else unknown."""
        return self._prices.get(symbol)

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
        known = self._sectors.get(symbol)
        if known is None:
            known = self._sectors[symbol] = self._sector(symbol)
        return known

    @cached_property
    def _sectors(self) -> dict[str, str]:
        return {}

    def _sector(self, symbol: str) -> str:
        known = self.instruments.get(symbol)
        if known is not None and known.sector != UNCLASSIFIED:
            return known.sector
        return self._picked_sectors.get(symbol, UNCLASSIFIED)

    @cached_property
    def leveraged(self) -> frozenset[str]:
        """Symbols whose exposure is not their value."""
        return frozenset(
            s for s, known in self.instruments.items() if abs(known.leverage_factor) != 1
        )

    def leverage_factor(self, symbol: str) -> Decimal:
        known = self.instruments.get(symbol)
        return known.leverage_factor if known is not None else Decimal(1)

    def adv(self, symbol: str) -> Decimal | None:
        """Average daily volume in shares."""
        known = self.instruments.get(symbol)
        return known.average_daily_volume if known is not None else None

    def volume_profile(self, symbol: str) -> Sequence[Decimal] | None:
        """How its volume lies over the half hours of a session, where somebody knows."""
        known = self.instruments.get(symbol)
        return known.volume_profile if known is not None else None

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

    def undated(self, account: str, symbol: str) -> tuple[Decimal, Decimal | None]:
        """Shares held that are of no known lot, and what one of them cost on average by the broker's
        cost of all: None where nobody knows it."""
        held = self.position(account, symbol)
        if held is None or held.qty <= 0:
            return ZERO, None
        lots = self.lots.get((account, symbol), ())
        qty = held.qty - sum((lot.qty for lot in lots), ZERO)
        if qty <= 0 or not held.avg_entry_price:
            return max(qty, ZERO), None
        paid = held.qty * held.avg_entry_price - sum((lot.qty * lot.price for lot in lots), ZERO)
        # The broker averages by rules of its own: one that leaves nothing tells nothing of these.
        return qty, paid / qty if paid > 0 else held.avg_entry_price

    def reduces(self, account: str, symbol: str, side: Side, qty: Decimal) -> bool:
        """The order moves the position toward zero and not through it."""
        held = self.held(account, symbol)
        return held >= qty if side is Side.SELL else -held >= qty
