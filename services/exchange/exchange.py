"""The exchange as a whole: what the REST handlers and the streams are given."""

import asyncio
from dataclasses import dataclass, field
from weakref import WeakSet

from aiohttp import web

from services.exchange.clock import Clock
from services.exchange.engine.venue import Venue
from services.exchange.equity import EquityLog
from services.exchange.market.boards import Market
from services.exchange.rate_limit import RateLimit
from services.exchange.request_log import RequestLog
from services.exchange.scenarios.director import Director
from services.exchange.scenarios.past import Past
from services.exchange.store import Store
from services.exchange.streams.connection import Connections
from services.exchange.streams.data_hubs import DataHubs
from services.exchange.streams.trade_hub import TradeHub
from services.exchange.watchlists import Watchlists


@dataclass(frozen=True)
class Exchange:
    """`failure` is resolved by the first unforeseen error, which ends the process."""

    venue: Venue
    market: Market
    clock: Clock
    store: Store
    requests: RequestLog
    rate_limit: RateLimit
    trade_hub: TradeHub
    data_hubs: DataHubs
    failure: "asyncio.Future[None]"
    director: Director
    past: Past
    connections: Connections
    watchlists: Watchlists
    equity: EquityLog
    sockets: "WeakSet[web.WebSocketResponse]" = field(default_factory=WeakSet)

    def fail(self, error: Exception) -> None:
        """After an unforeseen error the state in memory is in doubt: stop, and say why."""
        if not self.failure.done():
            self.store.abandon()
            self.failure.set_exception(error)
