"""The exchange as a whole: what the REST handlers and the streams are given."""

from dataclasses import dataclass, field
from weakref import WeakSet

from aiohttp import web

from services.exchange.clock import Clock
from services.exchange.market import Market
from services.exchange.rate_limit import RateLimit
from services.exchange.request_log import RequestLog
from services.exchange.store import Store
from services.exchange.streams.data_hub import DataHub
from services.exchange.streams.trade_hub import TradeHub
from services.exchange.venue import Venue


@dataclass(frozen=True)
class Exchange:
    venue: Venue
    market: Market
    clock: Clock
    store: Store
    requests: RequestLog
    rate_limit: RateLimit
    trade_hub: TradeHub
    data_hub: DataHub
    test_hub: DataHub
    sockets: "WeakSet[web.WebSocketResponse]" = field(default_factory=WeakSet)
