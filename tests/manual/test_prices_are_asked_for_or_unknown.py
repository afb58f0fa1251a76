"""Where a manual desk has prices from: a data API alone, or what was typed; never a guess."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import SecretStr
from running_exchange import RunningExchange

from db.clock import SystemClock
from services.brokers.alpaca.adapter import AlpacaBroker
from services.brokers.alpaca.endpoints import PAPER
from services.brokers.manual.prices import MarketData, NoPrices


class At(SystemClock):
    """A clock that stands."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        return self._moment


async def test_the_data_api_is_all_that_is_asked(
    start_exchange: Callable[..., RunningExchange],
) -> None:
    exchange = start_exchange()
    endpoints = PAPER.model_copy(update={"data_url": exchange.data_url})
    key, secret = SecretStr(exchange.key), SecretStr(exchange.secret)
    prices = MarketData(AlpacaBroker("main", key, secret, endpoints, SystemClock()))
    try:
        quotes = await prices.quotes(["NEM", "NVDA"])
        assert {"NEM", "NVDA"} == quotes.keys()
        assert await prices.quotes([]) == {}
        assert {one.symbol for one in await prices.instruments()} >= {"NEM", "NVDA"}
        await prices.clock()
    finally:
        await prices.close()
    paths = {entry["path"] for entry in exchange.requests_log()}
    assert paths == {"/v2/stocks/quotes/latest"}, "hours and names are not asked of it"


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        (datetime(2026, 1, 5, 15, 0, tzinfo=UTC), True),
        (datetime(2026, 1, 5, 14, 0, tzinfo=UTC), False),
        (datetime(2026, 1, 3, 15, 0, tzinfo=UTC), False),  # a Saturday
        (datetime(2026, 12, 25, 15, 0, tzinfo=UTC), False),  # Christmas
    ],
)
async def test_hours_are_new_yorks_calendar(moment: datetime, is_open: bool) -> None:
    clock = await NoPrices(At(moment)).clock()
    assert clock.is_open is is_open
    assert clock.at == moment < clock.next_close
    assert clock.next_open > moment


async def test_without_a_source_there_is_no_quote() -> None:
    prices = NoPrices()
    assert await prices.quotes(["NEM"]) == {}
    assert prices.budget().used == 0
    assert Decimal(0) not in {one.average_daily_volume for one in await prices.instruments()}
