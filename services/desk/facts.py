"""Fresh facts from the broker: never sized, checked or shown from memory what can be asked."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from db.clock import Clock
from db.model.event import Event
from db.model.instrument import Instrument, Restriction
from db.model.market import MarketAnalysis, MarketClock, Quote
from db.model.order import PROTECTION, BrokerOrder
from db.model.policy import Policy
from db.model.portfolio import Portfolio, Position
from db.model.record import DayState, TaxLot
from db.model.trading import TradingState
from services.brokers.port import Broker
from services.desk.past import Past
from services.execution import tax_book
from services.execution.tax_book import TaxBook
from services.intake.instruments import InstrumentNote
from services.market.board import PriceBoard
from services.market.halts import Halts
from services.market.instruments import merge, shipped
from services.risk.facts import Facts, Key
from services.risk.settlement import bought_unsettled, lends_nothing, unsettled_since

CLOCK_SECONDS = 60.0
"""How long an answer of the broker's clock is extended by our own."""


class FactsSource:
    """Asks the broker and remembers the last answers, with their times, for the screen."""

    def __init__(self, broker: Broker, board: PriceBoard, clock: Clock, policy: Policy) -> None:
        self._broker = broker
        self._board = board
        self._clock = clock
        self.policy = policy
        self.instruments: dict[str, Instrument] = {}
        self.overrides: tuple[InstrumentNote, ...] = ()
        self.analysis: MarketAnalysis | None = None
        self.restrictions: tuple[Restriction, ...] = ()
        self.protections: dict[str, tuple[Decimal | None, Decimal | None]] = {}
        """Symbol → stop and target price, where a plan set them."""
        self.past = Past(broker, clock)
        self._bought: TaxBook = {}
        self._told: list[Event] = []
        """Of shares, not yet in the book: a start does not wait for it."""
        self.halts = Halts()
        self.trading_state: Callable[[], TradingState | None] = lambda: None
        self.day: Callable[[], DayState] = DayState
        self.portfolio: Portfolio | None = None
        self.portfolio_at: float | None = None
        """Monotonic seconds when the last portfolio was asked for: what came later it may lack."""
        self.before_reading: Callable[[], None] = lambda: None
        """Called before account, positions and orders are read, while their age is the old one."""
        self._market_clock: MarketClock | None = None
        self._clock_asked: float = float("-inf")
        self._offset = timedelta(0)

    def market_now(self) -> datetime:
        """Market time: the broker's clock, extended by ours since it was last asked."""
        return self._clock.now() + self._offset

    def in_our_time(self, moment: datetime) -> datetime:
        """A moment of market time as our own clock tells it: a simulated day is another one."""
        return moment - self._offset

    @property
    def market_clock(self) -> MarketClock | None:
        """The last answer moved to now; None before the first, or once its session has turned."""
        if self._market_clock is None:
            return None
        return self._market_clock.model_copy(update={"at": self.market_now()})

    def apply(self, events: Iterable[Event]) -> None:
        """What the journal tells of what was bought."""
        self._told += (event for event in events if event.kind in tax_book.KINDS)

    def _lots(self, positions: Iterable[Position]) -> dict[Key, tuple[TaxLot, ...]]:
        if self._told:
            self._bought, self._told = tax_book.after(self._bought, self._told), []
        return tax_book.known_lots(self._bought, positions)

    def sectors(self) -> dict[str, str]:
        return {symbol: known.sector for symbol, known in self.instruments.items()}

    async def refresh_instruments(self) -> None:
        """The broker's asset list, completed by what is shipped, corrected by the trader's file."""
        assets = await self._broker.instruments()
        self.instruments = merge(shipped(), assets, self.overrides)

    async def refresh_clock(self) -> MarketClock:
        """Ask when the last answer is old or its session has turned since."""
        known = self._market_clock
        now = self._clock.monotonic()
        if known is not None and now - self._clock_asked < CLOCK_SECONDS:
            turn = known.next_close if known.is_open else known.next_open
            if self.market_now() < turn:
                return known
        known = await self._broker.clock()
        self._market_clock = known
        self._clock_asked = now
        self._offset = known.at - self._clock.now()
        return known

    async def refresh_portfolio(self) -> Portfolio:
        """Account, positions and open orders at one instant, as far as three calls can be. Orders
        first: what fills between two answers is then paid for and still open, counted twice rather
        than not at all."""
        self.before_reading()
        asked_at = self._clock.monotonic()
        orders = await self._broker.open_orders()
        account, positions = await asyncio.gather(self._broker.account(), self._broker.positions())
        self.portfolio = Portfolio(
            as_of=self.market_now(),
            accounts=(account,),
            positions=tuple(_with_protected(held, orders) for held in positions),
            orders=orders,
        )
        self.portfolio_at = asked_at
        return self.portfolio

    async def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """A fresh quote of each symbol: from the stream where it is young enough, else asked for."""
        limit = self.policy.quote_fresh_seconds
        now = self.market_now()
        found = {
            symbol: quote
            for symbol in symbols
            if (quote := self._board.quote(symbol)) is not None
            and (now - quote.at).total_seconds() < limit
        }
        missing = sorted(set(symbols) - found.keys())
        if missing:
            asked = await self._broker.quotes(missing)
            for quote in asked.values():
                self._board.update(quote, self.market_now())
            found.update(asked)
        return found

    async def fresh(self, symbols: Iterable[str] = (), policy: Policy | None = None) -> Facts:
        """Everything planning and checks may know, now, under the desk's policy or this one. Raises
        BrokerUnavailableError."""
        policy = policy or self.policy
        clock, portfolio = await asyncio.gather(self.refresh_clock(), self.refresh_portfolio())
        portfolio = await self._with_unsettled(portfolio)
        held = {position.symbol for position in portfolio.positions}
        now = self.market_now()
        quotes, record = await asyncio.gather(
            self.quotes(held | set(symbols)), self.past.record(now, portfolio.positions)
        )
        bars = await self.past.bars(held | set(symbols), now) if policy.needs_bars else {}
        return replace(
            self._known(portfolio, policy), quotes=quotes, clock=clock, record=record, bars=bars
        )

    def at_hand(self, policy: Policy) -> Facts | None:
        """What is known now, without a question to the broker; None before the first read. It lacks
        what was traded before, daily bars and unsettled shares: a phase was checked with those."""
        if self.portfolio is None:
            return None
        return self._known(self.portfolio, policy)

    def _known(self, portfolio: Portfolio, policy: Policy) -> Facts:
        now = self.market_now()
        return Facts(
            portfolio=portfolio,
            quotes=self._board.quotes(),
            instruments=self.instruments,
            policy=policy,
            analysis=self.analysis,
            clock=self.market_clock,
            now=now,
            trading_state=self.trading_state(),
            day=self.day(),
            lots=self._lots(portfolio.positions),
            stops={
                (position.account, position.symbol): stop
                for position in portfolio.positions
                if (stop := self.protections.get(position.symbol, (None, None))[0]) is not None
            },
            halted=self.halts.halted,
            halted_before=self.halts.halted_before(now),
            halts_told=self.halts.told,
            restrictions=self.restrictions,
        )

    async def _with_unsettled(self, portfolio: Portfolio) -> Portfolio:
        """Told which shares of cash accounts unsettled money paid for: one more question, and only
        where there is such an account."""
        cash = {account.name: account for account in portfolio.accounts if lends_nothing(account)}
        if not cash:
            return portfolio
        fills = await self._broker.fills_since(unsettled_since(portfolio.as_of))
        unsettled = {
            (name, symbol): qty
            for name, account in cash.items()
            for symbol, qty in bought_unsettled(
                account.cash, [fill for fill in fills if fill.account == name]
            ).items()
        }
        positions = tuple(
            held.model_copy(update={"qty_unsettled": min(qty, max(held.qty, Decimal(0)))})
            if (qty := unsettled.get((held.account, held.symbol)))
            else held
            for held in portfolio.positions
        )
        return portfolio.model_copy(update={"positions": positions})


def _with_protected(held: Position, orders: Collection[BrokerOrder]) -> Position:
    """Told how many of its shares our own protection holds: a pair is counted by its target."""
    ours = (
        order
        for order in orders
        if order.symbol == held.symbol
        and PROTECTION.match(order.client_order_id)
        and not (order.state is not None and order.state.terminal)
    )
    qty = sum(((order.qty or Decimal(0)) - order.filled_qty for order in ours), Decimal(0))
    return held.model_copy(update={"qty_protected": qty}) if qty else held
