"""Where a manual desk has prices and the market's hours from. Orders never go there."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from db.clock import Clock, SystemClock
from db.model.instrument import UNCLASSIFIED, Instrument
from db.model.market import MarketClock, Quote
from services.brokers.port import RequestBudget
from services.exchange.sessions import current_or_next, session_after
from services.market.instruments import shipped


class Prices(Protocol):
    """A source of prices. Reads raise BrokerUnavailableError."""

    @property
    def says(self) -> str:
        """What it is, for a feed's state."""
        ...

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]: ...

    async def clock(self) -> MarketClock: ...

    async def instruments(self) -> tuple[Instrument, ...]: ...

    def budget(self) -> RequestBudget: ...

    async def close(self) -> None: ...


class Source(Protocol):
    """The reads of a broker that concern no account."""

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]: ...

    async def clock(self) -> MarketClock: ...

    async def instruments(self) -> tuple[Instrument, ...]: ...

    def budget(self) -> RequestBudget: ...

    async def close(self) -> None: ...


class NoPrices:
    """Nobody is asked: a price that was not typed is unknown. Hours by New York's calendar."""

    says = "no source of prices: they are typed, or unknown"

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        return {}

    async def clock(self) -> MarketClock:
        now = self._clock.now()
        session = current_or_next(now)
        is_open = session.opens <= now
        return MarketClock(
            at=now,
            is_open=is_open,
            next_open=session_after(session).opens if is_open else session.opens,
            next_close=session.closes,
        )

    async def instruments(self) -> tuple[Instrument, ...]:
        return _known(shipped())

    def budget(self) -> RequestBudget:
        return RequestBudget(used=0, limit=0)

    async def close(self) -> None:
        """Nothing to close."""


class MarketData(NoPrices):
    """A data API alone: its keys open no account, so the hours and names are not its own."""

    says = "prices are polled from the data API"

    def __init__(self, source: Source, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self._source = source

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        return await self._source.quotes(symbols) if symbols else {}

    def budget(self) -> RequestBudget:
        return self._source.budget()

    async def close(self) -> None:
        await self._source.close()


class Practice(MarketData):
    """The simulated exchange's market, with its own hours and names: to practise on."""

    says = "practice prices of the simulated exchange"

    async def clock(self) -> MarketClock:
        return await self._source.clock()

    async def instruments(self) -> tuple[Instrument, ...]:
        return await self._source.instruments()


def _known(notes: Mapping[str, object]) -> tuple[Instrument, ...]:
    return tuple(Instrument(symbol=symbol, sector=UNCLASSIFIED) for symbol in notes)
